"""The configuration: one record, whose bounds are told with their units, shown by GraphQL and the command line."""

from dataclasses import fields
from typing import Any

from api.site.configuration_page import PAGE, written
from api.site.record import MEANINGS, Site, shown
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

CHANGE = """mutation ($changes: ConfigurationChanges!, $version: Int) { updateConfiguration(changes: $changes, version: $version) {
  errors { code field message } configuration { version timeZone backupSchedule backupsKept backupPortable backupRecipients } } }"""
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


async def change(api: Api, **changes: Any) -> dict[str, Any]:
    return await api.ask(CHANGE, changes=changes)


async def test_the_defaults_of_the_record_are_those_of_the_database(owner):
    row = await owner.fetchrow("SELECT * FROM configuration")
    assert Site.of(row) == Site()
    assert set(row.keys()) == {f.name for f in fields(Site)} | {"single", "version", "updated_at"}
    assert list(shown(row)) == list(MEANINGS)


def test_the_page_has_all_fields_as_they_are():
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "write it anew: python -m api.site.configuration_page"
    assert all(f"| `{name}` |" in page for name in MEANINGS)


async def test_the_fields_are_told_in_the_callers_language(api: Api):
    query = "{ configurationFields { name key kind title unit least most atLeast choices default effect changesThePast ofThisSite } }"
    told = {one["key"]: one for one in (await api.post(query, "viewer"))["data"]["configurationFields"]}
    assert list(told) == list(MEANINGS)
    assert told["rollup_1h_days"] == {
        "name": "rollup1hDays", "key": "rollup_1h_days", "kind": "WHOLE", "title": "retention of rollups of an hour", "unit": "days", "least": 1, "most": 36500,
        "atLeast": "rollup1mDays", "choices": [], "default": "3650", "effect": "at the cleanup after the next announcement, a day later or two",
        "changesThePast": True, "ofThisSite": False,
    }  # fmt: skip
    assert told["language"]["choices"] == ["en", "zh"]
    headers = api.headers("viewer") | {"Accept-Language": "zh"}
    answer = await api.client.post(f"{api.url}/graphql", json={"query": query}, headers=headers)
    chinese = answer.json()["data"]["configurationFields"]
    assert {one["key"]: one["unit"] for one in chinese}["audit_days"] == "天"


async def test_what_is_decided_about_backups_is_checked_and_shown(api: Api):
    answer = await change(
        api,
        backupSchedule=" 30  1 * * 1-5 ",
        backupsKept=7,
        backupPortable=True,
        backupRecipients=f"# the safe\n{KEY}\n",
    )
    assert answer["configuration"] == {
        "version": 2, "timeZone": "UTC", "backupSchedule": "30 1 * * 1-5", "backupsKept": 7, "backupPortable": True, "backupRecipients": KEY,
    }  # fmt: skip
    assert (await change(api, backupSchedule=" "))["configuration"]["backupSchedule"] == ""


WRONG: list[tuple[str, Any, str]] = [
    ("backupsKept", 0, "the number of backups kept takes 1 to 1,000 backups, not 0"),
    ("backupsKeptMonthly", 2**31 - 1, "the number of months kept takes 0 to 1,200 months, not 2,147,483,647"),
    ("rollup1hDays", 399, "the retention of rollups of an hour takes 400 to 36,500 days, not 399: at least as many as the retention of rollups of a minute"),
    ("backupSchedule", "0 0 31 2 *", "'0 0 31 2 *' is no schedule that ever comes: "),
    ("verifySchedule", "sunday", "write five fields, minute hour day month weekday, as `0 2 * * *` for each night at two"),
    ("verifySchedule", "0 " * 99, "it has at most 100 characters"),
    ("backupRecipients", KEY[:-1], f"{KEY[:-1]!r} is not a public key of age: such a key is age1 and 58 letters and digits"),
    ("timeZone", "Mars/Olympus", "there is no time zone 'Mars/Olympus': write one as Europe/Berlin, Asia/Shanghai or UTC"),
    ("siteName", "North\u202e", "character 6 is U+202E, right-to-left override: leave it out"),
    ("siteName", "x" * 121, "it has at most 120 characters"),
    ("cleanupTime", "25:00", "write a time of day as 02:00"),
]  # fmt: skip


async def test_all_that_is_wrong_is_told_at_once_with_bounds_and_units_and_nothing_is_changed(api: Api, owner):
    for one in WRONG:
        (error,) = (await change(api, **{one[0]: one[1]}))["errors"]
        assert (error["code"], error["field"]) == ("INVALID", one[0])
        assert error["message"].startswith(one[2]), error
    together = await change(api, timeZone="Mars/Olympus", backupSchedule="0 0 31 2 *", backupsKept=0, language="ZH")
    assert [error["field"] for error in together["errors"]] == ["timeZone", "backupSchedule", "backupsKept"]
    assert await owner.fetchval("SELECT version FROM configuration") == 1


async def test_a_value_of_another_type_is_refused(api: Api, owner):
    for wrong in ("null", '"7"', "7.5", "99999999999", "[7, 8]", "true"):
        mutation = f"mutation {{ updateConfiguration(changes: {{backupsKept: {wrong}}}) {{ errors {{ field }} }} }}"
        answer = await api.post(mutation)
        assert "errors" in answer or answer["data"]["updateConfiguration"]["errors"] == [{"field": "backupsKept"}], (
            wrong
        )
    assert await owner.fetchval("SELECT version FROM configuration") == 1


async def test_the_command_line_tells_all_mistakes_and_sets_what_is_right(settings):
    done = await ddms_on(settings, "config", "set", "backups_kept=x", "backup_portable=maybe", "language=fr")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: backups_kept: 'x' is not a whole number: write 17, or 0x11",
        "Error: backup_portable: 'maybe' is not a switch: write true or false",
        "Error: language: write en / zh, not 'fr'",
        "3 mistakes: nothing was changed.",
    ]
    done = await ddms_on(
        settings, "config", "set", "backups_kept=9", "backup_portable=yes", "language=ZH", "verify_schedule="
    )
    assert done.returncode == 0, done.stderr
    told = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines() if line}
    assert (told["backups_kept"], told["backup_portable"], told["language"]) == ("9", "true", "zh")
