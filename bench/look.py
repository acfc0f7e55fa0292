"""Looks at every dashboard, in both languages, at a desk and on a tablet, over a plant of 1,000 devices and 90 days.

`python -m bench.look [--grafana HOME] [--folder pictures]`: fills a database (kept for the next run; `--anew` fills it again), starts the API,
Grafana, nginx and, where one is installed, Prometheus; opens each dashboard in Chromium, saves its picture, and ends with 1
when a panel has an error or is empty, the browser's console shows an error, or a page is wider than its window.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.database import find_server

WIDTHS = (1400, 768)
NEEDS_PROMETHEUS = {"api", "collector"}
METRICS_AFTER = 150  # seconds until Prometheus has seen what happens now and then, such as a minute of skipped polls
WITHOUT = """Nothing was looked at: here is no {missing}.
What needs none of it is held by the tests: tests/database/test_grafana.py runs the SQL of every panel, tests/unit/test_dashboards.py holds the JSON."""


def arguments(given: list[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.look", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--grafana", type=Path, help="home folder of a Grafana; also DDMS_TEST_GRAFANA")
    parser.add_argument("--folder", type=Path, default=Path("pictures"), help="where the pictures go (%(default)s)")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--anew", action="store_true", help="fill the database again")
    parser.add_argument(
        "--only", nargs="*", default=[], help="dashboards, such as fleet device-zh; all when none is named"
    )
    parser.add_argument("--widths", nargs="*", type=int, default=list(WIDTHS))
    return parser.parse_args(given)


def looks(asked: argparse.Namespace, *, has_metrics: bool) -> Iterator[tuple[str, Any]]:
    """Give what is looked at, one language after the other."""
    from bench.look_pages import Look  # noqa: PLC0415
    from bench.look_site import CHOSEN  # noqa: PLC0415
    from grafana.__main__ import BOARDS, dashboards  # noqa: PLC0415

    made = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}
    for suffix in ("", "-zh"):
        for name in BOARDS:
            wanted = not asked.only or f"{name}{suffix}" in asked.only
            if wanted and (has_metrics or name not in NEEDS_PROMETHEUS):
                for width in asked.widths:
                    yield "zh" if suffix else "en", Look(board=made[f"{name}{suffix}"], width=width, query=CHOSEN.get(name, ""))  # fmt: skip


async def see(asked: argparse.Namespace, server: str, scratch: Path) -> int:
    """Look at everything; return how much is wrong."""
    from bench import look_pages, look_plant, look_site  # noqa: PLC0415
    from tests.support.browser import browsing  # noqa: PLC0415

    began = time.perf_counter()
    url = await look_site.filled(server, asked.devices, asked.days, anew=asked.anew)
    print(f"database ready after {time.perf_counter() - began:.0f} s", flush=True)
    if not look_site.PROMETHEUS:
        print("the dashboard API is left out: no prometheus is on the path")
    asked.folder.mkdir(parents=True, exist_ok=True)
    wrong, person = 0, ""
    async with (
        look_plant.polled(url, asked.devices, asked.days, is_there=bool(look_site.PROMETHEUS)),
        look_site.site(url, scratch) as site,
        browsing(scratch / "browser", "--ignore-certificate-errors", "--hide-scrollbars") as page,
    ):
        await look_pages.prepare(page)
        measured = time.monotonic() + METRICS_AFTER
        for language, one in looks(asked, has_metrics=bool(look_site.PROMETHEUS)):
            if language != person:
                await page.enter(site.cookies[language], site.base)
                person = language
            if one.picture.split("-")[0] in NEEDS_PROMETHEUS:
                await asyncio.sleep(measured - time.monotonic())
            seen = await look_pages.look(page, site.base, one, asked.folder)
            wrong += bool(seen.faults)
            print(f"{'WRONG' if seen.faults else 'good '} {one.picture:<34} {seen.seconds:5.1f} s", flush=True)
            print("".join(f"      {line}\n" for line in (*seen.faults, *(f"({n})" for n in seen.notes))), end="")
    return wrong


def main() -> None:
    asked = arguments(sys.argv[1:])
    if asked.grafana:
        os.environ["DDMS_TEST_GRAFANA"] = str(asked.grafana)  # read when the module is
    from bench.look_site import missing  # noqa: PLC0415

    if absent := missing():
        print(WITHOUT.format(missing=", no ".join(absent)))
        return
    os.environ.setdefault("DDMS_TEST_DURABLE", "1")
    server, _ = find_server()
    try:
        with tempfile.TemporaryDirectory(prefix="ddms-look-") as scratch:
            wrong = asyncio.run(see(asked, server.url, Path(scratch)))
    finally:
        server.stop()
    print(f"\n{wrong} looks are wrong; the pictures are in {asked.folder}" if wrong else f"\nall is well; the pictures are in {asked.folder}")  # fmt: skip
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
