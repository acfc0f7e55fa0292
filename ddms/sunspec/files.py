"""What SunSpec proposes, as files for `ddms devices import` and `ddms profiles import`. Pure."""

from collections.abc import Mapping
from typing import Any

from ddms.skeleton import Draft, Existing, devices, place, profile
from ddms.sunspec.proposal import Proposal

_LOOK = (
    "Proposed by SunSpec's models. Behind each point stand its model and its name there; 0x8000 and the like are sentinels.",
    "Look at: the name of the device; points that nobody needs (each costs readings); limits of bits, which are switched off.",
)


def device_file(
    walk: Mapping[str, Any], proposal: Proposal, connection: Mapping[str, Any], unit: int, existing: Existing
) -> str:
    """Write the device with its points; of one that is there already only what to do."""
    endpoint = connection["endpoint"]
    remarks = [*_LOOK, *walk["notes"]]
    if told := existing.remark(endpoint, unit):
        return devices([], [*remarks, *told, "to give it these points, write a profile (`ddms sunspec --profile`) and apply that"], connection)  # fmt: skip
    name = proposal.name or f"SunSpec {place(endpoint)} unit {unit}"
    fields = existing.fields(name, endpoint, unit) | {"description": proposal.description}
    return devices([_draft(fields, proposal)], remarks, connection)


def profile_file(walk: Mapping[str, Any], proposal: Proposal) -> str:
    """Write the points as a profile; a device whose models begin elsewhere needs another."""
    ids = ", ".join(str(model["id"]) for model in walk["models"])
    fields = {
        "name": f"{proposal.model or 'SunSpec'} (SunSpec {ids})"[:120],
        "manufacturer": proposal.manufacturer,
        "description": f"SunSpec models {ids} from address {walk['base']}. Only for devices with the same models in the same order.",
        "source": "SunSpec Alliance, information models, github.com/sunspec/models; read at a device",
    }
    return profile(_draft({name: text for name, text in fields.items() if text}, proposal, [*_LOOK, *walk["notes"]]))


def _draft(fields: Mapping[str, Any], proposal: Proposal, remarks: list[str] | None = None) -> Draft:
    points = [(one.fields, one.remark) for one in proposal.points]
    return Draft(fields=fields, points=points, remarks=[*(remarks or ()), *proposal.remarks])
