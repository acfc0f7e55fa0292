"""What will be erased, and what was: panels of the storage dashboard."""

from grafana_foundation_sdk.builders import table

from grafana import inner_texts, texts
from grafana.panels import RUN_COLOURS, Place, coloured, column, name_columns, name_of_device, sentence, text_table

RETENTION_DUE = """
SELECT device_id, device, name AS stored, retention_days, before, rows, bytes, due_at FROM retention_due ORDER BY bytes DESC, lower(device) LIMIT 200
"""
RETENTION_RUNS = """
SELECT time AS began, seconds, state AS run_state, rows, bytes, chunks, requested_by, error FROM retention_runs ORDER BY time DESC LIMIT 50
"""
ERASURES = """
SELECT time AS began, subject, state AS run_state, progress, rows, requested_by, error FROM erasures ORDER BY time DESC LIMIT 50
"""


def retention_panels(top: int) -> list[table.Panel]:
    """Return the panels, from this row of the dashboard's grid on."""
    return [_due(Place(0, top, 24, 9)), _runs(Place(0, top + 9, 24, 8)), _erasures(Place(0, top + 17, 24, 8))]


def _due(place: Place) -> table.Panel:
    shown = text_table(inner_texts.RETENTION_DUE, place, RETENTION_DUE, hidden=["device_id"])
    columns = {
        "device": name_of_device(),
        "stored": column(110),
        "retention_days": column(100, unit="none"),
        "before": column(170, unit="dateTimeAsIso"),
        "rows": column(110, unit="locale"),
        "bytes": column(100, unit="decbytes"),
        "due_at": column(170, unit="dateTimeAsIso"),
    }
    return name_columns(shown, columns)


def _runs(place: Place) -> table.Panel:
    columns = {
        "began": column(170, unit="dateTimeAsIso"),
        "seconds": column(90, unit="s"),
        "run_state": coloured(texts.RUN_STATES, RUN_COLOURS, 100),
        "rows": column(110, unit="locale"),
        "bytes": column(100, unit="decbytes"),
        "chunks": column(90, unit="none"),
        "requested_by": column(140),
        "error": sentence(),
    }
    return name_columns(text_table(inner_texts.RETENTION_RUNS, place, RETENTION_RUNS), columns)


def _erasures(place: Place) -> table.Panel:
    columns = {
        "began": column(170, unit="dateTimeAsIso"),
        "subject": sentence(),
        "run_state": coloured(texts.RUN_STATES, RUN_COLOURS, 100),
        "progress": column(90, unit="percentunit"),
        "rows": column(110, unit="locale"),
        "requested_by": column(140),
        "error": sentence(),
    }
    return name_columns(text_table(inner_texts.ERASURES, place, ERASURES), columns)
