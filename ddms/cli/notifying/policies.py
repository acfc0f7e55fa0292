"""Notification policies: how alarms become messages, and how often (docs/notifications.md has the table)."""

from typing import Any

from ddms.cli.notifying.contact_points import FIRST, HEARTBEAT, NOBODY, THEN
from ddms.cli.notifying.quiet import intervals
from ddms.cli.notifying.wishes import Wishes

QUIET, ALWAYS = "DDMS quiet times", "DDMS nobody is notified"


def policies(wishes: Wishes) -> dict[str, Any]:
    """Return the policy tree, with the quiet times that it names."""
    first = FIRST if wishes.contact else NOBODY
    root = _timed(first, ["alertname"], "10s", "1m", "4h")
    made = [_quiet(QUIET, intervals(wishes.quiet, wishes.time_zone))] if wishes.quiet else []
    gone = [] if wishes.quiet else [{"orgId": 1, "name": QUIET}]
    if not wishes.contact:
        made.append(_quiet(ALWAYS, [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]))
    else:
        gone.append({"orgId": 1, "name": ALWAYS})
    return {
        "policies": [{"orgId": 1} | root | {"routes": _routes(wishes, first)}],
        "muteTimes": made,
        "deleteMuteTimes": gone,
    }


def _routes(wishes: Wishes, first: str) -> list[dict[str, Any]]:
    # Critical and high are one route: what one cause raises is one message, though its priorities differ.
    hushed = {"mute_time_intervals": [QUIET]} if wishes.quiet else {}
    routes = []
    if wishes.heartbeat_url:
        routes.append(_on("ddms=heartbeat") | _timed(HEARTBEAT, ["alertname"], "1s", "1m", "1m"))
    if wishes.escalation:
        routes.append(_on("ddms=escalated") | _timed(THEN, ["cause"], "5s", "1m", "30m"))
    if not wishes.contact:  # alarms are seen in Grafana, and nobody is told
        return [
            *routes,
            _on("alertname=~.+") | _timed(first, ["alertname"], "10m", "1h", "1d") | {"mute_time_intervals": [ALWAYS]},
        ]
    return [
        *routes,
        _on("ddms=~database|standstill") | _timed(first, ["cause"], "5s", "1m", "4h"),
        _on("ddms=alarm", "cause=flood") | _timed(first, ["cause"], "10s", "1m", "30m"),
        _on("ddms=alarm", "priority=~critical|high") | _timed(first, ["cause"], "3s", "20s", "30m"),
        _on("ddms=alarm", "priority=medium") | _timed(first, ["priority"], "1m", "15m", "12h") | hushed,
        _on("ddms=alarm", "priority=low") | _timed(first, ["priority"], "15m", "4h", "1d") | hushed,
    ]  # fmt: skip


def _on(*matchers: str) -> dict[str, Any]:
    """Return what a route is for, each `label=value` or `label=~pattern`."""
    return {"object_matchers": [[name, "=~", value[1:]] if value[0] == "~" else [name, "=", value] for name, _, value in (m.partition("=") for m in matchers)]}  # fmt: skip


def _timed(receiver: str, group_by: list[str], wait: str, more: str, repeat: str) -> dict[str, Any]:
    """Return whom, grouped by what, after how long, how long until more is told of the same, and until all is said again."""
    return {
        "receiver": receiver,
        "group_by": group_by,
        "group_wait": wait,
        "group_interval": more,
        "repeat_interval": repeat,
    }


def _quiet(name: str, times: list[dict[str, Any]]) -> dict[str, Any]:
    return {"orgId": 1, "name": name, "time_intervals": times}
