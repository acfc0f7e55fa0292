"""What the dashboards' JSON says, and what Grafana is given to read at its start."""

import json
import re
import shutil
import subprocess
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api.ground.metrics import (
    CONNECTIONS,
    ERRORS,
    REGISTRY,
    STATEMENT_SECONDS,
    WEBHOOK_DEAD,
    WEBHOOK_DELIVERIES,
    WEBHOOK_OLDEST,
    WEBHOOK_WAITING,
    measures,
)
from collector.metrics import CollectorMetrics
from collector.polling.units import Statistics
from collector.storing.store import StoreStatistics
from ddms.edge import Measures
from ddms.quality import Reason
from grafana import texts
from grafana.__main__ import FOLDER, dashboards, main, outdated
from grafana.languages import known

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in dashboards().items()}
PANELS = [pytest.param(p, id=f"{b['uid']}-{p['title']}") for b in BOARDS.values() for p in b["panels"]]
OF_THE_SITE = re.compile(r"\bFROM (storage\w*|jobs|backup\w*|restores|retention_runs|changes|audit_checks|job_runs)\b")


def test_the_json_is_what_the_code_says():
    assert outdated() == []
    assert main(["--check"]) == 0


def test_a_changed_a_missing_and_a_foreign_file_are_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("grafana.__main__.FOLDER", tmp_path)
    (tmp_path / "foreign.json").write_text("{}")
    (tmp_path / "fleet.json").write_text("{}")
    assert main(["--check"]) == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        f"grafana/dashboards/{name}" for name in (*sorted({*BOARDS, "foreign.json"}),)
    ]
    (tmp_path / "foreign.json").unlink()
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["--wrong"]) == 2


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_explains_itself(panel: dict[str, Any]):
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert defaults["unit"]
    assert min(len(panel["description"]), len(defaults["noValue"])) > (
        5 if re.search("[一-龥]", panel["description"]) else 15
    )
    source = panel["datasource"]["uid"]
    assert source in {"ddms", "prometheus"}
    assert all(target["datasource"]["uid"] == source for target in panel["targets"])


def expressions() -> list[str]:
    return [t["expr"] for b in BOARDS.values() for p in b["panels"] for t in p["targets"] if "expr" in t]


def of_collector() -> CollectorRegistry:
    """What a collector tells that has met every kind of failure."""
    met = Statistics(errors=Counter({Reason.TIMEOUT: 1}))
    spool = SimpleNamespace(bytes=0, max_bytes=0, count=0, age=lambda: 0.0)
    store = SimpleNamespace(
        name="x", statistics=StoreStatistics(), spool=spool, connected=True, pending=0, troubles=list
    )
    line = SimpleNamespace(line=SimpleNamespace(endpoint="tcp://x:502"))
    unit = SimpleNamespace(config=SimpleNamespace(name="x"), statistics=met, state="online")
    registry = CollectorRegistry()
    registry.register(
        CollectorMetrics(store, lambda: [SimpleNamespace(configuration=line, statistics=met, units=[unit])])
    )
    ProcessCollector(registry=registry)
    return registry


