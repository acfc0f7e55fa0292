"""The versions of the configuration: who made which, going back, two owners at once, files."""

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from api.site.record import MEANINGS
from ddms.cli import ddms
from ddms.settings import Settings
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ANSWER = """errors { code field message line column } configuration { version shelfHours backupsKept }
  changes { field before after } consequences { about message }"""
CHANGE = f"""mutation ($changes: ConfigurationChanges!, $version: Int, $dryRun: Boolean! = false) {{
  updateConfiguration(changes: $changes, version: $version, dryRun: $dryRun) {{ {ANSWER} }} }}"""
REVERT = f"mutation ($to: Int!, $dryRun: Boolean! = false) {{ revertConfiguration(to: $to, dryRun: $dryRun) {{ {ANSWER} }} }}"
IMPORT = f"mutation ($text: String!, $dryRun: Boolean! = false) {{ importConfiguration(text: $text, dryRun: $dryRun) {{ {ANSWER} }} }}"
VERSIONS = """query ($first: Int, $after: String) { configurationVersions(first: $first, after: $after) { totalCount pageInfo { endCursor hasNextPage }
  nodes { version how revertedTo actor actorKind address transport changes { field title before after } settings } } }"""
STORED = "SELECT version, shelf_hours, backups_kept FROM configuration"


async def change(api: Api, **changes: Any) -> dict[str, Any]:
    return await api.ask(CHANGE, changes=changes)


async def test_each_version_tells_who_changed_what_from_where_and_pages_follow(api: Api, owner: asyncpg.Connection):
    assert (await change(api, shelfHours=48, backupsKept=7))["errors"] == []
    await change(api, shelfHours=48)  # nothing is different, so this is no version
    assert (await change(api, language="ZH"))["configuration"]["version"] == 3
    page = await api.ask(VERSIONS, first=2)
    newest, second = page["nodes"]
    assert (newest["version"], newest["how"], newest["actorKind"], newest["transport"]) == (
        3,
        "UPDATE",
        "TOKEN",
        "GRAPHQL",
    )
    assert newest["address"] == "127.0.0.1"
    assert second["changes"] == [
        {"field": "shelfHours", "title": "longest shelf", "before": "24", "after": "48"},
        {"field": "backupsKept", "title": "number of backups kept", "before": "30", "after": "7"},
    ]
    (first,) = (await api.ask(VERSIONS, first=2, after=page["pageInfo"]["endCursor"]))["nodes"]
    assert (first["version"], first["how"], first["changes"]) == (1, "FOUND", [])
    assert newest["settings"].keys() == MEANINGS.keys() > first["settings"].keys(), "shifts came with a later migration"
    assert page["totalCount"] == 3


async def test_a_dry_run_tells_what_would_be_and_leaves_everything_as_it_is(api: Api, owner):
    before = await owner.fetchval("SELECT max(number) FROM audit_log")
    answer = await api.ask(CHANGE, changes={"shelfHours": 1, "retentionDays": 30}, dryRun=True)
    assert [one["field"] for one in answer["changes"]] == ["retentionDays", "shelfHours"]
    assert (answer["configuration"]["version"], answer["configuration"]["shelfHours"]) == (2, 1)
    assert [one["message"] for one in answer["consequences"]] == [
        "0 devices that are there keep the retention that they have"
    ]
    assert tuple(await owner.fetchrow(STORED)) == (1, 24, 30)
    assert await owner.fetchval("SELECT count(*) FROM configuration_versions") == 1
    assert await owner.fetchval("SELECT max(number) FROM audit_log") == before
    real = await change(api, shelfHours=1, retentionDays=30)
    assert real == answer, "the change itself says the same"


