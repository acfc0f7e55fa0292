"""Makes `models.json`, our compact table of SunSpec's models, of a clone of github.com/sunspec/models; needs no network.

    git clone https://github.com/sunspec/models && python -m ddms.sunspec.derive models

Descriptions, standards and what is mandatory are left out; so are the points of models that hold no measurements: networks and
signed data (2 to 19, of which only the names are kept), control curves of the old kind (126, 129 to 144), test models.
"""

import sys
from pathlib import Path
from typing import Any

import orjson

TABLE = Path(__file__).with_name("models.json")
NAMED_ONLY = {*range(2, 20), 126, *range(129, 145), 63001, 63002, *range(64410, 64416)}
ACRONYMS = {"AC", "DC", "HW", "MPPT", "PV", "SOC", "OV", "UV", "BMS", "PF", "VAR", "HVRT", "LVRT", "GFDI"}
NOTICE = (
    "Derived from the models of the SunSpec Alliance, github.com/sunspec/models, Apache License 2.0 (the same as ours: LICENSE). "
    "Changed: shortened to names, types, units, scale factors and symbols by ddms/sunspec/derive.py."
)


def main() -> None:
    """Write the table anew."""
    (clone,) = sys.argv[1:]
    models = sorted((orjson.loads(file.read_bytes()) for file in Path(clone, "json").glob("model_*.json")), key=lambda m: m["id"])  # fmt: skip
    lines = ",\n".join(
        f'"{model["id"]}": {_group(model["group"], named_only=model["id"] in NAMED_ONLY)}' for model in models
    )
    TABLE.write_text(f'{{"notice": {_text(NOTICE)},\n"models": {{\n{lines}\n}}}}\n', encoding="utf-8")


def _group(group: dict[str, Any], *, named_only: bool = False) -> str:
    head = f'{{"name": {_text(group["name"])}, "label": {_text(_label(group))}, "count": {_text(group.get("count", 1))}'
    if named_only:
        return head + "}"
    points = ",\n".join(map(_point, group["points"]))
    inner = ",\n".join(map(_group, group.get("groups", [])))
    return f'{head}, "points": [\n{points}], "groups": [{inner}]}}'


def _point(point: dict[str, Any]) -> str:
    """Write a point: name, type, registers, unit, scale factor, label, whether it is a setting or never changes, symbols."""
    kind = "setting" if point.get("access") == "RW" else "static" if point.get("static") == "S" else ""
    symbols = {str(symbol["value"]): _label(symbol) for symbol in point.get("symbols", ())}
    row = [
        point["name"],
        point["type"],
        point["size"],
        point.get("units", ""),
        point.get("sf", ""),
        _label(point),
        kind,
    ]
    return _text([*row, symbols] if symbols else row)


def _label(item: dict[str, Any]) -> str:
    """Return what people call it: `GROUND_FAULT` is Ground fault where it has no label."""
    if label := " ".join(str(item.get("label", "")).split()):
        return label
    if not item["name"].isupper():
        return str(item["name"])
    words = [word if word in ACRONYMS else word.lower() for word in item["name"].split("_")]
    return " ".join([words[0] if words[0] in ACRONYMS else words[0].capitalize(), *words[1:]])


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


if __name__ == "__main__":
    main()
