"""Buttons in tables: each does what a mutation of the API does, as whoever is signed in (docs/dashboards.md).

Grafana shows them to those who may edit dashboards: DDMS's admins and owners. It puts the path of its own before the
address, which nginx takes away again.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.models import dashboard

from grafana.panels import Property
from grafana.texts import Button


def action(
    words: Button, mutation: str, parameters: Mapping[str, str], *, asks: Mapping[str, str] | None = None
) -> dashboard.Action:
    """Return what one button does; parameters may hold fields of the row, `${__data.fields.job}`.

    `asks`: parameters that a person fills in, with what they are called; one is `$reason` in the words of the button.
    """
    asked = {name: f"${name}" for name in asks or {}}
    fetch = dashboard.FetchOptions(
        method=dashboard.HttpRequestMethod.POST,
        url=f"/actions/{mutation}",
        query_params=[[name, value] for name, value in ({**parameters, **asked}).items()],
        headers=[],
    )
    variables = [dashboard.ActionVariable(key=name, name=called) for name, called in (asks or {}).items()]
    return dashboard.Action(
        title=words.title, confirmation=words.confirmation, fetch=fetch, variables=variables or None
    )


def buttons(actions: Sequence[dashboard.Action], *, width: int) -> list[Property]:
    """Return the properties of a column of buttons. Of those that have one title in a row, Grafana shows the first."""
    return [
        Property("custom.width", width),
        Property("custom.cellOptions", {"type": "actions"}),
        Property("actions", list(actions)),
    ]


def button(words: Button, mutation: str, parameters: Mapping[str, str], *, width: int = 120) -> list[Property]:
    """Return the properties of a column of one button."""
    return buttons([action(words, mutation, parameters)], width=width)
