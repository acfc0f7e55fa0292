"""`ddms keys`: the keys with which the API tells Grafana who somebody is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ddms.cli import settings
from ddms.cli.tables import AS_JSON, print_json, table
from ddms.errors import Code, DdmsError


def folder() -> Path:
    """Return the folder of the keys; raises a sentence when it is not set."""
    found = settings().keys_directory
    if found is None:
        raise DdmsError(Code.SETTINGS, "set DDMS_KEYS_DIRECTORY, the folder of the keys", field="DDMS_KEYS_DIRECTORY")
    return found


@click.group
def keys() -> None:
    """Show and renew the keys with which the API tells Grafana who somebody is."""


@keys.command
@click.option("--now", "at_once", is_flag=True, help="Another may have the key: drop it at once.")
@AS_JSON
def rotate(at_once: bool, as_json: bool) -> None:
    """Make a new key; the first one too, where there is none.

    It is published at once and signs after two minutes; the one before stays published until what it signed has expired, so
    that nobody notices. With --now the one before is worth nothing any more: Grafana, which remembers published keys,
    refuses everybody for up to a minute.
    """
    from api.ground import signing  # noqa: PLC0415 - a library that only this needs

    new = signing.rotate(folder(), at_once=at_once)
    if as_json:
        print_json(_row(new))
    else:
        click.echo(f"The key {new.id} signs from {_time(new.since)} on.")


@keys.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List the keys, the oldest first."""
    from api.ground import signing  # noqa: PLC0415 - a library that only this needs

    rows = [_row(key) for key in signing.read(folder())]
    if as_json:
        print_json(rows)
        return
    table(("key", "signs from (UTC)"), [tuple(row.values()) for row in rows], empty="No keys.")


def _row(key: Any) -> dict[str, str]:
    return {"id": key.id, "since": _time(key.since)}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
