# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The SQL that the dashboards of alarms share: which alarms are chosen, and how one is told in a language."""

import re

from ddms.languages import sentences
from grafana import texts_alarms as texts
from grafana.languages import Language
from grafana.texts import UNITS_OF_TIME

# The alarm of a connection belongs to each device behind it; those of the system are seen where all devices are.
CHOSEN_DEVICES = """(${device:sqlstring} = 'all' OR s.device_id::text = ${device:sqlstring}
        OR s.source = 'connection' AND s.subject = (SELECT endpoint FROM devices WHERE device_id::text = ${device:sqlstring}))
   AND (${group:sqlstring} = 'all' OR s.device_id IN (SELECT device_id FROM group_devices WHERE group_id::text = ${group:sqlstring})
        OR s.source = 'connection' AND s.subject IN (SELECT endpoint FROM group_devices WHERE group_id::text = ${group:sqlstring}))"""
CHOSEN = f"s.priority = any (array[${{priority:sqlstring}}]::text[]) AND {CHOSEN_DEVICES}"
EVERY = "'all'"
"""What All stands for in a variable of one choice: Grafana puts it in as it is, while `sqlstring` quotes each other choice."""
IS_HIDDEN = "(s.is_shelved OR s.out_of_service OR s.suppressed)"
STANDS = f"s.state <> 'normal' AND NOT {IS_HIDDEN}"
TO_ACKNOWLEDGE = "(NOT s.acknowledged OR s.state = 'latched_acknowledged')"
# For links; a null would become the panel's no-data text there.
ADDRESS = "s.alarm_id, coalesce(s.device_id::text, 'all') AS device_id, coalesce(s.point_id::text, '') AS point_id"
FEW = 6
"""So many names of devices stand in one cell."""
GROUP_CHOICES = "SELECT group_name AS __text, group_id AS __value FROM groups ORDER BY lower(group_name)"


def plain(sql: str) -> str:
    """Return a text as Markdown that shows it as it is, whatever somebody wrote there."""
    return rf"regexp_replace({sql}, '([!-/:-@\[-`{{-~])', '\\\1', 'g')"


def word(language: Language, column: str, words: dict[str, str]) -> str:
    """Return the SQL of a value's word; an unknown value stands for itself."""
    cases = " ".join(f"WHEN '{value}' THEN {language.sql(each)}" for value, each in words.items())
    return f"CASE {column} {cases} ELSE replace({column}, '_', ' ') END"


def duration(language: Language, seconds: str) -> str:
    """Return the SQL of a length of time in words: its two largest units; null of null."""
    second, minute, hour, day = (language.sql(pair) for pair in UNITS_OF_TIME.values())
    return f"""(SELECT CASE WHEN n < 60 THEN n || {second} WHEN n < 3600 THEN n / 60 || {minute}
            WHEN n < 86400 THEN concat(n / 3600, {hour}, ' ', n % 3600 / 60, {minute}) ELSE concat(n / 86400, {day}, ' ', n % 86400 / 3600, {hour}) END
              FROM (SELECT CASE WHEN x < 0 THEN 0 ELSE x::bigint END AS n FROM (SELECT ({seconds}) AS x) given WHERE x IS NOT NULL) whole)"""


def subject() -> str:
    """Return the SQL of what an alarm is about: the device and its point, the connection, or a part of DDMS."""
    return (
        "CASE s.source WHEN 'limit' THEN concat_ws(' · ', s.device, s.point) WHEN 'device' THEN s.device "
        "WHEN 'connection' THEN s.subject ELSE concat_ws(' · ', 'DDMS', nullif(s.subject, '')) END"
    )


def about(language: Language) -> str:
    """Return the SQL of an alarm's name: what it is about, and its kind."""
    return f"concat_ws(' · ', {subject()}, {word(language, 's.kind', texts.KINDS)})"


def shown(language: Language, value: str) -> str:
    """Return the SQL of a value as the view shows it: that of a switch is on or off."""
    return f"CASE WHEN s.is_switch THEN CASE {value} WHEN '0' THEN {language.sql(texts.OFF)} WHEN '1' THEN {language.sql(texts.ON)} ELSE {value} END ELSE {value} END"


