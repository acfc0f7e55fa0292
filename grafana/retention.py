"""What will be erased, and what was: panels of the storage dashboard."""

from grafana_foundation_sdk.builders import table

from ddms.languages import sentences
from grafana import inner_texts, texts
from grafana.languages import Language
from grafana.panels import (
    MOMENT,
    RUN_COLOURS,
    Place,
    coloured,
    column,
    name_columns,
    name_of_device,
    sentence,
    text_table,
    worded,
)

RETENTION_DUE = """
SELECT device_id, device, name AS stored, retention_days, before, rows, bytes, due_at FROM retention_due ORDER BY bytes DESC, lower(device) LIMIT 200
"""
RETENTION_RUNS = """
SELECT time AS began, seconds, state AS run_state, rows, bytes, chunks, requested_by, error FROM retention_runs ORDER BY time DESC LIMIT 50
"""
ERASURES = """
SELECT time AS began, subject, state AS run_state, progress, rows, requested_by, error FROM erasures ORDER BY time DESC LIMIT 50
"""


def retention_panels(language: Language, top: int) -> list[table.Panel]:
    """Return the panels, from this row of the dashboard's grid on."""
    return [
        _due(language, Place(0, top, 24, 9)),
        _runs(language, Place(0, top + 9, 24, 8)),
        _erasures(language, Place(0, top + 17, 24, 8)),
    ]


def _due(language: Language, place: Place) -> table.Panel:
    shown = text_table(language.says(inner_texts.RETENTION_DUE), place, RETENTION_DUE, hidden=["device_id"])
    columns = {
        "device": name_of_device(language),
        "stored": column(95),
        "retention_days": column(90, unit="none"),
        "before": column(160, unit=MOMENT),
        "rows": column(110, unit="locale"),
        "bytes": column(85, unit="decbytes"),
        "due_at": column(160, unit=MOMENT),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _runs(language: Language, place: Place) -> table.Panel:
    columns = {
        "began": column(160, unit=MOMENT),
        "seconds": column(75, unit="s"),
        "run_state": coloured(language.table(texts.RUN_STATES), RUN_COLOURS, 100),
        "rows": column(110, unit="locale"),
        "bytes": column(85, unit="decbytes"),
        "chunks": column(75, unit="none"),
        "requested_by": [*column(100), worded(language.table(inner_texts.ASKED_BY))],
        "error": sentence(),
    }
    return name_columns(
        text_table(language.says(inner_texts.RETENTION_RUNS), place, sentences.failing(language, RETENTION_RUNS)),
        columns,
        language.table(texts.COLUMNS),
    )


def _erasures(language: Language, place: Place) -> table.Panel:
    columns = {
        "began": column(160, unit=MOMENT),
        "subject": sentence(),
        "run_state": coloured(language.table(texts.RUN_STATES), RUN_COLOURS, 100),
        "progress": column(90, unit="percentunit"),
        "rows": column(110, unit="locale"),
        "requested_by": [*column(100), worded(language.table(inner_texts.ASKED_BY))],
        "error": sentence(),
    }
    return name_columns(
        text_table(language.says(inner_texts.ERASURES), place, sentences.failing(language, ERASURES)),
        columns,
        language.table(texts.COLUMNS),
    )
