"""Runs the SQL that is written out beside a migration."""

from importlib.resources import files

from alembic import op
from sqlalchemy.util import await_only


def run_file(name: str) -> None:
    """Run all statements of `migrations/versions/<name>.sql` in the migration's transaction.

    They go to asyncpg's own `execute`, which takes a whole script; SQLAlchemy would prepare it as one statement.
    """
    script = files("migrations").joinpath("versions", f"{name}.sql").read_text(encoding="utf-8")
    bind = op.get_bind()
    bind.exec_driver_sql("SELECT 1")  # SQLAlchemy begins its transaction with the first statement of its own
    driver = bind.connection.driver_connection
    assert driver is not None  # noqa: S101 - Alembic runs on an open connection
    await_only(driver.execute(script))
