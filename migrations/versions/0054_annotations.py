"""Annotations: what people know of a time, of a point, a device, a group or the whole site."""

from migrations.sql import run_file

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    run_file("0054_annotations")
