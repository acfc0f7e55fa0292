"""`ddms size`: how large a server has to be, before there is one."""

import click

from ddms import sizes
from ddms.cli.tables import AS_JSON, print_json, table

_POSITIVE = click.IntRange(1, 10_000_000)


@click.command
@click.option("--devices", type=_POSITIVE, default=1000, show_default=True)
@click.option("--points", type=_POSITIVE, default=10, show_default=True, help="Of each device.")
@click.option(
    "--interval", type=click.FloatRange(0.1, 86_400), default=10, show_default=True, help="Seconds between polls."
)
@click.option("--requests", type=_POSITIVE, default=1, show_default=True, help="Of each device in a poll: `ddms plan`.")
@click.option(
    "--stored", type=click.FloatRange(0, 1, min_open=True), default=1, show_default=True,
    help="The share of readings that deadbands let through.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long readings are kept.")
@click.option("--uncompressed", is_flag=True, help="Without TimescaleDB's community edition.")
@AS_JSON
def size(
    devices: int, points: int, interval: float, requests: int, stored: float, days: int, uncompressed: bool, as_json: bool
) -> None:  # fmt: skip
    """Compute how large a server has to be: processor, memory, disk, network.

    From what was measured on two cores; docs/sizes.md says what breaks first, and how it is then divided. The processor
    time is that of collecting and storing: leave a core for people who look, and one for the night's backup.
    """
    plant = sizes.Plant(
        devices=devices, points=points, interval_s=interval, requests=requests, stored=stored, reading_days=days,
        compressed_after_days=None if uncompressed else 7, minute_days=max(days, 400),
    )  # fmt: skip
    if as_json:
        print_json({name.replace(" ", "_"): amount for name, amount, _ in sizes.facts(plant)})
    else:
        table(("", ">"), ((name, scaled(amount, unit)) for name, amount, unit in sizes.facts(plant)))


def scaled(amount: float, unit: str) -> str:
    """Return an amount with two significant figures: `270 GB`."""
    prefix = ""
    if unit in {"B", "bit/s"}:
        for prefix in ("", "k", "M", "G", "T", "P"):  # noqa: B007 - the one where it ends
            if amount < 999.5:
                break
            amount /= 1000
    if amount < 0.001:
        return f"under 0.001 {unit}"
    short = float(f"{amount:.2g}")
    return f"{short:,.0f} {prefix}{unit}" if short >= 10 else f"{short:g} {prefix}{unit}"
