"""What monitors and browsers see: health, metrics, GraphiQL without the internet."""

import re
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.ground.metrics import OperationNames
from api.ground.scheduler import Job
from api.transport import health
from ddms import VERSION
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.running import until


async def test_health_says_how_the_installation_is(api: Api, owner, edition):
    device = await add(api)
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'online')", int(device["id"][4:]))
    await add(api, "Second")
    response = await api.client.get(f"{api.url}/health")
    answer = response.json()
    assert answer.pop("uptime") >= 0
    assert (response.status_code, answer) == (200, {
        "status": "ok", "reasons": [], "version": VERSION, "edition": edition, "schemaVersion": answer["schemaVersion"],
        "database": "ok", "devices": {"online": 1, "total": 2}, "readingAge": None,
    })  # fmt: skip
    system = await api.ask("{ system { version edition schemaVersion live qualities { code reason explanation } } }")
    assert (system["edition"], system["live"]) == (edition, True)
    assert {"code": 16, "reason": "TIMEOUT", "explanation": "the device did not answer in time"} in system["qualities"]


MAKE_TOKEN = 'mutation { createToken(name: "x", role: VIEWER) { errors { code } } }'


@pytest.fixture
async def polled(api: Api, owner, monkeypatch):
    """A device that is online, polled and stored."""
    monkeypatch.setattr(health, "REASONS_SECONDS", 0.0)
    device = await add(api)
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'online')", int(device["id"][4:]))
    await owner.execute("INSERT INTO latest SELECT id, now(), 5, 0 FROM points")
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('line 1', '1')")
    await owner.execute("INSERT INTO leases SELECT id, 'line 1', now() + interval '1 h' FROM connections")
    await owner.execute("UPDATE devices SET created_at = now() - interval '1 h'")
    return owner


async def asked(api: Api):
    answer = await api.client.get(f"{api.url}/health")
    return answer.status_code, answer.json()["status"], " / ".join(answer.json()["reasons"])


async def test_all_that_was_promised_is_done(api: Api, polled):
    assert await asked(api) == (200, "ok", "")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("UPDATE latest SET time = now() - interval '2 min'", "have no reading of their last three intervals"),
        ("UPDATE collectors SET seen_at = now() - interval '2 min'", "the collector line 1 is silent"),
        ("DELETE FROM leases", "no collector polls 1 endpoints, tcp://"),
        ("DELETE FROM collectors", "no collector runs, so nobody polls 1 endpoints"),
        ("UPDATE collectors SET lost_at = now() - interval '2 min'", "the collector line 1 lost readings"),
        ("UPDATE collectors SET trouble = 'no room'", "the collector line 1: no room"),
        ("UPDATE collectors SET spool_since = now() - interval '2 min'", "readings of more than a minute ago in its spool"),
    ],
)  # fmt: skip
async def test_what_is_not_done_is_degraded_with_the_reason_and_no_cause_to_restart(api: Api, polled, wrong, reason):
    await polled.execute("UPDATE points SET interval_s = 1")
    await polled.execute(wrong)
    code, status, reasons = await asked(api)
    assert (code, status) == (200, "degraded")
    assert reason in reasons
    assert "ddms_troubles 0.0" not in (await api.client.get(f"{api.url}/metrics")).text


async def test_callers_who_hold_all_connections_make_it_degraded_and_not_down(api: Api, polled, monkeypatch):
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.1)
    turns = api.parts.database._turns
    held = range(turns._places)
    for caller in held:
        await turns.begin(caller)
    answer = (await api.client.get(f"{api.url}/health")).json()
    told = await asked(api)
    for caller in held:
        turns.end(caller)
    assert told == (200, "degraded", "callers keep all connections to the database busy")
    assert (answer["database"], answer["devices"]) == ("ok", None)
    assert await asked(api) == (200, "ok", "")


async def test_a_database_that_takes_no_writes_is_degraded(api: Api, polled):
    name = await polled.fetchval("SELECT current_database()")
    await polled.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await polled.execute(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        name,
    )

    async def seen():
        code, status, reasons = await asked(api)
        return (code, status) == (200, "degraded") and "takes no writes" in reasons

    await until(seen)
    assert (await api.ask(MAKE_TOKEN))["errors"] == [{"code": "UNAVAILABLE"}], "no riddle: INTERNAL would be one"


@pytest.mark.parametrize("code", ["53100", "53200", "58030", "55P03", "40P01"])
async def test_no_state_of_the_database_is_a_riddle_to_callers(api: Api, owner, code):
    await owner.execute(
        "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$;"
        "CREATE TRIGGER trouble BEFORE INSERT ON api_tokens FOR EACH ROW EXECUTE FUNCTION trouble()"
    )
    assert (await api.ask(MAKE_TOKEN))["errors"] == [{"code": "UNAVAILABLE"}]


async def test_a_live_stream_that_is_not_heard_is_degraded(api: Api, polled):
    api.parts.hub.connected.clear()
    assert (await asked(api))[1] == "ok", "it has just started"
    api.parts.health._started -= health.START_SECONDS
    assert await asked(api) == (200, "degraded", "the live stream is not heard: subscribers get nothing")


