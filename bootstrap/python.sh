#!/bin/sh
# Print a Python that can make .venv: 3.11 or newer, with venv. Where there is none, say what to install on this system,
# before anything is downloaded.
for python in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import ensurepip, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$python"
        exit
    fi
done

system=$(. /etc/os-release 2>/dev/null && echo " $ID $ID_LIKE ")
case "$(uname) $system" in
    Darwin*) line='xcode-select --install; brew install python' ;;
    *' debian '* | *' ubuntu '*) line='sudo apt install curl git make python3-venv' ;;
    *' fedora '* | *' rhel '*) line='sudo dnf install curl git make python3' ;;
    *) line='with the packager of your system: curl, git, make, Python with venv' ;;
esac
found=$(python3 -c 'import platform; print("here it is", platform.python_version())' 2>/dev/null || echo 'there is none')
{
    echo "DDMS needs Python 3.11 or newer with its module venv; $found. Install what is missing, then try again:"
    echo "  $line"
    echo 'Or install uv (https://docs.astral.sh/uv/), which brings a Python of its own.'
} >&2
exit 1
