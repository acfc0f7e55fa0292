"""`ddms api`, `ddms collector`, `ddms ingest` and `ddms demo`: the programs."""

import sys
from pathlib import Path

import click

from ddms import logs
from ddms.cli import settings as read_settings


@click.command
def api() -> None:
    """Serve the GraphQL API until it is stopped."""
    settings = read_settings()
    logs.set_up(level=settings.log_level, form=settings.log_format)
    from api.app import serve  # noqa: PLC0415 - each program loads only itself

    serve(settings)


@click.command
def collector() -> None:
    """Poll the devices until it is stopped."""
    settings = read_settings()
    logs.set_up(level=settings.log_level, form=settings.log_format)
    if settings.site and settings.nats_url:
        from collector.far.program import serve  # noqa: PLC0415 - each program loads only itself
    else:
        from collector.app import serve  # noqa: PLC0415

    sys.exit(serve(settings))


@click.command
def ingest() -> None:
    """Store what the collectors of far sites send over NATS, and answer them, until it is stopped."""
    settings = read_settings()
    logs.set_up(level=settings.log_level, form=settings.log_format)
    from collector.ingest.app import serve  # noqa: PLC0415 - each program loads only itself

    sys.exit(serve(settings))


@click.command
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the demo keeps its database and logs: by default ~/.local/share/ddms/demo, in a checkout .ddms/demo.",
)
@click.option(
    "--grafana",
    type=click.Path(path_type=Path),
    metavar="HOME|docker",
    help="Home folder of a Grafana to show the dashboards with, or `docker` for a container (else `grafana` is looked for).",
)
def demo(directory: Path | None, grafana: Path | None) -> None:
    """Start a whole DDMS with a simulated plant; no Docker needed. Ctrl-C ends it."""
    from demo.home import home  # noqa: PLC0415 - only the demo needs PostgreSQL as a wheel
    from demo.run import run  # noqa: PLC0415

    sys.exit(run(directory=directory or home(), grafana=grafana))
