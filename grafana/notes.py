# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""What people wrote down of a time (the API's annotations), on trends."""

from grafana_foundation_sdk.builders import dashboard as dash

from grafana import texts
from grafana.languages import Language
from grafana.limits import WHERE, encoded, escaped
from grafana.panels import SOURCE, Sql

COLOUR = "purple"
"""That of no priority."""


def notes(language: Language, chosen: str) -> str:
    """Return the SQL of what people wrote down of the chosen points, of their devices and groups and of the whole site."""
    whose = f"coalesce(a.device || coalesce(' · ' || a.point, ''), a.group_name, {language.sql(texts.OF_SITE)})"
    return f"""
SELECT a.time, a.time_end AS "timeEnd", {encoded("p.axis")} AS "{WHERE}",
       concat('<b>', replace({escaped("a.text")}, chr(10), '<br>'), '</b><br>', {escaped(whose)}, ' · {language.says(texts.WRITTEN_BY)} ', {escaped("a.author")}) AS text
  FROM annotations(array(SELECT point_id FROM points WHERE {chosen}), $__timeFrom(), $__timeTo()) a
  LEFT JOIN points p ON p.point_id = a.point_id AND p.kind = 'number'
 ORDER BY a.time
"""


def show_notes(board: dash.Dashboard, language: Language, trend: int, chosen: str) -> None:
    """Show them on the trend, which is the panel of that number; a switch at the top of the dashboard hides them."""
    board.annotation(
        dash.AnnotationQuery()
        .name(language.says(texts.ANNOTATIONS))
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(COLOUR)
        .filter(dash.AnnotationPanelFilter().exclude(exclude=False).ids([trend]))
        .target(Sql(notes(language, chosen), "notes"))
    )
