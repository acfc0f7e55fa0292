#!/bin/sh
# Make .venv, or bring it up to date. It is whole when .venv/.ready is there, and only then: what an interrupted run left
# is thrown away. Every package's hash is checked.
set -u
bin=.venv/bin
has_uv() { uv --version >/dev/null 2>&1; }

by_uv() {
    echo 'making .venv with uv'
    { [ "$kept" ] || uv venv --quiet --clear --python '>=3.11' .venv; } &&
        uv pip install --quiet --python $bin/python --require-hashes --requirement requirements.lock &&
        uv pip install --quiet --python $bin/python --no-deps --no-build-isolation --editable .
}

# The pip that Python brings may be too old for our lock (before 24: pypa/pip#12345), and any pip is slow. So it installs
# one file only, uv, which then does the rest as pip is configured; where uv cannot, a new pip does it.
by_pip() {
    python=$(sh bootstrap/python.sh) || exit 1
    echo 'making .venv; this takes half a minute, once'
    { [ "$kept" ] && $bin/python -m pip --version >/dev/null 2>&1; } || $python -m venv --clear .venv || return
    pip --only-binary :all: --requirement bootstrap/uv.txt &&
        uv_as_pip --require-hashes --requirement requirements.lock &&
        uv_as_pip --no-deps --no-build-isolation --editable . && return
    echo 'uv could not do it; trying with pip, which takes a minute'
    pip --requirement bootstrap/pip.txt &&
        pip --require-hashes --requirement requirements.lock &&
        pip --no-deps --no-build-isolation --editable .
}
pip() { $bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@"; }
uv_as_pip() { $bin/python bootstrap/uv_as_pip.py "$@"; }

kept=
if [ -e .venv/.ready ] && $bin/python -c '' 2>/dev/null; then kept=yes; fi
rm -f .venv/.ready || exit
if ! { has_uv && by_uv; }; then
    if ! by_pip; then
        echo 'The packages of DDMS could not be installed: the lines above say why. Nothing needs to be cleaned up; try again.' >&2
        exit 1
    fi
fi
touch .venv/.ready
