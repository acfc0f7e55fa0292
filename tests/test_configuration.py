"""The configuration: one record, checked field by field, audited, in force at once."""

import pytest

from tests.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.test_cli import ddms

READ = "{ configuration { timeZone language cleanupTime compressAfterDays rollup1mDays rollup1hDays rollup1dDays version } }"
CHANGE = """mutation ($changes: ConfigurationChanges!, $version: Int) { updateConfiguration(changes: $changes, version: $version) {
  errors { code field message } configuration { timeZone cleanupTime rollup1mDays version } } }"""


async def test_the_configuration_has_defaults_and_is_changed_with_a_trace(api: Api, owner):
    before = await api.ask(READ, actor="viewer")
    assert before == {
        "timeZone": "UTC", "language": "EN", "cleanupTime": "02:00", "compressAfterDays": 7,
        "rollup1mDays": 400, "rollup1hDays": 3650, "rollup1dDays": 36500, "version": 1,
    }  # fmt: skip
    changed = await api.ask(CHANGE, changes={"timeZone": "Asia/Shanghai", "cleanupTime": "03:30"}, version=1)
    assert changed["errors"] == []
    assert changed["configuration"] == {
        "timeZone": "Asia/Shanghai",
        "cleanupTime": "03:30",
        "rollup1mDays": 400,
        "version": 2,
    }
    trace = await owner.fetchrow("SELECT actor, before, after FROM audit_log WHERE action = 'configuration.update'")
    assert (trace["before"], trace["after"]) == (
        {"time_zone": "UTC", "cleanup_time": "02:00"},
        {"time_zone": "Asia/Shanghai", "cleanup_time": "03:30"},
    )
    again = await api.ask(CHANGE, changes={"timeZone": "Asia/Shanghai"})
    assert again["configuration"]["version"] == 2, "nothing changed"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"cleanupTime": "25:00"}, "cleanupTime"),
        ({"cleanupTime": "2 o'clock"}, "cleanupTime"),
        ({"compressAfterDays": 0}, "compressAfterDays"),
        ({"compressAfterDays": 366}, "compressAfterDays"),
        ({"rollup1mDays": 5000}, "rollup1hDays"),
        ({"rollup1hDays": 100}, "rollup1hDays"),
        ({"rollup1dDays": 100}, "rollup1dDays"),
        ({"language": None}, "language"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(api: Api, owner, changes, field):
    answer = await api.ask(CHANGE, changes=changes)
    assert [(error["code"], error["field"]) for error in answer["errors"]] == [("INVALID", field)]
    assert await owner.fetchval("SELECT version FROM configuration") == 1


async def test_who_was_slower_is_told(api: Api):
    await api.ask(CHANGE, changes={"rollup1mDays": 500})
    answer = await api.ask(CHANGE, changes={"rollup1mDays": 600}, version=1)
    assert [error["code"] for error in answer["errors"]] == ["CONFLICT"]


def test_the_command_line_shows_and_sets_it(database_url):
    done = ddms("config", "set", "time_zone=Europe/Berlin", "compress_after_days=30", "language=zh", url=database_url)
    assert done.returncode == 0, done.stderr
    shown = ddms("config", "show", "--json", url=database_url)
    assert '"time_zone":"Europe/Berlin","language":"zh","cleanup_time":"02:00","compress_after_days":30' in shown.stdout
    for wrong, sentence in {
        "colour=red": "there is no colour",
        "compress_after_days=soon": "a whole number",
        "language": "NAME=VALUE",
    }.items():
        done = ddms("config", "set", wrong, url=database_url)
        assert done.returncode in {1, 2}
        assert sentence in done.stderr
