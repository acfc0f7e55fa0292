"""`ddms sunspec`: the models of a SunSpec device, made into points."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from ddms.cli import files, reach, written
from ddms.cli.commissioning import work
from ddms.errors import Code, DdmsError
from ddms.logs import visible
from ddms.sunspec.files import device_file, profile_file
from ddms.sunspec.models import label
from ddms.sunspec.proposal import Proposal, propose


@click.command
@click.argument("endpoint")
@reach.line_options
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
@click.option("--unit", type=click.IntRange(0, 255), default=1, show_default=True, help="Unit id; 126 of SMA, 200 and up of Fronius' meters.")  # fmt: skip
@click.option("--base", type=click.IntRange(0, 65_531), help="Where the map begins.  [default: 40000, 0, 50000 and those beside]")  # fmt: skip
@click.option("--models", metavar="ID,ID,…", help="Propose points of these models only.")
@click.option("--all", "everything", is_flag=True, help="Also points that the device does not implement, disabled.")
@click.option("--profile", "as_profile", is_flag=True, help="With --write: a profile for many such devices, for `ddms profiles import`.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0.05, 30), default=1.0, show_default=True, help="Seconds to wait.")
@written.options
def sunspec(
    endpoint: str,
    unit: int,
    base: int | None,
    models: str | None,
    everything: bool,
    as_profile: bool,
    timeout: float,
    file: Path | None,
    force: bool,
    as_json: bool,
    **form: Any,
) -> None:
    """Walk over the models of a SunSpec device (inverters, meters, batteries) and propose its points.

    ENDPOINT is a host, host:port, or as elsewhere tcp://host:port, … Reads only. What was found before something went
    wrong, or before Ctrl-C, is kept. Models that are not known here are named, and left out.
    """
    if as_profile and file is None:
        raise click.UsageError("--profile says what to write: say where, --write FILE")
    written.check(file, force=force)
    chosen = _chosen(models)
    line = written.line(endpoint if "://" in endpoint else f"tcp://{endpoint}", form, timeout)
    found: dict[str, Any] = {"base": None, "models": [], "notes": [], "requests": 0}
    asked = {"unit_id": unit, "base": base, "timeout_ms": timeout * 1000}
    complete = False
    with suppress(KeyboardInterrupt):
        found.update(work(str(line.endpoint), form, "sunspec", asked, lambda _progress, result: found.update(result)))
        complete = True
    if not complete:
        found["notes"].append("the walk was ended before it was complete")
    proposal = propose(found, everything=everything, models=chosen)
    if file is not None and proposal.points:
        device = device_file(found, proposal, written.connection(line), unit, written.existing())
        files.write(file, profile_file(found, proposal) if as_profile else device, f"{len(proposal.points)} points are")
    points = [asdict(one) for one in proposal.points]
    answer = orjson.dumps(found | {"complete": complete, "points": points}).decode() if as_json else None
    click.echo(answer or _told(found, proposal), err=file == files.DASH)
    if not proposal.points:
        raise SystemExit(1)


def _chosen(models: str | None) -> list[int]:
    try:
        return [int(one) for one in models.split(",")] if models else []
    except ValueError:
        raise DdmsError(Code.INVALID, f"{models!r} is no list of models: write 103,160", field="--models") from None


def _told(found: dict[str, Any], proposal: Proposal) -> str:
    lines = [proposal.description] if found["models"] else []
    for model in found["models"]:
        points = sum(one.model == model["id"] for one in proposal.points)
        lines.append(
            f"  {model['id']:>5}  {model['address']:>5}  {model['length']:>5} registers  {points:>4} points  {label(model['id']) or 'not known here'}"
        )
    lines += [*found["notes"], *proposal.remarks]
    lines.append(f"{len(found['models'])} models, {len(proposal.points)} points, {found['requests']} requests.")
    return "\n".join(map(visible, lines))
