"""The alert rules of Grafana: one instance an alarm, and what the message about it says.

Each rule asks twice. The first question gives what makes an instance: labels that do not change while the alarm calls, and 1
while it does, 0 for a quarter of an hour afterwards. The second has the same labels and more: the texts of now. An instance
is known by the labels of the first alone; Grafana gives it the second as `$values.B`, since its labels contain the others.
So a value that moves makes no new alarm, and the message that an alarm calls no more can say why.
"""

from typing import Any

from ddms.cli.notifying.wishes import Wishes
from ddms.cli.notifying.words import KINDS, PHRASES, PRIORITIES, WATCH
from ddms.languages import Product
from ddms.languages.sentences import detail
from ddms.languages.sql import Spoken, literal

SOURCE = "ddms-rules"
"""The data source of the rules, uid; it has a session of its own, so that no dashboard holds them up."""
FOLDER = "DDMS notifications"
INTERVAL = "10s"
_LABELS = """c.alarm, c.source, c.kind, c.priority, coalesce(c.device, c.subject, '') AS device, c.groups,
       coalesce(c.point, '') AS point, c.bundle AS cause"""
_ANNOTATIONS = ("title", "ended", "ending", "word", "since", "now", "why", "consequence", "action", "within", "note")


def rules(wishes: Wishes) -> list[dict[str, Any]]:
    """Return the rules, as Grafana reads them."""
    made = [_rule("ddms-alarm", "DDMS alarm", "alarm", wishes, _firing("c.calls"))]
    limits = {"critical": wishes.escalate_critical, "high": wishes.escalate_high}
    late = {priority: minutes for priority, minutes in limits.items() if minutes}
    if wishes.escalation and late:
        cases = " ".join(f"WHEN {literal(p)} THEN interval '{minutes} minutes'" for p, minutes in late.items())
        value = f"c.calls AND c.called_since < now() - CASE c.priority {cases} END"
        where = f"WHERE c.priority IN ({', '.join(map(literal, late))})"
        made.append(_rule("ddms-escalated", "DDMS alarm, escalated", "escalated", wishes, _firing(value), where))
    made += [_database(wishes), _standstill(wishes)]
    if wishes.heartbeat_url:
        made.append(_watching("heartbeat", wishes, "SELECT 1 AS value", for_="0s", on_error="OK"))
    return made


