"""What a walk over a SunSpec device found, made into points as files of devices have them. Pure."""

import math
import re
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

from ddms.sunspec.models import COMMON, HEAD, Placed, known, placed

Fields = dict[str, Any]
"""The fields of a point that are not as usual, by the names that files have for them."""

_TYPES = {
    "int16": ("int16", 0x8000), "sunssf": ("int16", 0x8000), "int32": ("int32", 1 << 31), "int64": ("int64", 1 << 63),
    "uint16": ("uint16", 0xFFFF), "count": ("uint16", 0xFFFF), "enum16": ("uint16", 0xFFFF), "bitfield16": ("uint16", 0xFFFF),
    "uint32": ("uint32", 0xFFFF_FFFF), "enum32": ("uint32", 0xFFFF_FFFF), "bitfield32": ("uint32", 0xFFFF_FFFF),
    "uint64": ("uint64", (1 << 64) - 1), "acc16": ("uint16", 0), "acc32": ("uint32", 0), "acc64": ("uint64", 0),
    "float32": ("float32", None), "float64": ("float64", None), "string": ("string", None),
}  # fmt: skip
"""Our type for each of SunSpec's, and the bits that say: not implemented (of floats it is NaN, of texts NUL)."""
_UNITS = {
    "C": "°C", "Pct": "%", "Secs": "s", "Sec": "s", "Tms": "s", "Var": "var", "Varh": "varh", "AH": "Ah", "WH": "Wh", "ohms": "Ω",
    "Degrees": "°", "deg": "°", "W/m2": "W/m²", "W/m^2": "W/m²", "mSecs": "ms", "cos()": "", "PF": "", "SF": "", "text": "",
    "HPa": "hPa", "mps": "m/s", "meters": "m",
}  # fmt: skip
_ENERGIES = {"Wh", "kWh", "VAh", "varh", "Ah"}
_COLOURS = {
    "off": "grey", "sleeping": "grey", "standby": "grey", "starting": "blue", "shutting down": "blue", "mppt": "green", "on": "green",
    "running": "green", "normal": "green", "throttled": "yellow", "warning": "yellow", "fault": "red", "error": "red",
}  # fmt: skip
_STEADY, _SETTING, _COUNTER = 3600, 600, 60
"""Seconds between two reads of what never changes, of what people set, and of counters."""
_FACTORS = range(-10, 11)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposed:
    """A point that a device has; `remark` is for whoever looks over the file."""

    fields: Fields
    model: int
    remark: str


@dataclass(kw_only=True, slots=True)
class Proposal:
    """What to add for a device: its name, what it says of itself, its points; and what was left out, with the reason."""

    name: str = ""
    manufacturer: str = ""
    model: str = ""
    """The manufacturer and what he calls it."""
    description: str = ""
    points: list[Proposed] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def propose(walk: Mapping[str, Any], *, everything: bool = False, models: Collection[int] = ()) -> Proposal:
    """Make points of what `collector.field.sunspec` found, of these models or of all.

    `everything`: also points that the device does not implement, disabled.
    """
    proposal, keys, texts = Proposal(), _Keys(), dict[str, str]()
    for model in walk["models"]:
        group = known().get(model["id"])
        if group is None or not model["words"]:
            continue
        found = _Model(model, placed(group, model["words"]), keys)
        if model["id"] == COMMON and not texts:
            texts = found.texts()
        if models and model["id"] not in models:
            continue
        proposal.points += found.points(everything=everything)
        if found.absent:
            which = "disabled" if everything else "left out"
            proposal.remarks.append(f"model {model['id']}: not implemented now, {which}: {', '.join(found.absent)}")
        proposal.remarks += found.remarks
    _describe(proposal, walk, texts)
    return proposal


