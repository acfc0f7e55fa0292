"""Storage: what is stored in how many bytes, what will be erased, what was; in English and Chinese."""

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common, dashboard

from grafana import inner_texts, texts
from grafana.languages import Language
from grafana.panels import (
    JOBS_UID,
    MOMENT,
    RUN_COLOURS,
    STORAGE_UID,
    Place,
    Property,
    Sql,
    coloured_text,
    column,
    link_languages,
    link_to,
    link_to_fleet,
    name_columns,
    new_dashboard,
    numbers,
    panel,
    place_panels,
    text_table,
)
from grafana.retention import retention_panels
from grafana.texts_jobs import TITLE as JOBS_TITLE

STORAGE_NOW = """
SELECT bytes AS database_bytes, saved, reading_bytes, growth_bytes, disk_free_bytes, full_on FROM storage
"""
STORED = """
SELECT t.name AS stored, t.rows, t.bytes, t.row_bytes, t.saved, t.chunks, t.compressed_chunks, t.oldest,
       CASE WHEN j.failed THEN 'failed' WHEN j.last_success IS NOT NULL THEN 'done' END AS run_state, j.last_success AS compressed_at
  FROM storage_tables t LEFT JOIN jobs j ON j.job = 'compression' AND j.subject = t.name WHERE t.rows > 0 ORDER BY t.bytes DESC
"""


def _stored(language: Language) -> table.Panel:
    columns = {
        "stored": column(),
        "rows": column(105, unit="locale"),
        "bytes": column(85, unit="decbytes"),
        "row_bytes": column(75, unit="decbytes"),
        "saved": column(75, unit="percentunit"),
        "chunks": column(75, unit="none"),
        "compressed_chunks": column(100, unit="none"),
        "oldest": column(155, unit=MOMENT),
        "run_state": coloured_text(language.table(inner_texts.COMPRESSIONS), RUN_COLOURS, 90),
        "compressed_at": column(160, unit=MOMENT),
    }
    shown = text_table(language.says(inner_texts.STORED), Place(0, 5, 24, 8), STORED)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _now(language: Language) -> stat.Panel:
    blank = numbers(Sql(STORAGE_NOW)).color_mode(common.BigValueColorMode.NONE)
    units = {"database_bytes": "decbytes", "saved": "percentunit", "reading_bytes": "decbytes", "growth_bytes": "decbytes",
             "disk_free_bytes": "decbytes", "full_on": "dateTimeFromNow"}  # fmt: skip
    columns = {name: [Property("unit", unit), Property("noValue", "–")] for name, unit in units.items()}
    shown = panel(blank, language.says(inner_texts.STORAGE_NOW), Place(0, 0, 24, 5))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def storage(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what is stored."""
    board = new_dashboard(
        f"{STORAGE_UID}{language.suffix}", language.says(texts.STORAGE_TITLE), language.says(texts.STORAGE_DESCRIPTION)
    )
    board.link(link_to(language.says(JOBS_TITLE), JOBS_UID, "clock-nine", language)).link(link_to_fleet(language))
    link_languages(board, STORAGE_UID, language)
    return place_panels(board, [_now(language), _stored(language), *retention_panels(language, 13)])
