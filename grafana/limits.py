# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Limits and alarms in trends: SQL of the lines, of the tinted sides, and of the bars from raised to cleared.

Grafana's own thresholds are written into a dashboard; limits are rows. So their lines are series of the trend's query, and
the tint is the thresholds of the axis, which "Config from query results" takes from columns. A line takes part in the axis'
range, so one that lies far from the readings is only named in the legend; a tint takes none.
"""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import dashboard

from ddms.languages import sentences
from grafana import texts
from grafana.languages import Language
from grafana.panels import ALARM_HISTORY_UID, PRIORITY_COLOURS, SOURCE, Property, Sql

MARK = "┄"
"""Begins the name of each line, and so tells it from the points."""
MANY = 8
"""Of more lines none is drawn: nobody could tell them apart."""
_LEVELS = "('low_low', 'low', 'high', 'high_high')"


def level_lines(language: Language, shown: str, called: str) -> str:
    """Return CTEs `extent` and `lines` after one of `steps`: the limits of the points `shown`, equal ones once.

    `called` names a point p. Near is a line within twice the height of the readings.
    """
    return f"""
extent AS (
    SELECT min(coalesce(lowest, value)) AS low, max(coalesce(highest, value)) AS high FROM steps
), levels AS (
    SELECT l.kind, l.threshold, l.priority, l.unit, count(*) AS points, min({called}) AS whose
      FROM limits l JOIN points p USING (point_id)
     WHERE l.point_id IN ({shown}) AND l.enabled AND l.kind IN {_LEVELS} GROUP BY l.kind, l.threshold, l.priority, l.unit
), lines AS (
    SELECT row_number() OVER (ORDER BY l.threshold DESC, l.kind)::int AS number,
           concat('{MARK} ', CASE WHEN l.points = 1 AND (SELECT count(*) FROM points WHERE point_id IN ({shown})) > 1 THEN l.whose || {language.sql(texts.COLON)}
                                  WHEN l.points < (SELECT count(*) FROM points WHERE point_id IN ({shown})) THEN l.points || ' × ' END,
                  {language.word("l.kind", texts.LIMIT_KINDS)}, ' ', l.threshold, ' ' || nullif(l.unit, ''), ' (', {language.word("l.priority", texts.PRIORITIES)},
                  CASE WHEN NOT near.is_near THEN {language.sql(texts.OUT_OF_VIEW)} END, ')') AS name,
           CASE WHEN near.is_near THEN l.threshold END AS value
      FROM levels l CROSS JOIN extent e
     CROSS JOIN LATERAL (SELECT greatest(2 * (e.high - e.low), 0.02 * greatest(abs(e.high), abs(e.low))) AS margin) m
     CROSS JOIN LATERAL (SELECT l.threshold BETWEEN e.low - m.margin AND e.high + m.margin AS is_near) near
     WHERE e.low IS NOT NULL AND (SELECT count(*) FROM levels) <= {MANY}
)"""


def _tints() -> Iterator[tuple[str, str, str]]:
    """Give each step of the axis' thresholds from below: the column's name, its colour, its SQL over one row of levels."""
    lowest = "coalesce(low_low_priority, low_priority)"
    for priority, colour in PRIORITY_COLOURS.items():
        yield f"bottom_{priority}", colour, f"CASE WHEN {lowest} = '{priority}' THEN '-Infinity'::float8 END"
    yield "bottom", "transparent", f"CASE WHEN {lowest} IS NULL THEN '-Infinity'::float8 END"
    for priority, colour in PRIORITY_COLOURS.items():
        yield f"low_low_{priority}", colour, f"CASE WHEN low_priority = '{priority}' THEN low_low END"
    yield "normal", "transparent", "coalesce(low, low_low)"
    for kind in ("high", "high_high"):
        for priority, colour in PRIORITY_COLOURS.items():
            yield f"{kind}_{priority}", colour, f"CASE WHEN {kind}_priority = '{priority}' THEN {kind} END"


def tints(chosen: str) -> str:
    """Return the SQL of the tinted sides, one row: null where the chosen points do not all have the same limits."""
    kinds = ("low_low", "low", "high", "high_high")
    levels = ", ".join(
        f"max(threshold) FILTER (WHERE kind = '{k}') AS {k}, max(priority) FILTER (WHERE kind = '{k}') AS {k}_priority"
        for k in kinds
    )
    return f"""
