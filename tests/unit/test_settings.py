"""Settings: strict, named in every complaint, secrets from files."""

import logging
from pathlib import Path

import orjson
import pytest

from ddms.errors import Code, DdmsError
from ddms.logs import JsonFormatter
from ddms.settings import LogFormat, Settings


def test_without_an_environment_everything_has_a_default():
    settings = Settings.read({})
    assert (settings.api_port, settings.log_format, settings.spool_max_bytes) == (8000, LogFormat.JSON, 2 * 1024**3)
    unnamed = {"DDMS_MQTT_TOPIC": "", "DDMS_MQTT_CA": "", "DDMS_NATS_CA": ""}  # as compose has what .env does not name
    assert Settings.read(unnamed) == settings


def test_values_are_read_and_other_variables_are_not_ours():
    settings = Settings.read(
        {"DDMS_API_PORT": "8123", "DDMS_FLUSH_INTERVAL": "0.5", "PATH": "/bin", "DDMS_TEST_X": "1"}
    )
    assert (settings.api_port, settings.flush_interval) == (8123, 0.5)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DDMS_API_PROT", "8000"),
        ("DDMS_API_PORT", "http"),
        ("DDMS_API_PORT", "70000"),
        ("DDMS_FLUSH_INTERVAL", "-1"),
        ("DDMS_FLUSH_INTERVAL", "nan"),
        ("DDMS_SPOOL_MAX_BYTES", "0"),
        ("DDMS_LOG_LEVEL", "loud"),
        ("DDMS_DATABASE_URL", "mysql://localhost"),
        ("DDMS_ALLOWED_ORIGINS", "plant.example"),
        ("DDMS_MQTT_TOPIC", "plant/{device}/{point}/{"),
        ("DDMS_DATABASE_PASSWORD_FILE", "/no/such/file"),
    ],
)
def test_a_wrong_variable_stops_and_is_named(variable, value):
    with pytest.raises(DdmsError) as caught:
        Settings.read({variable: value})
    assert caught.value.code is Code.SETTINGS
    assert variable in caught.value.message


def test_a_password_for_a_broker_needs_a_user():
    url = {"DDMS_MQTT_PASSWORD": "secret", "DDMS_MQTT_URL": "mqtt://broker.example"}
    with pytest.raises(DdmsError, match="DDMS_MQTT_PASSWORD needs a user: name it in DDMS_MQTT_URL"):
        Settings.read(url)
    assert Settings.read(url | {"DDMS_MQTT_URL": "mqtt://ddms@broker.example"}).mqtt_password == "secret"
    assert Settings.read(url | {"DDMS_MQTT_PASSWORD": ""}).mqtt_url, "the file of a container may be empty"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ddms_app@db:5432/ddms",
        "postgres://ddms_app:geheim%40@[::1]:5432/ddms?sslmode=require",
        "postgresql:///ddms?host=/run/postgresql",
        "postgresql://ddms_app@one:5432,two:5433/ddms?target_session_attrs=read-write",
    ],
)
def test_urls_of_every_kind_that_postgresql_takes_are_taken(url):
    assert Settings.read({"DDMS_DATABASE_URL": url}).dsn() == url


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path):
    secret = tmp_path / "password"
    secret.write_text("geheim/ @:\n")
    settings = Settings.read(
        {"DDMS_DATABASE_URL": "postgresql://ddms_app@db:5433/ddms", "DDMS_DATABASE_PASSWORD_FILE": str(secret)}
    )
    assert settings.dsn() == "postgresql://ddms_app:geheim%2F%20%40%3A@db:5433/ddms"


def test_a_value_and_its_file_together_are_refused(tmp_path: Path):
    with pytest.raises(DdmsError, match="both set"):
        Settings.read({"DDMS_DATABASE_PASSWORD": "x", "DDMS_DATABASE_PASSWORD_FILE": str(tmp_path)})


def test_a_log_line_is_one_json_object_with_its_extras():
    record = logging.makeLogRecord(
        {"name": "ddms", "levelname": "WARNING", "msg": "%s\nis off", "args": ("Pump",), "device": 7}
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert orjson.loads(line) | {"time": ""} == {
        "time": "", "level": "warning", "logger": "ddms", "message": "Pump\nis off", "device": 7,
    }  # fmt: skip


def test_what_a_client_on_the_same_computer_reads_is_no_mistake():
    assert Settings.read({"DDMS_URL": "https://ddms.example", "DDMS_TOKEN": "ddms_x"}) == Settings.read({})


def test_replicas_have_what_their_urls_leave_out():
    given = {
        "DDMS_DATABASE_URL": "postgresql://app%40plant@db1,db2:5433/ddms?sslmode=verify-full&target_session_attrs=read-write",
        "DDMS_DATABASE_PASSWORD": "a/b",
        "DDMS_REPLICA_URLS": "postgresql://db2:5433, postgresql://reader:own@[fd00::2]/other?sslmode=require",
    }
    settings = Settings.read(given)
    first, second = (settings.at(url).dsn() for url in settings.replica_urls)
    assert first == "postgresql://app%40plant:a%2Fb@db2:5433/ddms?sslmode=verify-full"
    assert second == "postgresql://reader:own@[fd00::2]/other?sslmode=require"
    assert settings.dsn().startswith("postgresql://app%40plant:a%2Fb@db1,db2:5433/ddms?")
    assert Settings.read({"DDMS_REPLICA_URLS": ""}).replica_urls == ()
    for wrong in ("db2", "postgresql://db2,db3/ddms", "postgresql://db2/ddms,db3"):
        with pytest.raises(DdmsError, match="DDMS_REPLICA_URLS"):
            Settings.read({"DDMS_REPLICA_URLS": wrong})
    with pytest.raises(DdmsError, match="above 0"):
        Settings.read({"DDMS_REPLICA_LAG_SECONDS": "nan"})
    with pytest.raises(DdmsError) as told:
        Settings.read({"DDMS_REPLICA_URLS": "postgresql://ddms_app:secret@db2:99999/ddms"})
    assert "secret" not in told.value.message