async def test_an_owner_goes_back_and_what_came_later_stays(api: Api, owner):
    await change(api, shelfHours=48)
    await owner.execute(
        "UPDATE configuration_versions SET settings = settings - 'backups_kept' || '{\"forgotten\": 1}' WHERE version = 1"
    )
    await change(api, shelfHours=72, backupsKept=7)
    tried = await api.ask(REVERT, to=1, dryRun=True)
    assert tried["changes"] == [{"field": "shelfHours", "before": "72", "after": "24"}]
    assert await api.ask(REVERT, to=1) == tried
    assert tuple(await owner.fetchrow(STORED)) == (4, 24, 7)
    newest = (await api.ask(VERSIONS, first=1))["nodes"][0]
    assert (newest["how"], newest["revertedTo"]) == ("REVERT", 1)
    entry = await owner.fetchrow("SELECT before, after FROM audit_log WHERE action = 'configuration.revert'")
    assert (entry["before"], entry["after"]) == ({"shelf_hours": 72}, {"shelf_hours": 24})


async def test_a_version_that_is_not_there_is_not_found(api: Api):
    for to in (0, -1, 99, 2**31 - 1):
        (error,) = (await api.ask(REVERT, to=to))["errors"]
        assert (error["code"], error["field"]) == ("NOT_FOUND", "to")


async def test_an_old_value_that_is_not_valid_any_more_is_a_sentence(api: Api, owner):
    await change(api, shelfHours=48)
    old = {"shelf_hours": 9999, "language": "fr", "time_zone": "Mars/Olympus"}
    await owner.execute("UPDATE configuration_versions SET settings = settings || $1 WHERE version = 1", old)
    (error,) = (await api.ask(REVERT, to=1))["errors"]
    assert (error["field"], error["message"]) == ("language", "write en / zh, not 'fr'")
    await owner.execute(
        'UPDATE configuration_versions SET settings = settings || \'{"language": "en"}\' WHERE version = 1'
    )
    assert [error["field"] for error in (await api.ask(REVERT, to=1))["errors"]] == ["timeZone", "shelfHours"]
    assert tuple(await owner.fetchrow(STORED)) == (2, 48, 30)


async def test_of_owners_who_change_the_same_version_at_once_exactly_one_wins(api: Api, owner):
    answers = await asyncio.gather(
        *(api.ask(CHANGE, changes={"shelfHours": hours}, version=1) for hours in range(30, 38))
    )
    codes = [[error["code"] for error in answer["errors"]] for answer in answers]
    assert sorted(codes) == [[], *[["CONFLICT"]] * 7]
    won = answers[codes.index([])]["configuration"]["shelfHours"]
    assert tuple(await owner.fetchrow(STORED)) == (2, won, 30)
    assert await owner.fetchval("SELECT count(*) FROM configuration_versions") == 2


async def test_owners_who_name_no_version_change_one_after_the_other_and_no_version_is_lost(api: Api, owner):
    await asyncio.gather(
        *(api.ask(CHANGE, changes={name: 40 + place}) for place in range(4) for name in ("shelfHours", "backupsKept"))
    )
    versions = [row["version"] for row in await owner.fetch("SELECT version FROM configuration_versions ORDER BY 1")]
    assert versions == list(range(1, 10))
    newest = await owner.fetchval("SELECT settings FROM configuration_versions ORDER BY version DESC LIMIT 1")
    assert (newest["shelf_hours"], newest["backups_kept"]) == tuple(await owner.fetchrow(STORED))[1:]