LEFT JOIN (
    SELECT {", ".join(f"{sql} AS {name}" for name, _, sql in _tints())}
      FROM (SELECT {levels}
              FROM (SELECT kind, threshold, priority, count(*) AS points FROM limits
                     WHERE enabled AND kind IN {_LEVELS} AND point_id IN (SELECT point_id FROM points WHERE {chosen})
                     GROUP BY kind, threshold, priority) equal
            HAVING bool_and(points = (SELECT count(*) FROM points WHERE {chosen}))) one
) tint ON true"""


def tint_mappings() -> list[dict[str, object]]:
    """Return which columns of `tints` become thresholds of the axis."""
    return [
        {"fieldName": name, "handlerKey": "threshold1", "handlerArguments": {"threshold": {"color": colour}}}
        for name, colour, _ in _tints()
    ]


TINTS = ", ".join(f"max({name}) AS {name}" for name, _, _ in _tints())
"""What the query of the unit selects of `tints`."""


def draw_lines(shown: timeseries.Panel, language: Language) -> timeseries.Panel:
    """Give lines of limits their look: dashed, in the colour of the priority."""
    for priority, colour in PRIORITY_COLOURS.items():
        look = [
            Property("color", {"mode": "fixed", "fixedColor": colour}),
            Property("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
            Property("custom.lineWidth", 2),
            Property("custom.showPoints", "never"),
        ]
        shown.override_by_regexp(
            rf"/^{MARK} .*\({language.says(texts.PRIORITIES[priority])}({language.says(texts.OUT_OF_VIEW)})?\)$/",
            look,
        )
    return shown


def escaped(sql: str) -> str:
    """Return SQL of a text as HTML has it: what stands in an annotation is HTML to Grafana."""
    return f"replace(replace(replace({sql}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"


WHERE = "prevState"
"""What of an annotation says in which of the panels it is: Grafana keeps no column of our own, and shows this one to nobody."""
EVERYWHERE = "*"


def encoded(axis: str) -> str:
    """Return SQL that encodes an axis as Grafana's `percentencode` does; of what has none, EVERYWHERE."""
    byte = "'%' || regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)(?=.)', '\\1%', 'g')"
    return f"""coalesce((SELECT string_agg(CASE WHEN c ~ '[A-Za-z0-9_.~-]' THEN c ELSE {byte} END, '' ORDER BY place)
                 FROM regexp_split_to_table({axis}, '') WITH ORDINALITY each (c, place)), '{EVERYWHERE}')"""


def own_alarms() -> dashboard.DataTransformerConfig:
    """Return the transformation that leaves a trend the alarms of its unit: to Grafana an annotation is of a whole dashboard."""
    wanted = [
        {"fieldName": WHERE, "config": {"id": "equal", "options": {"value": value}}}
        for value in ("${unit:percentencode}", EVERYWHERE)
    ]
    options = {"filters": wanted, "type": "include", "match": "any"}
    return dashboard.DataTransformerConfig(id_val="filterByValue", topic="annotations", options=options)


def told(language: Language, row: str, device: str, key: str = "NULL") -> str:
    """Return SQL that tells an alarm in a line: `Level: Low 2 m`; `device` is SQL of what stands before the point, `key` of a limit's key."""
    return f"""CASE {row}.source WHEN 'limit'
            THEN {device} || {row}.point || {language.sql(texts.COLON)} || concat_ws(' ', {language.word(f"{row}.kind", texts.LIMIT_KINDS)},
                                                       CASE WHEN {row}.kind IN ('bit', 'value') THEN {key} END, {row}.threshold,
                                                       CASE WHEN {row}.threshold IS NOT NULL THEN nullif({row}.unit, '') END)
            ELSE coalesce({row}.device, {row}.endpoint) || {language.sql(texts.NO_ANSWER)} END"""


