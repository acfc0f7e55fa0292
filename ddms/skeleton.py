"""Files of devices as a scan, a probe or a SunSpec walk proposes them: for `ddms devices import`, with remarks for people. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

_WIDE = 100_000

FIND_PLACES = """-- ddms:find_places
SELECT d.name, d.unit_id, c.endpoint FROM devices d JOIN connections c ON c.id = d.connection_id WHERE d.deleted_at IS NULL
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A device that is proposed: its fields and those of its points, by the names that files have for them, with remarks."""

    fields: Mapping[str, Any]
    points: Sequence[tuple[Mapping[str, Any], str]] = ()
    remarks: Sequence[str] = field(default=())


def devices(drafts: Iterable[Draft], remarks: Iterable[str] = (), connection: Mapping[str, Any] | None = None) -> str:
    """Write devices; `connection` has what is said of their line, its endpoint among it."""
    lines = [*map(_comment, remarks)]
    if connection and len(connection) > 1:
        lines += ["connections:", f"- {_flow(connection)}"]
    return _listed("devices", drafts, lines)


def profile(draft: Draft) -> str:
    """Write the points of a device as a profile, for `ddms profiles import`."""
    return _listed("profiles", [draft], [])


def _listed(name: str, drafts: Iterable[Draft], lines: list[str]) -> str:
    drafts = [*drafts]
    lines.append(f"{name}:" if drafts else f"{name}: []")
    for draft in drafts:
        lines += map(_comment, draft.remarks)
        head = yaml.dump(
            dict(draft.fields), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDE
        ).splitlines()
        lines += [f"{'  ' if number else '- '}{line}" for number, line in enumerate(head)]
        lines.append("  points:" if draft.points else "  points: []")
        lines += [f"  - {_flow(point)}" + (f"  {_comment(remark)}" if remark else "") for point, remark in draft.points]
    return "\n".join(lines) + "\n"


def _flow(fields: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        dict(fields), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=True
    )
    return text.strip()


def _comment(text: str) -> str:
    """Return a remark on one line; what a device says of itself could hold anything."""
    return "# " + "".join(c if c.isprintable() else " " for c in text)


def unique(name: str, taken: set[str]) -> str:
    """Return a name that no device has, whatever its capitals, and take it."""
    tried, number = name, 2
    while tried.lower() in taken:
        ending = f" ({number})"
        tried, number = name[: 120 - len(ending)] + ending, number + 1
    taken.add(tried.lower())
    return tried


@dataclass(kw_only=True, slots=True)
class Existing:
    """The devices that are there already: their names, and who is where. Empty when nobody knows."""

    names: set[str] = field(default_factory=set)
    at: dict[tuple[str, int], str] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Existing":
        """Return those of `FIND_PLACES`."""
        rows = [*rows]
        at = {(row["endpoint"], row["unit_id"]): row["name"] for row in rows}
        return cls(names={row["name"].lower() for row in rows}, at=at)

    def fields(self, name: str, endpoint: str, unit_id: int) -> dict[str, Any]:
        """Return the first fields of a device, with a name that no other has."""
        return {"name": unique(name, self.names), "endpoint": endpoint, "unit_id": unit_id}

    def remark(self, endpoint: str, unit_id: int) -> list[str]:
        """Say which device is at a place already."""
        name = self.at.get((endpoint, unit_id))
        return [] if name is None else [f"unit {unit_id} at {endpoint} is the device {name!r} already: left out"]


def of_scan(found: Mapping[str, Any], endpoint: str, existing: Existing, connection: Mapping[str, Any]) -> str:
    """Write the units that a scan found, each with the first register of each range, and what to do about it."""
    remarks = [
        f"Found by a scan of {endpoint}. Give names; find out what the registers mean (the maker's manual, or `ddms probe`);",
        "look at the difference with `ddms devices import FILE --dry-run`, then import it.",
        *found["notes"],
    ]
    drafts = []
    for unit in found["units"]:
        number = unit["unit_id"]
        if told := existing.remark(endpoint, number):
            remarks += told
            continue
        ranges = [f"{r['register_table']} {r['address']} – {r['address'] + r['count'] - 1}" for r in unit["ranges"]]
        drafts.append(
            Draft(
                fields=existing.fields(f"{place(endpoint)} unit {number}", endpoint, number),
                points=[_first_of(r, endpoint, number) for r in unit["ranges"][:_MOST_RANGES]],
                remarks=[f"unit {number} has {'; '.join(ranges) or 'no register that was asked for'}", *unit["notes"]],
            )
        )
    return devices(drafts, remarks, connection)


_MOST_RANGES = 100


def _first_of(span: Mapping[str, Any], endpoint: str, unit: int) -> tuple[dict[str, Any], str]:
    table, address = span["register_table"], span["address"]
    fields = {
        "key": f"{table}_{address}", "register_table": table, "address": address,
        "data_type": "bool" if table in {"coil", "discrete_input"} else "uint16",
    }  # fmt: skip
    more = f", the first of {span['count']}" if span["count"] > 1 else ""
    remark = f"look{more}: ddms probe --endpoint {endpoint} --unit {unit} --table {table} --address {address}"
    return fields, remark


def of_probe(
    found: Mapping[str, Any], asked: Mapping[str, Any], endpoint: str, existing: Existing, connection: Mapping[str, Any]
) -> str:
    """Write the most plausible way to read registers as a point; the next ones are remarks."""
    unit, best = asked["unit_id"], found["candidates"][:_MOST_CANDIDATES]
    remarks = [f"Found by a probe of {endpoint}: look whether the value is that of the device's display, then name it."]
    if told := existing.remark(endpoint, unit):
        return devices([], [*remarks, *told, "to add the point to it, write its name below"], connection)
    points = [(_fields_of(best[0], asked), _remark_of(best[0]))] if best else []
    others = [f"or {_flow(_fields_of(one, asked))}: {_remark_of(one)}" for one in best[1:]]
    fields = existing.fields(f"{place(endpoint)} unit {unit}", endpoint, unit)
    return devices([Draft(fields=fields, points=points, remarks=others)], remarks, connection)


_MOST_CANDIDATES = 4


def _fields_of(candidate: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    table = asked["register_table"]
    fields = {"key": f"{table}_{candidate['address']}", "register_table": table}
    fields |= {name: candidate[name] for name in ("address", "data_type")}
    if candidate["length"]:
        fields["length"] = candidate["length"]
    if candidate["byte_order"] != "ABCD":
        fields["byte_order"] = candidate["byte_order"]
    if candidate["scale"] != 1:
        fields["scale"] = candidate["scale"]
    return fields


def _remark_of(candidate: Mapping[str, Any]) -> str:
    value = candidate["value"] if candidate["text"] is None else repr(candidate["text"])
    return f"reads {value} now; score {candidate['score']:.0f}: {', '.join(candidate['why'])}"


def place(endpoint: str) -> str:
    """Return an endpoint as part of a name: its host, or its serial port."""
    return endpoint.partition("://")[2].rsplit("/", 1)[-1]
