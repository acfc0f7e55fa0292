"""What monitors and browsers see: health, metrics, GraphiQL without the internet."""

import re

from prometheus_client.parser import text_string_to_metric_families

from api.ground.metrics import OperationNames
from ddms import VERSION
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures


async def test_health_says_how_the_installation_is(api: Api, owner, edition):
    device = await add(api)
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'online')", int(device["id"][4:]))
    await add(api, "Second")
    health = await api.client.get(f"{api.url}/health")
    answer = health.json()
    assert answer.pop("uptime") >= 0
    assert (health.status_code, answer) == (200, {
        "status": "ok", "version": VERSION, "edition": edition, "schemaVersion": answer["schemaVersion"],
        "database": "ok", "devices": {"online": 1, "total": 2},
    })  # fmt: skip
    system = await api.ask("{ system { version edition schemaVersion live qualities { code reason explanation } } }")
    assert (system["edition"], system["live"]) == (edition, True)
    assert {"code": 16, "reason": "TIMEOUT", "explanation": "the device did not answer in time"} in system["qualities"]


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
    assert len(loaded) == 2
    for file in loaded:
        assert "//" not in file
        answer = await api.client.get(f"{api.url}/{file}")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert not re.search(r"url\(\s*['\"]?https?:|@import|importScripts|unpkg\.com|cdn\.|googleapis", answer.text)