def alarm_bars(language: Language, chosen: str, priority: str, *, whose: bool) -> str:
    """Return the SQL of the alarms of a priority while they stood; `whose`: with the device's name.

    One that is shorter than two or three pixels is a point, one line instead of two.
    """
    what = told(language, "s", "s.device || ' · '" if whose else "''", "s.limit_key").replace(
        "coalesce(s.device, s.endpoint)", "s.device"
    )
    shown = "('all', 'urgent')" if priority in {"critical", "high"} else "('all')"
    return f"""
SELECT s.raised_at AS time,
       CASE WHEN coalesce(s.ended_at, now()) - s.raised_at > ($__timeTo()::timestamptz - $__timeFrom()::timestamptz) / 200 THEN coalesce(s.ended_at, now()) END AS "timeEnd",
       {encoded("p.axis")} AS "{WHERE}",
       concat('<b>', {escaped(what)}, '</b> · {language.says(texts.PRIORITIES[priority])}',
              CASE WHEN s.times > 1 THEN '<br>' || s.times || {language.sql(texts.TIMES)} END,
              '<br>{language.says(texts.RAISED_AT)} ' || round(s.value::numeric, 3)::float8 || coalesce(' ' || {escaped("nullif(s.unit, '')")}, ''),
              '<br>', coalesce({language.sql(texts.FOR)} || date_trunc('second', s.ended_at - s.raised_at), {language.sql(texts.STILL_THERE)}),
              '<br>' || {escaped("coalesce(nullif(s.cause, ''), {})".format(sentences.told(language, "s.detail")))},
              '<br><a href="/d/{ALARM_HISTORY_UID}{language.suffix}?var-device=', s.device_id, '&var-point=' || s.point_id, '&var-alarm=', s.alarm_id, '&from=', (extract(epoch FROM s.raised_at) * 1000)::bigint - 600000,
              '&to=', (extract(epoch FROM coalesce(s.ended_at, now())) * 1000)::bigint + 600000, '">{language.says(texts.OPEN_HISTORY)}</a>') AS text
  FROM alarm_spans(array(SELECT point_id FROM points WHERE {chosen} AND '$alarms' IN {shown}), $__timeFrom(), $__timeTo(), '{priority}') s
  LEFT JOIN points p ON p.point_id = s.point_id AND p.kind = 'number'
 ORDER BY s.raised_at
"""


def alarms_variable(language: Language, drawn: str) -> dash.CustomVariable:
    """Return the variable that says which alarms the trends show."""
    label, description = language.says(texts.ALARMS_DRAWN)
    variable = dash.CustomVariable("alarms").label(label).description(description)
    variable.values(",".join(f"{text} : {value}" for value, text in language.table(texts.DRAWN).items()))
    return variable.current(
        dashboard.VariableOption(selected=True, text=language.says(texts.DRAWN[drawn]), value=drawn)
    )


def show_alarms(
    board: dash.Dashboard, language: Language, trend: int, chosen: str, *, whose: bool, drawn: str = "all"
) -> None:
    """Show alarms as bars of the trend, which is the panel of that number, and add the variable that says which.

    One question a priority, since Grafana gives all that one finds the same colour. The least comes first, so that the worst lies on top.
    """
    board.with_variable(alarms_variable(language, drawn))
    for priority in reversed(PRIORITY_COLOURS):
        board.annotation(
            dash.AnnotationQuery()
            .name(f"{language.says(texts.ALARMS_DRAWN)[0]}: {language.says(texts.PRIORITIES[priority])}")
            .datasource(SOURCE)
            .enable(enable=True)
            .hide(hide=True)
            .icon_color(PRIORITY_COLOURS[priority])
            .filter(dash.AnnotationPanelFilter().exclude(exclude=False).ids([trend]))
            .target(Sql(alarm_bars(language, chosen, priority, whose=whose), "alarms"))
        )