@pytest.mark.parametrize(
    ("error", "due", "reason"),
    [
        ("no room", "now()", "the job tidy fails: no room"),
        (None, "now() - interval '1 h'", "the job tidy is due for 3600 s, and nobody runs it"),
        (None, "now()", ""),
    ],
)
async def test_jobs_that_fail_or_are_not_run_are_degraded(api: Api, polled, error, due, reason):
    api.parts.health._jobs = [Job(name="tidy", every=timedelta(seconds=20), work=None)]
    await polled.execute("INSERT INTO job_runs (job, started_at, error) VALUES ('tidy', now(), $1)", error)
    await polled.execute(f"INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('tidy', 'every 20 s', {due})")
    assert await asked(api) == (200, "degraded" if reason else "ok", reason)


async def test_metrics_have_help_and_bounded_labels(api: Api):
    await api.ask("query A { a: me { name } }")
    await api.post("{ me { name } system { version } }")
    await api.post("{ me { name } }", "outsider")
    await api.post("{ nothing }")
    response = await api.client.get(f"{api.url}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    for name in ("ddms_active_devices", "ddms_api_request_duration_seconds", "ddms_api_errors", "ddms_active_subscriptions", "ddms_database_query_duration_seconds", "ddms_database_up"):  # fmt: skip
        assert families[name].documentation
    labels = {sample.labels.get("name") for sample in families["ddms_api_request_duration_seconds"].samples}
    assert {"A", "me", "several"} <= labels
    codes = {sample.labels["code"] for sample in families["ddms_api_errors"].samples}
    assert {"INVALID", "UNAUTHENTICATED"} <= codes


def test_names_of_operations_are_bounded_and_only_callers_with_a_token_add_to_them():
    names = OperationNames()
    assert names.of("A", "me", known_caller=False) == "me"
    assert names.of(None, "me", known_caller=True) == "me"
    labels = {names.of(f"N{i}", "me", known_caller=True) for i in range(1000)}
    assert len(labels) == 201
    assert names.of("N0", "me", known_caller=True) == "N0"
    assert names.of("N999", "me", known_caller=True) == "other"


async def test_far_sites_are_listed(api: Api, owner):
    await owner.execute(
        "INSERT INTO site_states VALUES ('mine', now(), now(), now(), now() - interval '5 min', 3, 7, 9, NULL);"
        " INSERT INTO connections (endpoint, site) VALUES ('tcp://10.0.0.1:502', 'plant');"
        " INSERT INTO devices (name, connection_id, unit_id) SELECT 'Fan', id, 1 FROM connections;"
        " INSERT INTO set_aside (site, reason, message) VALUES ('plant', 'it is damaged', '')"
    )
    asked = "name devices reached reachedAt newestAt pending behindSeconds streamBytes streamMaxBytes setAside setAsideReason trouble"
    mine, plant = (await api.ask(f"{{ sites {{ nodes {{ {asked} }} }} }}"))["nodes"]
    assert (mine["name"], mine["reached"], mine["pending"], mine["streamMaxBytes"]) == ("mine", True, 3, 9)
    assert 299 < mine["behindSeconds"] < 400
    assert plant == {
        "name": "plant", "devices": 1, "reached": False, "reachedAt": None, "newestAt": None, "pending": None,
        "behindSeconds": None, "streamBytes": None, "streamMaxBytes": None, "setAside": 1,
        "setAsideReason": "it is damaged", "trouble": None,
    }  # fmt: skip


async def test_collectors_are_listed(api: Api, owner):
    await owner.execute("INSERT INTO collectors (name, version, sequence) VALUES ('line 1', '1', 5000000000)")
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('old', '1', now() - interval '1 minute')"
    )
    assert (await api.ask("{ collectors { nodes { name alive sequence } } }"))["nodes"] == [
        {"name": "line 1", "alive": True, "sequence": 5_000_000_000},
        {"name": "old", "alive": False, "sequence": 0},
    ]


async def test_graphiql_is_served_whole_and_names_no_foreign_host(api: Api):
    root = await api.client.get(f"{api.url}/", follow_redirects=False)
    assert root.headers["location"].endswith("graphql")
    page = await api.client.get(f"{api.url}/graphql", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    loaded = [file for file in files if not file.startswith("data:")]
    assert len(loaded) == 3, "its style, its script, and the one that reports what fails in it"
    for file in loaded:
        assert "//" not in file
        answer = await api.client.get(f"{api.url}/{file}")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert not re.search(r"url\(\s*['\"]?https?:|@import|importScripts|unpkg\.com|cdn\.|googleapis", answer.text)


@pytest.mark.parametrize("excuse", ["started_at = now()", "paused_at = now(), paused_by = 'ann'"])
async def test_a_job_that_runs_or_is_paused_is_not_late(api: Api, polled, excuse):
    api.parts.health._jobs = [Job(name="tidy", every=timedelta(seconds=20), work=None)]
    await polled.execute(
        "INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('tidy', 'every 20 s', now() - interval '1 h')"
    )
    assert (await asked(api))[1] == "degraded"
    await polled.execute(f"UPDATE scheduled_jobs SET {excuse}")
    api.parts.health._reasons = (-health.REASONS_SECONDS, [])
    assert (await asked(api))[1] == "ok"
