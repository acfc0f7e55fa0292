"""SunSpec: the models that a device says it has, made into points and into files that importDevices takes."""

from typing import Annotated, Any

import strawberry

from api.field.trial import FromSite, ask, checked_target
from api.graphql.context import Info
from api.graphql.described import argument, field, output_type
from api.graphql.payloads import UserError, mutation
from ddms.errors import Code, DdmsError
from ddms.registers import ADDRESSES, DataType
from ddms.skeleton import FIND_PLACES, Existing
from ddms.sunspec.files import device_file, profile_file
from ddms.sunspec.models import label
from ddms.sunspec.proposal import Proposal, Proposed, propose


@output_type
class SunspecModel:
    """A model in the map of a device."""

    number: int = field(description="Its id, `103` of a three-phase inverter.")
    label: str | None = field(description="What SunSpec calls it; null for one that is not known here.")
    address: int = field(description="Where it begins, counted from 0.")
    length: int = field(description="How many registers follow its id and its length, as the device says.")
    point_count: int = field(description="How many points are proposed of it.")


@output_type
class SunspecPoint:
    """A point that is proposed; `deviceFile` has all its fields."""

    key: str = field(description="Its key.")
    name: str = field(description="Its name.")
    unit: str = field(description="Its unit; empty without.")
    model: int = field(description="The id of its model.")
    address: int = field(description="Its holding register, counted from 0.")
    data_type: DataType = field(description="Its type.")
    scale_by: str = field(description="The registers that it is scaled by; empty without.")
    remark: str = field(description="Its place in SunSpec's model, and what is to be looked at.")


@output_type
class SunspecPayload:
    """The answer of sunspec."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    base: int | None = field(default=None, description="Where the map begins; null when the device has none.")
    description: str = field(default="", description="What the device says of itself.")
    models: list[SunspecModel] = field(default_factory=list, description="Its models, in its order.")
    points: list[SunspecPoint] = field(default_factory=list, description="The points that are proposed.")
    notes: list[str] = field(default_factory=list, description="What was odd, missing or left out.")
    device_file: str = field(default="", description="YAML for importDevices: the device with its points; empty without points.")  # fmt: skip
    profile_file: str = field(default="", description="YAML of a profile with the same points, for `ddms profiles import`; empty without points.")  # fmt: skip


def _point(one: Proposed) -> SunspecPoint:
    usual: dict[str, Any] = {"unit": "", "scale_by": ""} | one.fields
    told = {name: usual[name] for name in ("key", "name", "unit", "address", "scale_by")}
    return SunspecPoint(**told, model=one.model, data_type=DataType(one.fields["data_type"]), remark=one.remark)


def _models(walk: dict[str, Any], proposal: Proposal) -> list[SunspecModel]:
    return [
        SunspecModel(
            number=model["id"],
            label=label(model["id"]),
            address=model["address"],
            length=model["length"],
            point_count=sum(one.model == model["id"] for one in proposal.points),
        )
        for model in walk["models"]
    ]


@strawberry.type
class SunspecMutations:
    """What an engineer asks of a device that describes itself."""

    @mutation
    async def sunspec(
        self,
        info: Info,
        *,
        endpoint: Annotated[str, argument("Where the device is: `tcp://host:502`, …")],
        unit_id: Annotated[int, argument("Its Modbus unit id, 0 to 255.")] = 1,
        base: Annotated[
            int | None, argument("Where its map begins; left out: at 40000, 0 or 50000, or beside these.")
        ] = None,
        models: Annotated[list[int] | None, argument("Propose points of these models only; left out: of all.")] = None,
        everything: Annotated[bool, argument("Also points that the device does not implement, disabled.")] = False,
        timeout_ms: Annotated[int, argument("How long to wait for each answer, 50 to 10000 ms.")] = 1000,
        site: FromSite = None,
    ) -> SunspecPayload:
        """Walk over the models of a SunSpec device, through a collector, and propose its points; saves nothing."""
        target = checked_target(endpoint, unit_id, timeout_ms, site)
        if base is not None and not 0 <= base < ADDRESSES:
            raise DdmsError(Code.INVALID, "an address is 0 to 65535", field="base")
        walk = await ask(info.context, "sunspec", target | {"base": base})
        proposal = propose(walk, everything=everything, models=models or ())
        answer = SunspecPayload(
            base=walk["base"],
            description=proposal.description if walk["models"] else "",
            models=_models(walk, proposal),
            points=[_point(one) for one in proposal.points],
            notes=[*walk["notes"], *proposal.remarks],
        )
        if proposal.points:
            there = Existing.of_rows(await info.context.database.rows(FIND_PLACES))
            answer.device_file = device_file(walk, proposal, {"endpoint": target["endpoint"]}, unit_id, there)
            answer.profile_file = profile_file(walk, proposal)
        return answer