def what(language: Language) -> str:
    """Return the SQL of what is wrong: the value against its limit, or in words."""
    say = language.sql
    compared = " ".join(
        f"WHEN '{kind}' THEN concat(s.value_shown, {say(texts.BELOW if 'low' in kind else texts.ABOVE)}, s.threshold_shown, {say(pair)})"
        for kind, pair in texts.LEVELS.items()
    )
    return f"""CASE s.source WHEN 'limit' THEN CASE s.kind {compared}
            WHEN 'deviation' THEN concat(s.value_shown, {say(texts.AWAY_FROM)}, s.reference_key, {say(texts.LIMIT)}, s.threshold_shown)
            WHEN 'rate' THEN concat({say(texts.CHANGED)}, s.value_shown, {say(texts.WITHIN)}, {duration(language, "s.period_s")}, {say(texts.LIMIT)}, s.threshold_shown)
            WHEN 'bit' THEN concat({say(texts.BIT)}, s.bit, CASE WHEN s.inverted THEN {say(texts.IS_NOT_SET)} ELSE {say(texts.IS_SET)} END)
            ELSE concat({say(texts.IS)}, {shown(language, "s.value_shown")}, CASE WHEN s.inverted THEN {say(texts.IS_NONE_OF)} || s.alarm_values_shown END) END
          ELSE concat_ws({say(texts.COLON)}, CASE s.source WHEN 'device' THEN {say(texts.SILENT)} WHEN 'connection' THEN {say(texts.NOBODY)}
                                  ELSE {word(language, "s.kind", texts.KINDS)} END, {sentences.detail(language, "s.detail")}) END"""


def told(language: Language) -> str:
    """Return the SQL of an alarm in one plain line."""
    return f"concat({subject()}, ': ', {what(language)})"


def alarm(language: Language) -> str:
    """Return the SQL of an alarm in Markdown: what it is about, what is wrong, the value as it is now; what is behind a connection."""
    say = language.sql
    now = f"""CASE WHEN s.source <> 'limit' THEN NULL WHEN s.now_shown IS NOT NULL THEN {say(texts.NOW)} || {shown(language, "s.now_shown")}
            ELSE {say(texts.NOW_UNKNOWN)} || coalesce({sentences.reason(language, "s.why_not_good", spaced=True)}, '–') END"""
    # A gateway may have 200 behind it: the first few tell which it is.
    behind = f"""{say(texts.BEHIND)} || (SELECT string_agg(x.device, ', ' ORDER BY x.place) FILTER (WHERE x.place <= {FEW}) || CASE WHEN count(*) > {FEW} THEN {say(texts.AND_MORE)} || count(*) - {FEW} ELSE '' END
              FROM (SELECT b.device, row_number() OVER (ORDER BY lower(b.device)) AS place FROM alarms b WHERE b.suppressed_by = s.alarm_id AND b.source = 'device') x)"""
    return f"concat('**', {plain(subject())}, '**', E'\\n', {plain(what(language))}, E'\\n' || {plain(now)}, E'\\n' || {plain(behind)})"


def advice(language: Language) -> str:
    """Return the SQL of what the operator reads: what to do and within how long, the cause, what happens else, the newest note."""
    say = language.sql
    left = "s.respond_within_s - s.age_seconds"
    within = f"""CASE WHEN s.respond_within_s IS NOT NULL THEN concat('**', {say(texts.RESPOND)}, {duration(language, "s.respond_within_s")}, '**',
            CASE WHEN NOT s.active OR s.acknowledged THEN '' WHEN {left} < 0 THEN ' · ' || {say(texts.OVERDUE)} || {duration(language, "s.age_seconds - s.respond_within_s")}
                 ELSE ' · ' || {say(texts.LEFT)} || {duration(language, left)} END) END"""
    cause, consequence, action = (language.of_alarm("s", column) for column in ("cause", "consequence", "action"))
    written = {cause: texts.CAUSE, consequence: texts.CONSEQUENCE, "s.note": texts.NOTE}
    parts = [
        f"'**' || {say(texts.TO_DO)} || '**' || {say(texts.COLON)} || {_written(action)}",
        within,
        *(f"{say(words)} || {say(texts.COLON)} || {_written(sql)}" for sql, words in written.items()),
    ]
    return f"coalesce(nullif(concat_ws(E'\\n', {', '.join(parts)}), ''), {say(texts.NO_ADVICE)})"


def _written(sql: str) -> str:
    return plain(f"nullif({sql}, '')")


def window(begin: str, end: str) -> str:
    """Return two columns of an address: half an hour around a stretch of time, in milliseconds, as texts."""
    return (
        f"(extract(epoch FROM {begin} - interval '30 min') * 1000)::bigint::text AS from_ms, "
        f"(extract(epoch FROM least(now(), {end} + interval '30 min')) * 1000)::bigint::text AS to_ms"
    )


def shortened(sql: str) -> str:
    """Return a query without the spaces that only its source needs."""
    return re.sub(r"\n\s+", "\n  ", sql.strip())
