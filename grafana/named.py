# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Named values on dashboards: a state is shown by its name, in its colour.

Grafana takes colours from mappings of a dashboard, and names are the plant's. So SQL puts the colour behind the name,
`Fault ⟨red⟩`, and mappings, one for each colour, take it away again and colour what is left.
"""

from grafana_foundation_sdk.models import dashboard

from ddms.languages.sql import literal
from ddms.value_names import ValueColor
from grafana import texts
from grafana.languages import Language
from grafana.panels import GREEN, GREY, YELLOW, Property, mappings, thresholds, words_of

_COLOURS = {color.value: color.value for color in ValueColor} | {"grey": GREY}
# Names without a colour of their own are told apart by these, in the order of their values.
_OTHERS = ("#5a7fb0", "#4a9a96", "#8a77b5", "#8f9a5b", "#a87a8f", "#6f8fa3")
_SWITCHES = {"0": "rgba(123, 128, 135, 0.35)", "1": GREEN, "0.5": YELLOW}
SEVERAL = "several"


def tag(shown: str, color: str) -> str:
    """Return SQL of a text with its colour behind it, where it has one."""
    return f"{shown} || coalesce(' ⟨' || {color} || '⟩', '')"


def _colours() -> list[dashboard.ValueMapping]:
    known = _COLOURS | {str(place): colour for place, colour in enumerate(_OTHERS)}
    return [words_of(f"/^(.*) ⟨{name}⟩$/", "$1", colour) for name, colour in known.items()]


def cells() -> list[Property]:
    """Return the properties of a column of values that may be named: a name has its colour."""
    cell = Property("custom.cellOptions", {"type": "color-text"})
    return [cell, Property("mappings", _colours()), Property("thresholds", thresholds((None, "text")))]


def state_mappings(language: Language) -> list[dashboard.ValueMapping]:
    """Return how the states of `states` become words and colours."""
    return [*mappings(language.table(texts.SWITCHES), _SWITCHES), *_colours()]


def states(language: Language, chosen: str, empty: str, name: str = "p.point") -> str:
    """Return the states of the chosen points over time, where they change: names, and of switches 0 and 1.

    `chosen` is a condition on the view points; `name` SQL of what a row is called. `empty` is a row of its own when there is
    no other: split by their texts, no rows are no fields, of which Grafana complains in words of its own.
    """
    return f"""
WITH states AS (
    SELECT t.point_id, t.time, CASE
           WHEN t.lowest < t.highest THEN CASE p.kind WHEN 'switch' THEN '0.5' ELSE {tag(language.sql(SEVERAL), "'yellow'")} END
           WHEN n.named IS NOT NULL THEN {tag("n.named ->> 'name'", "coalesce(n.named ->> 'color', (SELECT count(*) % 6 FROM jsonb_object_keys(p.value_names) k WHERE k::numeric < t.value)::text)")}
           WHEN p.kind = 'switch' THEN t.value::text
           WHEN t.value IS NOT NULL THEN {tag("t.value", "'grey'")} END AS state
      FROM trend(array(SELECT point_id FROM points WHERE {chosen} AND kind IN ('switch', 'state')),
                 $__timeFrom(), $__timeTo(), ((${{__to}} - ${{__from}}) / $__interval_ms)::int) t
      JOIN points p USING (point_id) CROSS JOIN LATERAL (SELECT p.value_names -> (t.value + 0)::text AS named) n
), changes AS (
    SELECT s.*, lag(state, 1, '') OVER (PARTITION BY point_id ORDER BY time) AS before FROM states s
), found AS (
    SELECT c.time, c.point_id::text, {name} AS point, c.state, lower(p.device) AS device, c.point_id AS number
      FROM changes c JOIN points p USING (point_id) WHERE c.state IS DISTINCT FROM c.before
     UNION ALL SELECT $__timeFrom(), '', '–', {tag(literal(empty), "'grey'")}, '', 0 WHERE NOT EXISTS (SELECT FROM changes)
)
SELECT time, point_id, point, state FROM found ORDER BY device, number, time
"""
