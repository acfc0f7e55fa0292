"""Storage: what is stored in how many bytes, what will be erased, what was."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from grafana import queries, texts
from grafana.panels import (
    STORAGE_UID,
    Place,
    column,
    link_to_fleet,
    name_columns,
    new_dashboard,
    place_panels,
    text_table,
)
from grafana.retention import retention_panels


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
    return name_columns(text_table(texts.STORED, Place(0, 0, 24, 8), queries.STORED), columns)


def storage() -> dashboard.Dashboard:
    """Return the dashboard of what is stored."""
    board = new_dashboard(STORAGE_UID, texts.STORAGE_TITLE, texts.STORAGE_DESCRIPTION).link(link_to_fleet())
    return place_panels(board, [_stored(), *retention_panels(8)])
