#!/bin/sh
# In the archive that deploy/airgap.sh makes, as install.sh: installs from its files alone. docs/airgap.md has what follows.
#   sh install.sh images           loads the images into Docker
#   sh install.sh programs FOLDER  makes FOLDER (/usr/lib/ddms) the home of the programs: Python's venv with the wheels
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}
[ $# -ge 1 ] || usage

echo "checking that the archive arrived whole …"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || {
    echo "some files are not what they were: copy the archive again" >&2
    exit 1
}
case $1 in
images)
    [ -e "$here/images.tar" ] || {
        echo "this archive has no images: it was made where there was no Docker" >&2
        exit 1
    }
    docker load --input "$here/images.tar"
    ;;
programs)
    [ $# -eq 2 ] || usage
    $python -m venv "$2"
    pip="$2/bin/python -m pip install --quiet --disable-pip-version-check --no-index --find-links $here/wheels"
    # An old pip does not understand all of the lock: the newer one is in the archive.
    $pip --require-hashes --requirement "$here/ddms/bootstrap/pip.txt"
    $pip --require-hashes --requirement "$here/ddms/requirements.runtime.lock" || {
        echo "the wheels are for another Python or processor than this one: $($python --version), $(uname -m)" >&2
        exit 1
    }
    $pip --no-deps "$here"/wheels/ddms-*.whl
    "$2/bin/ddms" --version
    ;;
*) usage ;;
esac
