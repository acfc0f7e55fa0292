"""The pools of connections that the API has at a server: one for all, one for people whose rights are limited."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from api.ground.database import LIMITED_PATH, LIMITED_ROLE, Database
from api.ground.limits import CONNECTIONS, STATEMENT_TIMEOUT_MS
from ddms.database import Edition, open_pool
from ddms.settings import Settings


async def open_database(settings: Settings, edition: Edition, *, fewest: int = 1) -> Database:
    """Open the pools; those for limited people have connections only while there are some.

    What needs no session goes through the pooler, where there is one; limited people's number is kept by the session.
    """
    timed = _with_statement_timeout(settings)
    if settings.pooler_url:
        pool = await open_pool(
            settings.at(settings.pooler_url),
            "api",
            size=CONNECTIONS,
            stateless=True,
            fewest=fewest,
            pooled=True,
            command_timeout=STATEMENT_TIMEOUT_MS / 1000,
        )
    else:
        pool = await open_pool(timed, "api", size=CONNECTIONS, stateless=True, fewest=fewest)
    theirs = replace(timed, database_role=LIMITED_ROLE)
    limited = await open_pool(theirs, "api", size=CONNECTIONS, stateless=True, fewest=0, search_path=LIMITED_PATH)
    return Database(pool, edition, limited)


def _with_statement_timeout(settings: Settings) -> Settings:
    """Give every statement of the pool a limit; asyncpg passes what it does not know in a URL to the server."""
    url = urlsplit(settings.database_url)
    query = [*parse_qsl(url.query), ("statement_timeout", str(STATEMENT_TIMEOUT_MS))]
    return replace(settings, database_url=url._replace(query=urlencode(query)).geturl())
