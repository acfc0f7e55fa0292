"""How to come to a better edition of the storage, where there is one to come to."""

from ddms.database import TimescaleDb
from ddms.errors import Sentence

ADVICE = {
    TimescaleDb.NOT_LOADED: Sentence(
        "TimescaleDB is installed on the server but not loaded, so history is kept in plain tables, uncompressed: set "
        "shared_preload_libraries = 'timescaledb', restart PostgreSQL, then run `ddms migrate --to-timescaledb`"
    ),
    TimescaleDb.READY: Sentence(
        "TimescaleDB is on the server, but history is kept in plain tables, uncompressed: run "
        "`ddms migrate --to-timescaledb`, which keeps all readings"
    ),
}
