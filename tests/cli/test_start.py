"""Whatever a person can do wrong at a start has a sentence that says what to do, an exit code, and no traceback."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import asyncpg
import pytest

from tests.support.command_line import ddms
from tests.support.database import drop, new_name
from tests.support.ports import free_port

NOWHERE = "postgresql://ddms_app@127.0.0.1:1/ddms"


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def refused(done: subprocess.CompletedProcess[str], code: int, sentence: str) -> None:
    assert "Traceback" not in done.stderr + done.stdout
    assert sentence in done.stderr, done.stderr
    assert done.returncode == code


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DDMS_DATABASE_URL", "postgresql://u@host:port/ddms", "postgresql://user@host:5432/database"),
        ("DDMS_DATABASE_URL", "postgresql://u@host:0/ddms", "postgresql://user@host:5432/database"),
        ("DDMS_DATABASE_URL", "postgresql://u@[::1/ddms", "address of IPv6 in brackets"),
        ("DDMS_DATABASE_URL", "postgresql://u:s3cr@et@host/ddms", "DDMS_DATABASE_PASSWORD"),
        ("DDMS_DATABASE_URL", "postgresql://u:s3cr/et@host/ddms", "DDMS_DATABASE_PASSWORD"),
        ("DDMS_DATABASE_URL", "host=db user=u", "postgresql://user@host:5432/database"),
        ("DDMS_DATABASE_URL", "", "postgresql://user@host:5432/database"),
        ("DDMS_API_PORT", "8e3", "whole number"),
        ("DDMS_API_PORT", "9" * 5000, "whole number"),
        ("DDMS_API_PORT", "-1", "0 to 65535"),
        ("DDMS_API_HOST", "http://0.0.0.0:8000", "without a port"),
        ("DDMS_API_HOST", "", "host name or an address"),
        ("DDMS_COLLECTOR_METRICS_PORT", "65536", "0 to 65535"),
        ("DDMS_COLLECTOR_METRICS_HOST", "::1]:9108", "without a port"),
        ("DDMS_COLLECTOR_NAME", " ", "1 to 64 characters"),
        ("DDMS_COLLECTOR_NAME", "x" * 65, "1 to 64 characters"),
        ("DDMS_COLLECTOR_NAME", "two\nlines", "1 to 64 characters"),
        ("DDMS_SPOOL_DIRECTORY", "", "path of a folder"),
        ("DDMS_SPOOL_MAX_BYTES", "2G", "whole number"),
        ("DDMS_SPOOL_MAX_BYTES", "0", "at least 1"),
        ("DDMS_FLUSH_INTERVAL", "fast", "seconds from 0 to 60"),
        ("DDMS_LOG_LEVEL", "loud", "DDMS_LOG_LEVEL"),
        ("DDMS_LOG_FORMAT", "xml", "DDMS_LOG_FORMAT"),
        ("DDMS_INTROSPECTION", "maybe", "DDMS_INTROSPECTION"),
        ("DDMS_OTLP_ENDPOINT", "http://host:port", "http://127.0.0.1:4318"),
        ("DDMS_ALLOWED_ORIGINS", "http://[", "DDMS_ALLOWED_ORIGINS"),
        ("DDMS_DATABASE_PASSWORD_FILE", "/no/such/file", "cannot be read"),
        ("DDMS_DATABASE_PASSWORD_FILE", "/", "cannot be read"),
        ("DDMS_DATABASE_PASSWORD_FILE", sys.executable, "cannot be read"),
        ("DDMS_COLECTOR_NAME", "a", "not a setting"),
    ],
)
@pytest.mark.parametrize("command", ["collector", "api"])
def test_a_wrong_setting(command, variable, value, sentence):
    done = ddms(command, **{variable: value})
    refused(done, 2, sentence)
    assert variable in done.stderr
    assert "s3cr" not in done.stderr, "a secret is not shown"


@pytest.mark.parametrize(
    "command", ["init", "migrate", "token list", "devices export", "storage", "retention", "config"]
)
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (NOWHERE, "is it running, is DDMS_DATABASE_URL right?"),
        ("postgresql://ddms_app@no-such-host.invalid/ddms", "the database"),
        ("postgresql://ddms_app@127.0.0.1:1/ddms?sslmode=perhaps", "DDMS_DATABASE_URL cannot be used"),
    ],
)
def test_a_database_that_cannot_be_reached(command, url, sentence):
    done = ddms(*command.split(), url=url)
    assert done.returncode in {1, 2}
    if done.returncode == 1:
        refused(done, 1, sentence)


async def test_a_role_a_password_and_a_database_that_do_not_fit(server_url):
    url = server_url.rpartition("@")[2]
    refused(ddms("init", url=f"postgresql://postgres:wrong@{url}"), 1, "refuses the user or password")
    missing = server_url.rpartition("/")[0] + "/no_such_database"
    refused(ddms("init", url=missing), 1, "create it, or correct DDMS_DATABASE_URL")
    refused(ddms("init", url=server_url, DDMS_DATABASE_ROLE="nobody_such"), 1, "nobody_such")


async def test_a_database_of_another_encoding(server_url):
    name = new_name()
    connection = await asyncpg.connect(server_url)
    await connection.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc"
    )
    await connection.close()
    url = server_url.rpartition("/")[0] + f"/{name}"
    try:
        refused(ddms("migrate", url=url), 1, "TEMPLATE template0 ENCODING 'UTF8'")
    finally:
        await drop(server_url, name)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("127.0.0.1", "another program listens on 127.0.0.1:"),
        ("no-such-host.invalid", "correct DDMS_COLLECTOR_METRICS_HOST"),
        ("192.0.2.7", "correct DDMS_COLLECTOR_METRICS_HOST"),
        ("a" * 70, "correct DDMS_COLLECTOR_METRICS_HOST"),
    ],
)
def test_an_address_on_which_the_collector_cannot_listen(host, sentence, taken, tmp_path):
    environment = {"DDMS_COLLECTOR_METRICS_HOST": host, "DDMS_COLLECTOR_METRICS_PORT": taken}
    refused(ddms("collector", url=NOWHERE, DDMS_SPOOL_DIRECTORY=str(tmp_path), **environment), 1, sentence)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("127.0.0.1", "set DDMS_API_PORT to a free one"), ("192.0.2.7", "correct DDMS_API_HOST")],
)
def test_an_address_on_which_the_api_cannot_listen(host, sentence, taken, database_url):
    refused(ddms("api", url=database_url, DDMS_API_HOST=host, DDMS_API_PORT=taken), 1, sentence)


@pytest.mark.parametrize("folder", ["{file}", "{file}/below", "/proc/ddms"])
def test_a_spool_folder_that_cannot_be_used(folder, tmp_path):
    (tmp_path / "file").write_text("")
    name = folder.format(file=tmp_path / "file")
    done = ddms("collector", url=NOWHERE, DDMS_SPOOL_DIRECTORY=name, DDMS_COLLECTOR_METRICS_PORT="0")
    refused(done, 1, "let DDMS_SPOOL_DIRECTORY name another")


def asked(url: str):
    """Return what a program that starts answers, in the end."""
    for _ in range(1800):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no answer")


@pytest.mark.parametrize("host", ["::1", "[::1]", "localhost"])
@pytest.mark.parametrize("command", ["collector", "api"])
def test_programs_listen_on_addresses_of_either_version(command, host, database_url, tmp_path):
    port = free_port()
    prefix = "DDMS_API" if command == "api" else "DDMS_COLLECTOR_METRICS"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")} | {
        "DDMS_DATABASE_URL": database_url,
        "DDMS_DATABASE_ROLE": "ddms_app",
        "DDMS_SPOOL_DIRECTORY": str(tmp_path),
        f"{prefix}_HOST": host,
        f"{prefix}_PORT": str(port),
    }
    where = "localhost" if host == "localhost" else "[::1]"
    with (Path(tmp_path) / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ddms", command], env=environment, stderr=log)
    try:
        assert asked(f"http://{where}:{port}/health")["version"]
    finally:
        process.terminate()
        process.wait(20)
