"""`python -m bench [NAME …]`: run the benches of this folder, or the named ones, one after the other.

A bench is a module here with a `main`, but for the parts that benches are made of. Each prints a table with a ratio,
because seconds of one machine mean little on another. They use the database of `DDMS_TEST_DATABASE_URL`, else one that
is found as the tests find theirs, with everything on that makes it durable.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.database import find_server

FOLDER = Path(__file__).parent
NO_BENCHES = {
    "faults",
    "faults_alarms",
    "faults_far",
    "fuzz",
    "live_clients",
    "look_field",
    "look_pages",
    "look_plant",
    "look_rows",
    "look_signals",
    "look_site",
    "pair",
    "plant",
    "processes",
    "whole",
}


def benches() -> list[str]:
    """Return the names of all benches."""
    names = (path.stem for path in FOLDER.glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8"))
    return sorted(name for name in names if name not in NO_BENCHES and not name.startswith("_"))


def main(wanted: list[str]) -> int:
    if unknown := set(wanted) - set(benches()):
        print(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(benches())}", file=sys.stderr)
        return 2
    os.environ["DDMS_TEST_DURABLE"] = "1"
    server, passed_over = find_server()
    print(
        f"database: from {server.origin}" + "".join(f"\n  passed over: {reason}" for reason in passed_over), flush=True
    )
    failed = []
    try:
        for name in wanted or benches():
            print(f"\n== {name}", flush=True)
            environment = os.environ | {"DDMS_TEST_DATABASE_URL": server.url}
            if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False, env=environment).returncode != 0:
                failed.append(name)
    finally:
        server.stop()
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
