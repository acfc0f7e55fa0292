# One image for the three programs, `ddms migrate`, `ddms api`, `ddms collector`, and the simulated plant. About 148 MB
# unpacked; what that takes is in docs/decisions/0004-a-small-image.md.
ARG PYTHON=3.13.7-alpine3.22

FROM python:${PYTHON} AS build
RUN apk add --no-cache binutils
RUN python -m venv --without-pip /opt/ddms
WORKDIR /build
COPY requirements.runtime.lock ./
RUN pip --python /opt/ddms/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        --requirement requirements.runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY ddms ddms
COPY api api
COPY collector collector
COPY migrations migrations
COPY demo demo
RUN pip --python /opt/ddms/bin/python install --no-cache-dir --no-compile --no-deps .
# Packages' own tests, headers and debugging symbols are a third of their size. numpy.libs is left alone: its libraries
# were patched after linking, and stripping breaks them.
RUN find /opt/ddms -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/ddms -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) -delete \
    && find /opt/ddms -type f -name '*.so*' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
    && /opt/ddms/bin/python -B -c 'import api.app, collector.app, demo.plant, migrations'

FROM python:${PYTHON}
# pg_dump and pg_restore of the database's version, for backups; of the other programs none is needed.
RUN apk add --no-cache postgresql17-client \
    && find /usr/libexec/postgresql17 -type f ! -name pg_dump ! -name pg_restore -delete
RUN adduser -D -H -u 10001 ddms && install -d -o ddms -g ddms /run/edge /var/lib/ddms /var/lib/ddms/spool /var/lib/ddms/notifications \
    && install -d -o ddms -g ddms -m 700 /var/lib/ddms/keys /var/lib/ddms/backups /var/lib/ddms/exports
COPY --from=build /opt/ddms /opt/ddms
ENV PATH=/opt/ddms/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /var/lib/ddms
USER 10001:10001
EXPOSE 8000 9108
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["ddms"]
CMD ["api"]