def test_every_question_to_prometheus_names_metrics_and_labels_that_the_programs_have():
    measures("query", "x")
    edge = Measures()
    edge.count("edge: 200 0.1 1 /graphql")
    ERRORS.labels("graphql", "INVALID")
    STATEMENT_SECONDS.labels("x")
    CONNECTIONS.labels("idle")
    WEBHOOK_DELIVERIES.labels("done")
    for gauge in (WEBHOOK_WAITING, WEBHOOK_OLDEST, WEBHOOK_DEAD):
        gauge.labels("Office")
    told = [generate_latest(registry).decode() for registry in (REGISTRY, of_collector(), edge.registry)]
    families = [family for text in told for family in text_string_to_metric_families(text)]
    samples = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    asked = expressions()
    assert len(asked) > 20
    for expression in asked:
        names = re.findall(r"\b(?:ddms|process)_\w+", expression)
        assert names, expression
        assert set(names) <= samples.keys(), expression
        labels = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expression)))) - {"instance"}
        brought = (
            samples["ddms_collector_info"] if "group_left (collector) ddms_collector_info" in expression else set()
        )
        assert all(labels - brought <= samples[name] for name in names if name != "ddms_collector_info"), expression


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (of Prometheus) is not here")
def test_every_question_to_prometheus_is_promql(tmp_path):
    rules = [
        {"record": f"question:{number}", "expr": re.sub(r"\$__\w+", "1m", expression)}
        for number, expression in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_panel_that_is_empty_names_only_what_exists():
    schema = (FOLDER.parents[1] / "schema.graphql").read_text()
    for name in re.findall(r"(\w+) mutation\b", "".join(dashboards().values())):
        assert f"\n  {name}(" in schema


def test_dashboards_have_fixed_addresses_and_are_read_only():
    assert {name: board["uid"] for name, board in BOARDS.items()} == {name: f"ddms-{name[:-5]}" for name in BOARDS}
    assert {name[:-5] for name in BOARDS} >= {
        "fleet",
        "device",
        "group",
        "history",
        "storage",
        "api",
        "audit",
        "jobs",
        "alarms",
    }
    for name, board in BOARDS.items():
        refresh = {"alarm-performance": "5m", "consumption": "1m", "report": "1m"}.get(
            name[:-5].removesuffix("-zh"), "10s"
        )  # of weeks
        assert (board["tags"], board["editable"], board["refresh"]) == (["ddms"], False, refresh)
        assert [p["id"] for p in board["panels"]] == list(range(1, len(board["panels"]) + 1))


def test_links_keep_the_time_range():
    for name, board in BOARDS.items():
        urls = re.findall(r'"url": "(/d/[^"]+)"', json.dumps(board["panels"]))
        if not name.startswith("alarm"):  # these lead to the time of an alarm
            assert [url for url in urls if not url.endswith("${__url_time_range}")] == []
        assert [link["url"] for link in board["links"] if link["url"].startswith("/d/") and not link["keepTime"]] == []
        exports = [link["url"] for link in board["links"] if link["url"].startswith("/export?")]
        assert len(exports) == name.startswith(("device", "group", "history", "consumption", "report"))
        assert all("&from=${__from:date:iso}&to=${__to:date:iso}" in url for url in exports)


def test_what_is_seen_together_leads_to_its_parts_and_back_and_keeps_what_was_chosen():
    fleet = "${state:queryparam}&${search:queryparam}"
    trends = f"{fleet}&${{compare:queryparam}}&${{alarms:queryparam}}"
    urls = {name: re.findall(r'"url": "([^"]+)"', json.dumps(board)) for name, board in BOARDS.items()}
    for tongue in ("", "-zh"):
        of_row = "var-device=${__data.fields.device_id}&${__url_time_range}"
        assert f"/d/ddms-device{tongue}?{fleet}&{of_row}" in urls[f"fleet{tongue}.json"]
        group = f"/d/ddms-group{tongue}?{fleet}&var-group=${{__data.fields.group_id}}&${{__url_time_range}}"
        assert group in urls[f"fleet{tongue}.json"]
        for name in ("group", "history"):
            assert f"/d/ddms-device{tongue}?{trends}&{of_row}" in urls[f"{name}{tongue}.json"]
        assert f"/d/ddms-history{tongue}?{trends}&var-devices=${{device}}" in urls[f"device{tongue}.json"]
        for name in ("device", "group", "history"):
            assert f"/d/ddms-fleet{tongue}?{fleet}" in urls[f"{name}{tongue}.json"]
            variables = {each["name"]: each for each in BOARDS[f"{name}{tongue}.json"]["templating"]["list"]}
            assert {"compare", "alarms"} <= variables.keys()
            assert [variables[each]["hide"] for each in ("state", "search")] == [2, 2]
        for name in ("api", "audit", "alarms", "alarm-history", "alarm-performance"):
            assert f"/d/ddms-fleet{tongue}" in urls[f"{name}{tongue}.json"]


def test_panels_do_not_overlap():
    for board in BOARDS.values():
        cells = [(x, y) for p in board["panels"] for g in [p["gridPos"]]
                 for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]  # fmt: skip
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


def test_trends_are_never_drawn_through_a_gap():
    for name in (f"{board}{tongue}.json" for board in ("device", "group", "history") for tongue in ("", "-zh")):
        trend = next(p for p in BOARDS[name]["panels"] if p["type"] == "timeseries")
        assert trend["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
        assert trend["repeat"] == "unit"


def test_grafana_gets_its_data_sources_and_dashboards_read_only():
    folder = FOLDER.parents[1] / "provisioning" / "grafana"
    sources = yaml.safe_load((folder / "datasources" / "ddms.yaml").read_text())["datasources"]
    assert {source["uid"]: source["editable"] for source in sources} == dict.fromkeys(
        ("ddms", "ddms-rules", "ddms-limited", "prometheus"), False
    )
    (provider,) = yaml.safe_load((folder / "dashboards" / "ddms.yaml").read_text())["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)


@pytest.mark.parametrize("shown", PANELS)
def test_a_panel_that_limited_people_see_empty_says_so(shown):
    asked = any(OF_THE_SITE.search(target.get("rawSql", "")) for target in shown.get("targets", []))
    asked = asked and shown["type"] != "state-timeline"  # a part of their SQL has the name of a view
    empty = shown["fieldConfig"]["defaults"].get("noValue", "") if "fieldConfig" in shown else ""
    said = any(text in empty for text in (language.says(texts.IF_LIMITED) for language in known()))
    assert asked == said


def test_a_cell_without_a_value_is_not_green():
    coloured = [
        {one["id"]: one.get("value") for one in override["properties"]}
        for board in BOARDS.values()
        for shown in board["panels"]
        for override in shown.get("fieldConfig", {}).get("overrides", [])
    ]
    coloured = [one for one in coloured if one.get("custom.cellOptions", {}).get("type") == "color-background"]
    assert coloured
    assert {one["thresholds"]["steps"][0]["color"] for one in coloured} == {"transparent"}
