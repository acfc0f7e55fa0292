"""Storage: what is stored in how many bytes, what will be erased, what was."""

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common, dashboard

from grafana import inner_texts, texts
from grafana.panels import (
    RUN_COLOURS,
    STORAGE_UID,
    Place,
    Property,
    Sql,
    coloured,
    column,
    last_values,
    link_to_fleet,
    name_columns,
    new_dashboard,
    panel,
    place_panels,
    sentence,
    text_table,
)
from grafana.retention import retention_panels

STORAGE_NOW = """
SELECT bytes AS database_bytes, saved, reading_bytes, growth_bytes, disk_free_bytes, full_on FROM storage
"""
STORAGE_JOBS = """
SELECT job, subject, CASE WHEN failed THEN 'failed' ELSE 'done' END AS run_state, last_success, failures, error, next_start FROM jobs ORDER BY failed DESC, job, subject
"""
STORED = """
SELECT name AS stored, rows, bytes, row_bytes, saved, chunks, compressed_chunks, oldest FROM storage_tables WHERE rows > 0 ORDER BY bytes DESC
"""


def _stored() -> table.Panel:
    columns = {
        "stored": column(),
        "rows": column(130, unit="locale"),
        "bytes": column(110, unit="decbytes"),
        "row_bytes": column(90, unit="decbytes"),
        "saved": column(90, unit="percentunit"),
        "chunks": column(90, unit="none"),
        "compressed_chunks": column(110, unit="none"),
        "oldest": column(170, unit="dateTimeAsIso"),
    }
    return name_columns(text_table(inner_texts.STORED, Place(0, 5, 24, 8), STORED), columns)


def _now() -> stat.Panel:
    blank = (
        stat.Panel()
        .with_target(Sql(STORAGE_NOW))
        .reduce_options(last_values())
        .color_mode(common.BigValueColorMode.NONE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.VERTICAL)
    )
    units = {"database_bytes": "decbytes", "saved": "percentunit", "reading_bytes": "decbytes", "growth_bytes": "decbytes",
             "disk_free_bytes": "decbytes", "full_on": "dateTimeFromNow"}  # fmt: skip
    columns = {name: [Property("unit", unit), Property("noValue", "–")] for name, unit in units.items()}
    return name_columns(panel(blank, inner_texts.STORAGE_NOW, Place(0, 0, 24, 5)), columns)


def _jobs(top: int) -> table.Panel:
    columns = {
        "job": column(140),
        "subject": column(130),
        "run_state": coloured(texts.RUN_STATES, RUN_COLOURS, 100),
        "last_success": column(160, unit="dateTimeFromNow"),
        "failures": column(90, unit="none"),
        "error": sentence(),
        "next_start": column(160, unit="dateTimeFromNow"),
    }
    return name_columns(text_table(inner_texts.STORAGE_JOBS, Place(0, top, 24, 8), STORAGE_JOBS), columns)


def storage() -> dashboard.Dashboard:
    """Return the dashboard of what is stored."""
    board = new_dashboard(STORAGE_UID, texts.STORAGE_TITLE, texts.STORAGE_DESCRIPTION).link(link_to_fleet())
    return place_panels(board, [_now(), _stored(), _jobs(13), *retention_panels(21)])
