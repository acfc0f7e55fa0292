#!/bin/sh
# Makes one archive from which DDMS is installed where there is no network: docs/airgap.md. Run it in a clone, on a machine with a
# network, of the kind of the one it is for: the same processor, and for the wheels the same version of Python (PYTHON=…).
#   deploy/airgap.sh [FOLDER]      writes FOLDER/ddms-airgap-VERSION.tar, FOLDER being build unless it is given
# Images are in it when Docker is here; without it the archive serves an installation by systemd.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=${1:-build}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
name=ddms-airgap-$version
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
into=$work/$name
mkdir -p "$into/wheels"

echo "wheels for $($python --version), each checked against its hash …"
$python -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement bootstrap/pip.txt
"$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
    --requirement requirements.runtime.lock --dest "$into/wheels"
"$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes --requirement bootstrap/pip.txt --dest "$into/wheels"
"$work/venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$into/wheels" .

echo "the files of this commit …"
git archive --prefix=ddms/ HEAD | tar -xf - -C "$into"
git rev-parse HEAD >"$into/COMMIT"
cp deploy/airgap_install.sh "$into/install.sh"
cp deploy/debian-packages.txt "$into/"

if docker info >/dev/null 2>&1; then
    echo "images …"
    docker compose build --quiet
    docker compose --profile demo pull --quiet --ignore-buildable
    docker compose --profile demo config --images | sort -u | xargs docker save --output "$into/images.tar"
else
    echo "no Docker here: the archive is without images"
fi

(cd "$into" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + | sort -k 2 >SHA256SUMS)
tar -cf "$folder/$name.tar" -C "$work" "$name"
echo "$folder/$name.tar: $(du -h "$folder/$name.tar" | cut -f 1), $(find "$into/wheels" -name '*.whl' | wc -l) wheels"
