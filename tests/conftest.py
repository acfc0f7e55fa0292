"""What every test may ask for: a fresh, migrated database, connections to it in each role, the storage edition."""

import functools
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from pathlib import Path

import asyncpg
import coverage
import httpcore2
import pytest

from api.ground.database import Database
from api.ground.scheduler import Job
from ddms.database import connect, open_pool, read_edition
from ddms.settings import Settings
from tests.support.database import Found, create, drop, find, new_name
from tests.support.measured import set_aside_broken

# The certificates of the whole world are read once a process, not once a client: most clients here speak plain HTTP.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)

_JOURNEYS, _UNIT = Path(__file__).parent / "journeys", Path(__file__).parent / "unit"
MEASURED_CASES = 2
_FOUND = pytest.StashKey[Found]()
_MISSING = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Find the database once, before xdist starts its workers, which inherit it by the environment."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in the background; what we start would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "edition(*names): runs only on these storage editions")
    config.addinivalue_line(
        "markers", "load: all but tests/unit: what talks to real parts in real time; .ci/run may repeat it alone"
    )
    config.addinivalue_line("markers", "unmeasured: tries many cases of what others cover: coverage is not asked of it")
    idle = config.option.collectonly or config.option.help or config.option.version
    if idle or hasattr(config, "workerinput"):
        return
    os.environ.pop("DDMS_TEST_TEMPLATE", None)
    try:
        found = find()
    except Exception as reason:  # noqa: BLE001 - whatever it is, a broken migration too: tests that need none still run
        config.stash[_MISSING] = f"{type(reason).__name__}: {reason}"
    else:
        found.publish()
        if found.server.guardian is not None:  # it is ours and knows no TLS: nobody need ask for it first
            os.environ.setdefault("PGSSLMODE", "disable")
        config.stash[_FOUND] = found


def pytest_unconfigure(config: pytest.Config) -> None:
    if found := config.stash.get(_FOUND, None):
        found.give_back()


def pytest_report_header(config: pytest.Config) -> list[str]:
    if reason := config.stash.get(_MISSING, None):
        return [f"database: none, so tests that need one fail: {reason}"]
    found = config.stash.get(_FOUND, None)
    if found is None:
        return []
    return [
        f"database: {found.description}; edition {found.edition}",
        *(f"  passed over: {why}" for why in found.passed_over),
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what meets the load of the machine, before -m chooses; skip by name what this edition cannot do.

    Of the cases of one test the first are measured: the others run the same code, and to be measured takes as long again.

    The longest come first, on one worker, so that none is left over when the others have nothing to do any more.
    """
    edition = os.environ.get("DDMS_TEST_EDITION")
    items.sort(key=lambda item: _JOURNEYS not in item.path.parents)
    cases: Counter[str] = Counter()
    for item in items:
        cases[item.nodeid.partition("[")[0]] += 1
        if cases[item.nodeid.partition("[")[0]] > MEASURED_CASES:
            item.add_marker(pytest.mark.unmeasured)
        if _UNIT not in item.path.parents:
            item.add_marker(pytest.mark.load)
        if edition and (marker := item.get_closest_marker("edition")) and edition not in marker.args:
            item.add_marker(pytest.mark.skip(reason=f"needs edition {' or '.join(marker.args)}; this one is {edition}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure what tests of the parts cover, not journeys: being measured takes programs as long again as running."""
    if _JOURNEYS not in item.path.parents and not item.get_closest_marker("unmeasured"):
        return (yield)
    stopped = []  # a worker has two: it is a program that pytest-cov measures, and measures by pytest-cov itself
    while measured := coverage.Coverage.current():
        measured.stop()
        stopped.append(measured)
    told = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # by which coverage reaches the programs that a test starts
    try:
        return (yield)
    finally:
        for measured in reversed(stopped):
            measured.start()
        if told is not None:
            os.environ["COVERAGE_PROCESS_CONFIG"] = told


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Before pytest-cov puts together what was measured, set aside what killed programs left of it."""
    done = yield
    if not hasattr(session.config, "workerinput"):
        set_aside_broken(session.config.rootpath / os.environ.get("COVERAGE_FILE", ".coverage"))
    return done


@pytest.fixture(scope="session")
def server_url() -> str:
    """The URL of the server's superuser, in a database that no test uses."""
    if "DDMS_TEST_TEMPLATE" not in os.environ:
        pytest.fail("there is no database for the tests: the first lines of this run say why", pytrace=False)
    return os.environ["DDMS_TEST_DATABASE_URL"]


@pytest.fixture(scope="session")
def edition(server_url: str) -> str:
    """The storage edition of the migrated database: community, apache or plain."""
    del server_url  # without a server there is none
    return os.environ["DDMS_TEST_EDITION"]


@pytest.fixture
async def empty_database_url(server_url: str) -> AsyncIterator[str]:
    """A database before its first migration; the URL is the superuser's."""
    name = new_name()
    yield await create(server_url, name)
    await drop(server_url, name)


@pytest.fixture
async def database_url(server_url: str) -> AsyncIterator[str]:
    """A fresh, migrated database of this test's own; the URL is the superuser's."""
    name = new_name()
    yield await create(server_url, name, template=os.environ["DDMS_TEST_TEMPLATE"])
    await drop(server_url, name)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a program on the fresh database, with the rights that programs have."""
    return Settings(
        database_url=database_url,
        database_role="ddms_app",
        api_port=0,
        collector_metrics_port=0,
        spool_directory=tmp_path / "spool",
    )


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A pool as the programs open it: role ddms_app, JSON codecs."""
    pool = await open_pool(settings, "tests")
    yield pool
    pool.terminate()


@pytest.fixture
async def database(pool: asyncpg.Pool) -> Database:
    """The database as the rooms of the API use it."""
    async with pool.acquire() as connection:
        return Database(pool, await read_edition(connection))


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the superuser, for what programs may not do."""
    connection = await connect(Settings(database_url=database_url), "tests")
    yield connection
    await connection.close()


@pytest.fixture
def make_device(owner: asyncpg.Connection) -> Callable[..., Awaitable[int]]:
    """Make a device with one holding register, read each second; give back its id."""

    async def make(name: str = "Mixer 1", *, port: int = 1, unit_id: int = 1) -> int:
        connection_id = await owner.fetchval(
            "INSERT INTO connections (endpoint, timeout_ms) VALUES ($1, 300) RETURNING id", f"tcp://127.0.0.1:{port}"
        )
        device_id = await owner.fetchval(
            "INSERT INTO devices (name, connection_id, unit_id) VALUES ($1, $2, $3) RETURNING id",
            name, connection_id, unit_id,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
            " VALUES ($1, 'level', 'Level', 'holding', 0, 'uint16', 1)",
            device_id,
        )
        return device_id

    return make


@pytest.fixture
def jobs() -> Sequence[Job]:
    """What the API under test does from time to time: nothing, unless a test that needs the jobs overrides this."""
    return ()
