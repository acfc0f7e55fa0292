"""What the doctor says of the database's roles, and of a better storage edition that is within reach."""

from collections.abc import AsyncIterator

from ddms.cli.findings import Finding, Verdict
from ddms.database import Connection, find_timescaledb
from ddms.edition_advice import ADVICE

READ_FAULTS = "-- ddms:doctor_roles\nSELECT fault, remedy, vital FROM role_faults() ORDER BY vital DESC, fault"
MOST_NAMED = 10


async def examine_roles(connection: Connection) -> AsyncIterator[Finding]:
    """Compare roles, rights and settings with what they must be; tell of TimescaleDB that is there and not used."""
    faults = await connection.fetch(READ_FAULTS)
    vital = [row["fault"] for row in faults if row["vital"]]
    if vital:
        text = f"roles, rights or settings are not what they must be ({len(vital)} faults): was the database restored?"
        advice = (
            "run `ddms migrate` as the owner of the database; what that role may not do, it tells with the SQL for it"
        )
        more = (f"and {len(vital) - MOST_NAMED} more",) if len(vital) > MOST_NAMED else ()
        yield Finding("roles", Verdict.BAD, text, advice, (*vital[:MOST_NAMED], *more))
    elif faults:
        text = "a second line of defence against SQL sent through Grafana is open, because `ddms migrate` runs as no superuser"
        advice = "run it once as a superuser, where there is one; docs/deployment.md, What Grafana's role can do"
        yield Finding("roles", Verdict.WARN, text, advice, tuple(row["fault"] for row in faults))
    else:
        yield Finding("roles", Verdict.OK, "have the rights and settings they must have")
    if better := ADVICE.get(await find_timescaledb(connection)):
        text, _, remedy = better.rpartition(": ")
        yield Finding("storage", Verdict.WARN, text, remedy)
