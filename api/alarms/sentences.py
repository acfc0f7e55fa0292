"""What is wrong, in a sentence for the operator."""

from collections.abc import Mapping
from typing import Any

from api.graphql.messages import told
from ddms.errors import Sentence
from ddms.system_alarms import TEXTS
from ddms.value_names import lookup


def sentence(row: Mapping[str, Any]) -> str:
    """Return what an alarm says: how it was when it was raised, or how it cleared."""
    match row["source"], row["active"]:
        case "limit", _ if row["active_since"] is None:
            return Sentence("{} was never beyond this limit", row["point_name"])
        case "limit", True:
            return _beyond(row)
        case "limit", False:
            return _within(row)
        case "device", True if row["detail"]:
            return Sentence("{} does not answer: {}", row["device_name"], row["detail"])
        case "device", True:
            return Sentence("{} does not answer", row["device_name"])
        case "device", False:
            return Sentence("{} answers", row["device_name"])
        case "connection", True:
            return Sentence("nothing behind {} answers", row["subject"])
        case "connection", False:
            return Sentence("what is behind {} answers", row["subject"])
        case _:
            return _of_system(row)


def _of_system(row: Mapping[str, Any]) -> str:
    texts = TEXTS.get((row["source"], row["kind"]))
    if texts is None:  # a kind of another version
        return str(row["detail"] or row["kind"])
    title = texts.title
    said = told(
        Sentence(title.template, *(row["subject"] for _ in title.values)) if isinstance(title, Sentence) else title
    )
    return f"{said}: {row['detail']}" if row["detail"] and row["active"] else said


def texts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the operator reads beside an alarm: of a limit its own texts, else those of DDMS."""
    names = ("cause", "consequence", "action")
    if row["source"] == "limit":
        return {name: row[name] or "" for name in names}
    texts = TEXTS.get((row["source"], row["kind"]))
    return {name: told(getattr(texts, name)) if texts else "" for name in names}


def _beyond(row: Mapping[str, Any]) -> Sentence:
    point, value, limit = _said(row)
    match row["kind"]:
        case _ if row["value"] is None:
            return Sentence("{} is beyond its limit", point)
        case "high" | "high_high":
            return Sentence("{} is {}, above its limit of {}", point, value, limit)
        case "low" | "low_low":
            return Sentence("{} is {}, below its limit of {}", point, value, limit)
        case "deviation":
            return Sentence("{} is {} away from {}, more than {}", point, value, row["reference_key"] or "?", limit)
        case "rate":
            return Sentence("{} changed by {} in {} s, more than {}", point, value, row["period_s"] or "?", limit)
        case _:
            return Sentence("{} is {}, which is an alarm", point, value)


def _within(row: Mapping[str, Any]) -> Sentence:
    point, value, limit = _said(row)
    match row["kind"]:
        case _ if row["value"] is None:
            return Sentence("{} is within its limit", point)
        case "bit" | "value":
            return Sentence("{} is back at {}", point, value)
        case "deviation":
            return Sentence("{} is {} away from {}, its limit is {}", point, value, row["reference_key"] or "?", limit)
        case "rate":
            return Sentence("{} changed by {} in {} s, its limit is {}", point, value, row["period_s"] or "?", limit)
        case _:
            return Sentence("{} is back at {}, its limit is {}", point, value, limit)


def _said(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the point, and value and threshold with their unit; the value by its name, if it has one."""
    value, limit = (
        "" if row[name] is None else f"{row[name]:.10g} {row['unit'] or ''}".rstrip() for name in ("value", "threshold")
    )
    if row["kind"] not in {"deviation", "rate"}:  # whose value is a difference
        value = lookup(row["value_names"] or {}).get(row["value"], value)
    return row["point_name"], value, limit