def _describe(proposal: Proposal, walk: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Say what the device is, by its common model."""
    ids = ", ".join(str(model["id"]) for model in walk["models"])
    proposal.manufacturer = texts.get("Mn", "")
    named = " ".join(filter(None, (texts.get(name, "") for name in ("Mn", "Md"))))
    proposal.model, serial = named, texts.get("SN", "")
    proposal.name = " ".join(filter(None, (named, serial)))[:120].strip()
    told = ", ".join(
        filter(None, (named, serial and f"serial number {serial}", texts.get("Vr") and f"version {texts['Vr']}"))
    )
    proposal.description = "; ".join(filter(None, (told, f"SunSpec models {ids} from {walk['base']}")))


class _Keys:
    """Keys that are unique within a device: the model's id makes the second one different, a number the third."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, key: str, model: int) -> str:
        tries = chain((key, f"{key}_{model}"), (f"{key}_{model}_{n}" for n in count(2)))
        found = next(one for one in tries if one not in self._taken)
        self._taken.add(found)
        return found


def slug(text: str) -> str:
    """Return a text as a key: `PhVphA` is ph_vph_a, `Over Temperature` over_temperature."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    key = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return key if key[:1].isalpha() else f"n_{key}"


def text_of(words: Sequence[int | None]) -> str:
    """Return the characters of registers, up to the first NUL, without what cannot be shown."""
    data = b"".join(struct.pack(">H", word or 0) for word in words).partition(b"\0")[0]
    return "".join(c for c in data.decode("utf-8", "ignore") if c.isprintable()).strip()


class _Model:
    """A model of the device, whose points are proposed."""

    def __init__(self, model: Mapping[str, Any], points: list[Placed], keys: _Keys) -> None:
        self._id, self._address, self._words = model["id"], model["address"], model["words"]
        self._placed = [one for one in points if one.offset >= HEAD and one.point.type != "pad"]
        self._keys = {(one.point.name, one.path): keys.take(self._key(one), self._id) for one in self._placed}
        self._at = {(one.point.name, one.path): one for one in self._placed}
        self.absent: list[str] = []
        self.remarks: list[str] = []

    def _key(self, one: Placed) -> str:
        names = [part for part in one.path if isinstance(part, str)]
        numbers = [str(part) for part in one.path if isinstance(part, int)]
        own = one.point.label if self._id == COMMON else one.point.name
        return "_".join([*map(slug, names), slug(own), *numbers])[:55].strip("_")

    def texts(self) -> dict[str, str]:
        """Return the texts of the model by the names of their points."""
        return {one.point.name: text_of(self._of(one)) for one in self._placed if one.point.type == "string"}

    def points(self, *, everything: bool) -> list[Proposed]:
        """Return the points that the device has, and the scale factors that they need."""
        proposed: dict[tuple[str, tuple[str | int, ...]], Proposed] = {}
        for one in self._placed:
            name = _shown(one)
            if one.point.type not in _TYPES:
                self.remarks.append(f"model {self._id}: {name} is left out: DDMS has no type for {one.point.type}")
                continue
            is_absent = self._is_absent(one)
            if one.point.type == "sunssf":
                continue
            is_at_zero = is_absent and one.point.type.startswith("acc")  # or it is new, and has counted nothing yet
            if is_absent and not is_at_zero:
                self.absent.append(name)
            if everything or is_at_zero or not is_absent:
                proposed[one.point.name, one.path] = self._proposed(one, is_absent=is_absent)
                if factor := self._factor(one):
                    proposed.setdefault((factor.point.name, factor.path), self._proposed(factor, is_absent=False))
        return [proposed[at] for at in self._at if at in proposed]  # as they lie in the device

    def _of(self, one: Placed) -> list[int | None]:
        words: list[int | None] = self._words[one.offset : one.offset + one.point.size]
        return words

    def _raw(self, one: Placed) -> int | None:
        words = self._of(one)
        if None in words:
            return None
        return int.from_bytes(b"".join(struct.pack(">H", word) for word in words), "big")

    def _is_absent(self, one: Placed) -> bool:
        """Whether the device says that it does not have it; what could not be read may be there."""
        raw = self._raw(one)
        if raw is None:
            return False
        if one.point.type == "string":
            return not text_of(self._of(one))
        if one.point.type.startswith("float"):
            form = ">f" if one.point.size == 2 else ">d"
            return math.isnan(struct.unpack(form, raw.to_bytes(one.point.size * 2, "big"))[0])
        return raw == _TYPES[one.point.type][1]

    def _factor(self, one: Placed) -> Placed | None:
        """Return the point that holds the power of ten, of its own group or of one around it; None when there is none that counts."""
        name = one.point.scale_factor
        if not isinstance(name, str) or not name:
            return None
        for length in range(len(one.path), -1, -1):
            if factor := self._at.get((name, one.path[:length])):
                return None if self._is_absent(factor) else factor
        return None

    def _proposed(self, one: Placed, *, is_absent: bool) -> Proposed:
        point, (data_type, bits) = one.point, _TYPES[one.point.type]
        fields: Fields = {"key": self._keys[point.name, one.path], "name": self._name(one)}
        if unit := _unit(point.unit):
            fields["unit"] = unit
        fields |= {"register_table": "holding", "address": self._address + one.offset, "data_type": data_type}
        if data_type == "string":
            fields["length"] = point.size
        if bits is not None:
            fields["sentinels"] = [bits - (1 << 16 * point.size) if data_type.startswith("int") else bits]
        fields |= self._scaling(one) | _names(one)
        if seconds := self._interval(one):
            fields["interval_seconds"] = seconds
        if is_absent:
            fields["enabled"] = False
        return Proposed(fields=fields, model=self._id, remark=self._remark(one))

    def _name(self, one: Placed) -> str:
        label = f"Scale factor {one.point.name}" if one.point.type == "sunssf" else one.point.label
        names = [part for part in one.path if isinstance(part, str)]
        numbers = ".".join(str(part) for part in one.path if isinstance(part, int))
        return " ".join(filter(None, (*names, label, numbers)))[:120]

    def _remark(self, one: Placed) -> str:
        raw, told = self._raw(one), ""
        if raw is None:
            told = ", could not be read"
        elif one.point.type.startswith("acc") and raw == 0:
            told = ", 0: it is not implemented, or has counted nothing yet"
        elif one.point.type == "sunssf" and self._exponent(one) not in _FACTORS:
            told = f", {self._exponent(one)} is beyond -10 to 10: look at it"
        elif isinstance(one.point.scale_factor, str) and one.point.scale_factor and not self._factor(one):
            told = f", its scale factor {one.point.scale_factor} is not implemented: taken as it is"
        return f"{self._id} {_shown(one)}{told}"

    def _exponent(self, factor: Placed) -> int:
        raw = self._raw(factor) or 0
        return raw - (1 << 16) if raw >= 1 << 15 else raw

    def _scaling(self, one: Placed) -> Fields:
        """Say how it is scaled, and whether it counts; a counter's modulus is in its unit."""
        point, fields, exponent = one.point, Fields(), 0
        if factor := self._factor(one):
            fields["scale_by"] = f"10 ** {self._keys[factor.point.name, factor.path]}"
            exponent = self._exponent(factor)
        elif isinstance(point.scale_factor, int) and point.scale_factor:
            fields["scale"] = 10.0**point.scale_factor
        counts = (
            point.kind == ""
            and point.type in {"uint32", "uint64", "float32", "float64"}
            and _unit(point.unit) in _ENERGIES
        )
        if point.type.startswith("acc") or counts:
            fields["counter"] = True
            if exponent in _FACTORS and exponent:
                fields["modulus"] = float(f"{1 << 16 * point.size}e{exponent}")
        return fields

    def _interval(self, one: Placed) -> int:
        if one.point.type == "sunssf" or one.point.kind == "static" or one.point.type in {"string", "count"}:
            return _STEADY
        if one.point.kind == "setting":
            return _SETTING
        return _COUNTER if self._scaling(one).get("counter") else 0


def _unit(unit: str) -> str:
    return _UNITS.get(unit, unit).strip()


def _shown(one: Placed) -> str:
    return ".".join([*map(str, one.path), one.point.name])


def _names(one: Placed) -> Fields:
    """Say what values are called; of bits each is an alarm that is switched off, since nobody asked for it."""
    symbols = {
        int(value): name[:60] for value, name in one.point.symbols.items() if not name.lower().startswith("reserved")
    }
    if one.point.type.startswith("enum") and symbols:
        coloured = {value: (name, _COLOURS.get(name.lower())) for value, name in symbols.items()}
        return {
            "value_names": ", ".join(
                f"{v}={name}" + (f":{c}" if c else "") for v, (name, c) in sorted(coloured.items())
            )
        }
    if one.point.type.startswith("bitfield") and symbols:
        limits, keys = [], _Keys()
        for bit, name in sorted(symbols.items()):
            if bit < 16 * one.point.size:
                limits.append(
                    {"key": keys.take(slug(name)[:55], bit), "kind": "bit", "bit": bit, "cause": name, "enabled": False}
                )
        return {"limits": limits}
    return {}
