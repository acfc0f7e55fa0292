"""What failed for people, by the number that they were told (docs/troubleshooting.md)."""

from grafana_foundation_sdk.builders import table

from grafana import texts_errors as words
from grafana.languages import Language
from grafana.panels import Place, column, name_columns, named, sentence, text_table

# `${__user.login}` is an id that the API gives, `usr_2`: nothing that a person chose.
_OF_BUTTONS = """ FROM errors
 WHERE place = 'button' AND login = '${__user.login}' AND time > now() - interval '1 hour' ORDER BY time DESC LIMIT 10
"""
NEWEST = """
SELECT time, reference, place, code FROM errors WHERE time BETWEEN $__timeFrom() AND $__timeTo() ORDER BY time DESC LIMIT 200
"""


def of_buttons_sql(language: Language) -> str:
    """Return the SQL of the reader's own buttons that failed: which, and why, as the reader was told it."""
    pressed = f"^({'|'.join(words.MUTATIONS)}): "
    return f"""
SELECT time, reference, {language.word(f"substring(message FROM '{pressed}')", words.MUTATIONS)} AS button,
       CASE code WHEN 'INTERNAL' THEN {language.sql(words.UNEXPECTED)} ELSE regexp_replace(message, '{pressed}', '') END AS message{_OF_BUTTONS}"""  # noqa: S608 - our own words


def of_buttons(place: Place, language: Language) -> table.Panel:
    """Return the panel of the reader's own buttons that failed, for a dashboard with buttons."""
    columns = {
        "time": column(170, unit="dateTimeAsSystem"),
        "reference": column(120),
        "button": column(140),
        "message": sentence(),
    }
    shown = text_table(language.says(words.BUTTONS), place, of_buttons_sql(language))
    return name_columns(shown, columns, language.table(words.COLUMNS))


def newest(place: Place, language: Language) -> table.Panel:
    """Return the panel of the newest failures."""
    columns = {
        "time": column(170, unit="dateTimeAsSystem"),
        "reference": column(120),
        "place": [*column(130), *named(language.table(words.PLACES))],
        "code": column(),
    }
    shown = text_table(language.says(words.LISTED), place, NEWEST)
    return name_columns(shown, columns, language.table(words.COLUMNS))