async def test_programs_add_versions_and_change_none(pool):
    for forbidden in (
        "UPDATE configuration_versions SET actor = 'x'",
        "DELETE FROM configuration_versions",
        "TRUNCATE configuration_versions",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(forbidden)


async def test_what_is_exported_is_commented_and_makes_another_site_alike(api: Api, owner):
    await change(
        api,
        siteName="Works: north # 1",
        timeZone="Asia/Shanghai",
        backupsKept=7,
        backupPortable=True,
        cleanupTime="03:30",
    )
    text = (await api.post("{ configurationYaml }"))["data"]["configurationYaml"]
    told = yaml.safe_load(text)["configuration"]
    assert (told["site_name"], told["backups_kept"], told["backup_portable"]) == ("Works: north # 1", 7, True)
    for name, meaning in MEANINGS.items():
        before, found, _ = text.partition(f"\n  {name}:")
        assert found, name
        assert meaning.means[:40] in before.rpartition("\n\n")[2].replace("\n  # ", " "), name
    other = (await api.post("{ configurationYaml(forAnotherSite: true) }"))["data"]["configurationYaml"]
    assert MEANINGS.keys() - yaml.safe_load(other)["configuration"].keys() == {"site_name", "time_zone"}
    await api.ask(REVERT, to=1)
    answer = await api.ask(IMPORT, text=other)
    assert [one["field"] for one in answer["changes"]] == ["cleanupTime", "backupsKept", "backupPortable"]
    assert (await api.ask(IMPORT, text=text))["configuration"]["version"] == 5
    assert (await api.ask(IMPORT, text=text))["changes"] == [], "a file that says what is so changes nothing"
    assert (await api.ask(VERSIONS, first=1))["nodes"][0]["how"] == "IMPORT"


WRONG = """\
configuration:
  backups_kept: 0
  retention_days: many
  shelf_hours: [1]
  backups_keptt: 7
  language:
  shelf_hours: 3
  time_zone: Mars/Olympus
  rollup_1m_days: 4000
configurations: {}
"""


async def test_all_mistakes_of_a_file_are_told_with_their_places_and_nothing_is_changed(api: Api, owner):
    errors = (await api.ask(IMPORT, text=WRONG))["errors"]
    told = [(error["line"], error["column"], error["message"].split(": ", 1)[1][:60]) for error in errors]
    assert told == [
        (1, 1, "rollup_1h_days: the retention of rollups of an hour takes 4,"),
        (2, 17, "backups_kept: the number of backups kept takes 1 to 1,000 ba"),
        (3, 19, "retention_days: 'many' is not a whole number: write 17, or 0"),
        (5, 3, "backups_keptt: this is not known here: write one of site_nam"),
        (6, 12, "language: write a value here: not nothing, a list or a mappi"),
        (7, 3, "shelf_hours: this stands twice here"),
        (8, 14, "time_zone: there is no time zone 'Mars/Olympus': write one a"),
        (10, 1, "configurations: this is not known here: write one of configu"),
    ]
    assert tuple(await owner.fetchrow(STORED)) == (1, 24, 30)


NO_FILES = (
    "", "configuration:", "[]", "configuration: []", "configuration: &a {backups_kept: *a}", "a: b: c", "\x00", "x" * 900_000, "[" * 900_000,
)  # fmt: skip


async def test_what_is_no_file_of_a_configuration_is_refused_with_a_sentence(api: Api, owner):
    for text in NO_FILES:
        answer = await api.ask(IMPORT, text=text)
        assert [error["code"] for error in answer["errors"]] == ["INVALID"], text[:60]
    assert await owner.fetchval("SELECT version FROM configuration") == 1


async def config(settings: Settings, *arguments: str) -> Result:
    """Run `ddms config` in this process, which is quicker, in a thread with an event loop of its own."""
    env = {"DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": "ddms_app"}
    return await asyncio.to_thread(lambda: CliRunner().invoke(ddms, ["config", *arguments], env=env))


async def test_the_command_line_shows_changes_reverts_exports_and_imports(settings, owner, tmp_path):
    done = await config(settings, "set", "shelf_hours=48", "rollup_1m_days=300", "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "Nothing was changed: this was a dry run.\n")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["before", "after"], ["rollup_1m_days", "400", "300"], ["shelf_hours", "24", "48"],
    ]  # fmt: skip
    file = tmp_path / "site.yaml"
    assert (await config(settings, "export", str(file))).stderr == f"The configuration is in {file}.\n"
    assert (await config(settings, "set", "shelf_hours=48", "backup_schedule=")).stderr == "This is version 2.\n"
    assert (await config(settings, "import", str(file), "--json")).stdout.startswith('{"version":3,')
    assert (await config(settings, "revert", "2")).stderr == "This is version 4.\n"
    told = orjson.loads((await config(settings, "history", "--json")).stdout)
    assert [(one["version"], one["how"], one["actor"]) for one in told[:3]] == [
        (4, "revert", "command line"), (3, "import", "command line"), (2, "update", "command line"),
    ]  # fmt: skip
    shown = (await config(settings, "history", "--last", "1")).stdout
    assert "revert to 2" in shown
    assert "shelf_hours: 24 → 48, backup_schedule: 0 1 * * * → nothing" in shown
