"""The command line as a person meets it: help, exit codes, one sentence when something is wrong."""

from dataclasses import fields

import orjson
import pytest

from ddms.settings import Settings
from tests.support.command_line import ddms
from tests.support.devices import foreign_server
from tests.support.ports import free_port


@pytest.mark.parametrize(
    "command",
    [
        "",
        "migrate",
        "init",
        "api",
        "collector",
        "token",
        "config",
        "storage",
        "retention",
        "devices",
        "read",
        "settings",
        "demo",
        "watch",
    ],
)
def test_every_command_has_help(command):
    done = ddms(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert len(done.stdout.splitlines()) >= 5


def test_a_new_database_is_migrated_and_gets_its_first_owner_once(empty_database_url):
    first = ddms("migrate", "--json", url=empty_database_url)
    assert first.returncode == 0, first.stderr
    assert orjson.loads(first.stdout)["edition"] in {"community", "apache", "plain"}
    assert ddms("migrate", url=empty_database_url).returncode == 0, "twice does no harm"
    owner = orjson.loads(ddms("init", "--name", "Ada", "--json", url=empty_database_url).stdout)
    assert owner["name"] == "Ada"
    assert len(owner["password"]) >= 16
    again = ddms("init", url=empty_database_url)
    assert again.returncode == 1
    assert "an owner exists already" in again.stderr


def test_a_program_on_an_empty_database_says_what_to_run(empty_database_url):
    done = ddms("init", url=empty_database_url)
    assert done.returncode == 1
    assert "run `ddms migrate` first" in done.stderr


async def test_a_schema_from_the_future_is_refused(database_url, owner, tmp_path):
    await owner.execute("UPDATE alembic_version SET version_num = '9999'; UPDATE schema_support SET oldest = '9999'")
    for command in ("init", "collector", "api"):
        environment = {"DDMS_API_PORT": "0", "DDMS_COLLECTOR_METRICS_PORT": "0", "DDMS_SPOOL_DIRECTORY": str(tmp_path)}
        done = ddms(command, url=database_url, **environment)
        assert done.returncode == 1, command
        assert "install the newer DDMS" in done.stderr, command


def test_a_database_that_is_down_is_one_sentence():
    done = ddms("init", url=f"postgresql://ddms_app@127.0.0.1:{free_port()}/ddms")
    assert done.returncode == 1
    assert "is it running, is DDMS_DATABASE_URL right?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named_and_is_misuse():
    done = ddms("settings", DDMS_API_PROT="1")
    assert done.returncode == 2
    assert "DDMS_API_PROT is not a setting" in done.stderr


def test_settings_are_listed_and_secrets_are_not_shown():
    done = ddms("settings", DDMS_DATABASE_PASSWORD="s3cret", url="postgresql://ddms_app:s3cret@db/ddms")
    assert all(f"DDMS_{f.name.upper()}" in done.stdout for f in fields(Settings))
    assert "s3cret" not in done.stdout
    assert "s3cret" not in ddms("settings", "--json", url="postgresql://ddms_app:s3cret@db/ddms").stdout


def test_a_device_is_read_without_a_database():
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [0x4049, 0x0FDB, 0x4142])
        done = ddms(
            "read", "--endpoint", f"tcp://127.0.0.1:{port}", "--point", "holding:0:float32", "--point", "holding:2:string/1"
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4049 0fdb 4142" in done.stdout
    assert "3.14159" in done.stdout
    assert "AB" in done.stdout


async def test_a_device_of_the_database_is_read_by_its_name(database_url, make_device):
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [1234])
        await make_device("Mixer 1", port=port)
        done = ddms("read", "mixer 1", "--json", url=database_url)
    assert done.returncode == 0, done.stderr
    (value,) = orjson.loads(done.stdout)["values"]
    assert (value["key"], value["value"], value["reason"]) == ("level", 1234, "good")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "name a DEVICE"),
        (["--endpoint", "tcp://127.0.0.1:1"], 2, "at least one --point"),
        (["--endpoint", "nonsense", "--point", "holding:0"], 1, "write tcp://host:port"),
        (["--endpoint", "tcp://127.0.0.1:1", "--point", "holding"], 1, "TABLE:ADDRESS"),
        (["--endpoint", "tcp://127.0.0.1:1", "--point", "coil:0:float32"], 1, "coils and discrete inputs are bool"),
        (["--endpoint", "tcp://127.0.0.1:1", "--point", "holding:0"], 1, "refused"),
    ],
)
def test_reading_nothing_says_what_to_do(arguments, code, sentence):
    done = ddms("read", *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
