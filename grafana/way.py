"""The way from the fleet to a group, a device, the history of a point, and back: what was chosen on one is kept on the next.

Grafana keeps of its own accord nothing but the time, and drops from an address whatever the dashboard has no variable for. So the
fleet's filters go along as variables that nobody sees.
"""

import re

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.models import dashboard

from grafana import texts
from grafana.languages import Language
from grafana.panels import choices, search

WAY = ("fleet", "group", "device", "history")
_OF_FLEET, _OF_TRENDS = ("state", "search"), ("compare", "alarms")
_LINK = re.compile(rf'"/d/ddms-({"|".join(WAY)})((?:-[a-z]+)?)(?:\?([^"]*))?"')


def remember_fleet(board: dash.Dashboard, language: Language) -> None:
    """Carry the filters of the fleet along."""
    hidden = dashboard.VariableHide.HIDE_VARIABLE
    board.with_variable(choices("state", language.says(texts.STATE_FILTER), language.table(texts.STATES)).hide(hidden))
    board.with_variable(search(language.says(texts.SEARCH)).hide(hidden))


def kept(name: str, board: str) -> str:
    """Return the JSON of a dashboard whose links along the way keep what is chosen; others stay as they are."""

    def link(found: re.Match[str]) -> str:
        to, suffix, given = found.groups()
        if to == name:
            return found[0]
        variables = _OF_FLEET if "fleet" in {name, to} else _OF_FLEET + _OF_TRENDS
        parts = [*(f"${{{variable}:queryparam}}" for variable in variables), *([given] if given else [])]
        return f'"/d/ddms-{to}{suffix}?{"&".join(parts)}"'

    return _LINK.sub(link, board) if name in WAY else board