def _firing(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END AS value"


def _rule(uid: str, title: str, kind: str, wishes: Wishes, value: str, where: str = "") -> dict[str, Any]:
    which = f"SELECT {_LABELS},\n       {value}\n  FROM grafana.calls c {where}".rstrip()  # noqa: S608 - our own words
    says = f"SELECT {_LABELS},\n       {_texts(wishes)},\n       1 AS text\n  FROM grafana.calls c {where}".rstrip()  # noqa: S608
    annotations = {name: _of_text(name) for name in _ANNOTATIONS}
    annotations |= {
        "alarm_url": _link("path_alarm"),
        "history_url": _link("path_history"),
        "device_url": _link("path_device"),
        "summary": _of_text("title"),
    }
    return {
        "uid": uid,
        "title": title,
        "condition": "C",
        "data": [_question("A", which), _question("B", says), _threshold("A")],
        # Nothing calls: then there are no rows at all. The database is away: everything stays as it was, and the rule
        # ddms-database says so once.
        "noDataState": "OK",
        "execErrState": "KeepLast",
        "for": "0s",
        "labels": {"ddms": kind},
        "annotations": annotations,
    }


def _of_text(name: str) -> str:
    return f"{{{{ with $values.B }}}}{{{{ .Labels.{name} }}}}{{{{ end }}}}"


def _link(name: str) -> str:
    return f"{{{{ with $values.B }}}}{{{{ with .Labels.{name} }}}}{{{{ externalURL }}}}{{{{ . }}}}{{{{ end }}}}{{{{ end }}}}"  # fmt: skip


def _question(ref: str, sql: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasourceUid": SOURCE,
        "relativeTimeRange": {"from": 600, "to": 0},
        "model": {"refId": ref, "rawSql": sql, "format": "table", "rawQuery": True, "editorMode": "code"},
    }


def _threshold(of: str) -> dict[str, Any]:
    condition = {"evaluator": {"type": "gt", "params": [0]}}
    model = {"refId": "C", "type": "threshold", "expression": of, "conditions": [condition]}
    return {"refId": "C", "datasourceUid": "__expr__", "model": model}


def _texts(wishes: Wishes) -> str:
    """Return the columns with what the message says, in the language of the site."""
    return ",\n       ".join(f"{sql} AS {name}" for name, sql in _columns(wishes).items())


def _columns(wishes: Wishes) -> dict[str, str]:
    say = {name: literal(words) for name, words in wishes.says(PHRASES).items()}
    at = f"AT TIME ZONE {literal(wishes.time_zone)}"
    clock = "'YYYY-MM-DD HH24:MI:SS'"
    board = wishes.spoken.suffix
    since = "floor(extract(epoch FROM c.active_since) * 1000)::bigint"
    return {
        "title": _title(wishes, say),
        "ended": _ended(say, at),
        "ending": _ending(at),
        "word": _case("c.priority", wishes.says(PRIORITIES)),
        "since": f"to_char(c.active_since {at}, {clock})",
        "now": f"CASE WHEN c.value_now IS NOT NULL THEN concat(c.value_now, ' (', to_char(c.value_time {at}, {clock}), ')') END",
        **{
            name: f"coalesce(c.{text}, c.texts -> {literal(wishes.language)} ->> '{text}')"
            for name, text in (("why", "cause"), ("consequence", "consequence"), ("action", "action"))
        },
        "within": f"CASE WHEN c.respond_within_s % 60 = 0 THEN c.respond_within_s / 60 || {say['minutes']} ELSE c.respond_within_s || {say['seconds']} END",
        "note": detail(Spoken(wishes.spoken, strict=False), "c.detail"),
        "path_alarm": f"concat('d/ddms-alarms{board}', '?var-device=' || c.device_id)",
        "path_history": f"concat('d/ddms-alarm-history{board}?var-alarm=', c.alarm_id, '&var-device=' || c.device_id, '&from=', {since} - 1800000, '&to=', {since} + 1800000)",
        "path_device": f"CASE WHEN c.device_id IS NOT NULL THEN concat('d/ddms-device{board}?var-device=', c.device_id, '&from=', {since} - 1800000, '&to=', {since} + 1800000) END",
    }


def _title(wishes: Wishes, say: dict[str, str]) -> str:
    """Return `Pump 3: Pressure high 9.8 bar (limit 8 bar)` in SQL."""
    level = _case("c.kind", wishes.says(KINDS))
    # What is over has no value in its name: the newest is that with which it was cleared.
    value = f"CASE WHEN c.ended IS NULL THEN concat(' ', c.value, ' (', {say['limit']}, ' ', c.threshold, ')') END"
    first_words = "coalesce(nullif(rtrim(left((regexp_split_to_array(c.cause, '[\\r\\n]'))[1], 80), '.。 '), ''), translate(c.limit_key, '_', ' '))"
    whole = f"replace(c.texts -> {literal(wishes.language)} ->> 'title', '{{}}', coalesce(c.device, c.subject, ''))"
    return f"""coalesce({whole}, concat(coalesce(c.device, c.subject), {say["colon"]}, CASE
           WHEN c.source = 'device' THEN {say["offline"]}
           WHEN c.source = 'connection' THEN {say["nothing"]}
           WHEN c.source = 'system' THEN translate(c.kind, '_', ' ')
           WHEN c.kind = 'deviation' THEN concat(c.point, ' ', {say["deviates"]}, {value})
           WHEN c.kind = 'rate' THEN concat(c.point, ' ', {say["changes"]}, {value})
           WHEN c.kind IN ('bit', 'value') THEN concat(c.point, {say["colon"]}, {first_words})
           ELSE concat(c.point, ' ', {level}, {value}) END))"""


def _ended(say: dict[str, str], at: str) -> str:
    """Return why an alarm calls no more, in few words, or nothing while it does."""
    named = " ".join(f"WHEN {literal(name)} THEN {say[name]}" for name in _ENDS)
    return f"""concat(CASE c.ended {named} END,
           CASE WHEN c.ended = 'suppressed' THEN ' ' || c.suppressed_by
                WHEN c.ended NOT IN ('cleared', 'withdrawn') THEN concat(' ' || {say["by"]} || ' ' || c.ended_by,
                     ' ' || {say["until"]} || ' ' || to_char(c.ended_until {at}, 'YYYY-MM-DD HH24:MI')) END)"""


def _ending(at: str) -> str:
    """Return the time at which it ended, with what value, and the note of who ended it."""
    return f"""CASE WHEN c.ended IS NOT NULL THEN concat_ws(', ', to_char(c.ended_at {at}, 'HH24:MI:SS'),
           CASE WHEN c.ended = 'cleared' THEN c.value WHEN c.ended <> 'suppressed' THEN nullif(c.ended_note, '') END) END"""


_ENDS = ("cleared", "withdrawn", "acknowledged", "shelved", "suppressed", "out_of_service")


def _case(column: str, words: dict[str, str]) -> str:
    return f"CASE {column} {' '.join(f'WHEN {literal(name)} THEN {literal(word)}' for name, word in words.items())} END"


def _database(wishes: Wishes) -> dict[str, Any]:
    """The database is away: one message, whatever calls."""
    return _watching(
        "database", wishes, "SELECT count(*) FILTER (WHERE alarm_id < 0) AS value FROM grafana.calls", for_="30s"
    )


def _standstill(wishes: Wishes) -> dict[str, Any]:
    """No collector has reported for two minutes, and no alarm of the system says so already."""
    sql = """SELECT CASE WHEN max(seen_at) < now() - interval '2 minutes'
            AND NOT EXISTS (SELECT FROM grafana.alarms WHERE source = 'system' AND kind IN ('collector_silent', 'endpoints_unpolled') AND active) THEN 1 ELSE 0 END AS value
  FROM grafana.collectors"""
    return _watching("standstill", wishes, sql, for_="0s", on_error="KeepLast")


def _watching(name: str, wishes: Wishes, sql: str, *, for_: str, on_error: str = "Alerting") -> dict[str, Any]:
    title, consequence, action = (wishes.spoken.text(Product.NOTIFICATIONS, text) for text in WATCH[name])
    word = wishes.says(PRIORITIES)["critical"]
    return {
        "uid": f"ddms-{name}",
        "title": f"DDMS {name}",
        "condition": "C",
        "data": [_question("A", sql), _threshold("A")],
        "noDataState": "OK",
        "execErrState": on_error,
        "for": for_,
        "labels": {"ddms": name, "priority": "critical", "cause": name},
        "annotations": {"title": title, "summary": title, "word": word, "consequence": consequence, "action": action},
    }
