"""Shelves and maintenance end by themselves: by the API where no collector runs, by whoever comes first where both do, once."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from api.alarms.due import end_shelves
from api.ground.scheduler import Job
from ddms.alarms_due import end_due
from tests.support.alarm_room import OUT, SHELVE, Mixer, mixer_fixture  # noqa: F401 - a fixture
from tests.support.alarmed import events, the_alarm
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.running import until

PAST = "UPDATE alarms SET shelved_until = shelved_until - interval '2 hours', out_of_service_until = out_of_service_until - interval '2 hours'"


@pytest.fixture
def jobs() -> tuple[Job, ...]:
    return (Job(name="shelves", every=timedelta(seconds=0.2), work=end_shelves),)


async def test_without_a_collector_the_api_ends_a_shelf_and_the_alarm_calls_again(mixer: Mixer, owner):
    await mixer.point.reads(85)
    await mixer.do(SHELVE, hours=1)
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 0
    await owner.execute(PAST)

    async def is_back() -> bool:
        return await events(owner) == ["raised", "shelved", "shelf_ended"]

    await until(is_back)
    alarm = await the_alarm(owner)
    assert (alarm["state"], alarm["shelved"]) == ("unacknowledged", None)
    assert await owner.fetchval("SELECT actor FROM alarm_events WHERE event = 'shelf_ended'") is None
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 1


async def test_maintenance_ends_by_itself_too(mixer: Mixer, owner):
    await mixer.api.ask(OUT, "admin", devices=[mixer.device], hours=1)
    await owner.execute(PAST)

    async def is_back() -> bool:
        return await owner.fetchval("SELECT count(*) FROM alarm_events WHERE event = 'service_due'") == 3

    await until(is_back)
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE out_of_service_until IS NOT NULL") == 0


class TestTwo:
    """The API's job is off: the test is both programs."""

    @pytest.fixture
    def jobs(self) -> tuple[Job, ...]:
        return ()

    async def test_two_programs_that_look_at_the_same_moment_end_a_shelf_once(self, mixer: Mixer, owner, database_url):
        await mixer.do(SHELVE, hours=1)
        await owner.execute(PAST)
        programs = [await asyncpg.connect(database_url) for _ in range(4)]

        async def look(program: asyncpg.Connection) -> int:
            async with program.transaction():
                return await end_due(program)

        assert sum(await asyncio.gather(*map(look, programs))) == 1
        assert await events(owner) == ["shelved", "shelf_ended"]
        for program in programs:
            await program.close()

    async def test_a_shelf_that_gets_a_new_end_at_that_moment_is_not_ended(self, mixer: Mixer, owner, database_url):
        await mixer.do(SHELVE, hours=1)
        await owner.execute(PAST)
        program = await asyncpg.connect(database_url)
        async with owner.transaction():
            await owner.execute("UPDATE alarms SET shelved_until = now() + interval '1 hour' WHERE shelved IS NOT NULL")
            async with program.transaction():
                assert await end_due(program) == 0
        async with program.transaction():
            assert await end_due(program) == 0
        await program.close()
        assert await events(owner) == ["shelved"]
