"""Prometheus's rules: each alert has its runbook and its scenario, and asks for metrics that there are."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from api.ground.metrics import REGISTRY
from collector.ingest.metrics import IngestMetrics
from ddms.edge import Measures

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "provisioning/prometheus"
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
RULES = [
    rule
    for path in sorted((FOLDER / "rules").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
SCENARIOS = yaml.safe_load((FOLDER / "tests/alerts.yaml").read_text())["tests"]

each_alert = pytest.mark.parametrize("name", ALERTS)


def samples(registry: CollectorRegistry) -> set[str]:
    """Return the names under which Prometheus keeps what a registry tells."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {f"{family.name}{ending}" for family in registry.collect() for ending in endings[family.type]}


def of_the_collector() -> set[str]:
    text = (ROOT / "collector/metrics.py").read_text()
    names = set(re.findall(r'"(ddms_\w+)"', text)) | {"ddms_connection_errors"}
    return names | {f"{name}_total" for name in names}


def of_ingest() -> set[str]:
    return {f"{family.name}{'_total' * (family.type == 'counter')}" for family in IngestMetrics([]).collect()}


@each_alert
def test_each_alert_has_a_section_of_its_own_in_the_runbooks_which_it_names(name):
    assert RUNBOOKS.count(f"\n## {name}\n") == 1
    assert ALERTS[name]["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"


def test_no_runbook_is_about_an_alert_that_is_gone():
    assert set(re.findall(r"^## (Ddms\w+)$", RUNBOOKS, re.MULTILINE)) == ALERTS.keys()
    for link in re.findall(r"\]\(#(ddms\w+)\)", RUNBOOKS):
        assert link in {name.lower() for name in ALERTS}


@each_alert
def test_each_alert_says_how_bad_it_is_what_is_wrong_and_what_follows(name):
    assert ALERTS[name]["labels"]["severity"] in {"critical", "warning", "info", "none"}
    assert {"summary", "description"} < ALERTS[name]["annotations"].keys()


@each_alert
def test_each_alert_fires_in_a_scenario(name):
    expected = [
        test for scenario in SCENARIOS for test in scenario.get("alert_rule_test", []) if test["alertname"] == name
    ]
    assert any(test.get("exp_alerts") for test in expected)


def test_rules_ask_for_metrics_that_the_programs_tell_or_other_rules_compute():
    told = samples(REGISTRY) | samples(Measures().registry) | of_the_collector() | of_ingest()
    computed = {rule["record"] for rule in RULES if "record" in rule}
    for rule in RULES:
        asked = set(re.findall(r"(?<![\w:])(?:[a-z]+:)?ddms_[\w:]+", rule["expr"]))
        assert asked - told - computed == set(), rule["expr"]
    runbooks = set(re.findall(r"`(?:[^`]*\()?((?:[a-z]+:)?ddms_[\w:]+)", RUNBOOKS))
    families = {re.sub("_(total|bucket|count|sum)$", "", name) for name in told} | told
    assert {name for name in runbooks if not name.endswith("_")} - families - computed == set()


def test_prometheus_reads_these_rules():
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (files,) = configuration["rule_files"]
    assert {path.name for path in FOLDER.glob(files)} == {"alerts.yaml", "recording.yaml"}
    prometheus = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["prometheus"]
    assert "./provisioning/prometheus:/etc/prometheus:ro,z" in prometheus["volumes"]


def run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_each_scenario_ends_as_it_must():
    run("promtool", "test", "rules", FOLDER / "tests/alerts.yaml")


@pytest.mark.skipif(shutil.which("jsonnet") is None, reason="jsonnet is not installed")
def test_the_mixin_has_all_of_it_with_links_to_where_the_runbooks_are():
    mixin = f"(import '{FOLDER}/mixin.libsonnet') {{ _config+:: {{ runbooks: 'https://wiki.example/' }} }}"
    shown = subprocess.run(
        ["jsonnet", "--exec", f"local m = {mixin}; [m.prometheusAlerts, m.prometheusRules, std.objectFields(m.grafanaDashboards)]"],
        check=True, capture_output=True, text=True, env=dict(os.environ),
    ).stdout  # fmt: skip
    alerts, rules, dashboards = yaml.safe_load(shown)
    found = [rule for group in alerts["groups"] + rules["groups"] for rule in group["rules"]]
    assert len(found) == len(RULES)
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in found if "alert" in rule}
    assert links == {name: f"https://wiki.example/docs/runbooks.md#{name.lower()}" for name in ALERTS}
    assert dashboards
