"""The chart and the plain manifests: the same programs, settings, ports and images as compose.yaml, and every container confined."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ddms.cli import ddms
from ddms.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/ddms"
PLAIN = ROOT / "deploy/kubernetes/ddms.yaml"
PAGE = (ROOT / "docs/kubernetes.md").read_text()
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OBJECTS = [found for found in yaml.safe_load_all(PLAIN.read_text()) if found]
WORKLOADS = {o["metadata"]["name"]: o for o in OBJECTS if o["kind"] in {"Deployment", "StatefulSet", "Job"}}
PODS = {name: workload["spec"]["template"]["spec"] for name, workload in WORKLOADS.items()}
CONTAINERS = {
    f"{name}/{container['name']}": container
    for name, pod in PODS.items()
    for container in [*pod.get("initContainers", []), *pod["containers"]]
}

each_pod = pytest.mark.parametrize("name", PODS)
each_container = pytest.mark.parametrize("name", CONTAINERS)
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")


def of_kind(kind: str) -> dict[str, Any]:
    return {found["metadata"]["name"]: found for found in OBJECTS if found["kind"] == kind}


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def rendered(*options: str) -> str:
    command = ["helm", "template", "ddms", str(CHART), "--namespace", "ddms", "--kube-version", "1.30", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@each_pod
def test_each_pod_is_an_ordinary_user_without_the_clusters_api(name):
    assert PODS[name]["automountServiceAccountToken"] is False
    assert PODS[name]["enableServiceLinks"] is False, "DDMS_SERVICE_HOST is no setting: the programs would not start"
    context = PODS[name]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@each_container
def test_each_container_is_confined_and_has_an_end_to_its_memory(name):
    context = CONTAINERS[name]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in CONTAINERS[name]["resources"]["limits"]
    assert {"cpu", "memory"} <= CONTAINERS[name]["resources"]["requests"].keys()


@each_container
def test_each_setting_is_one_of_ddms_and_no_password_stands_in_the_open(name):
    for variable, value in environment(CONTAINERS[name]).items():
        if variable.startswith(PREFIX):
            assert variable.removeprefix(PREFIX).removesuffix("_FILE").lower() in Settings.__dataclass_fields__
        if "PASSWORD" in variable:
            assert "/run/secrets/" in str(value)


def test_each_program_starts_with_its_settings():
    for name, container in CONTAINERS.items():
        if not container["image"].startswith("ddms:") or "command" in container:
            continue
        assert container["args"][0] in ddms.list_commands(None), name  # type: ignore[arg-type]
        given = {
            k: str(v) for k, v in environment(container).items() if k.startswith(PREFIX) and not k.endswith("_FILE")
        }
        given |= {"DDMS_COLLECTOR_NAME": "ddms-collector-0"}  # by the name of the pod
        assert Settings.read(given), name


def test_everything_that_a_pod_mounts_is_made_here_or_by_the_page():
    made = {(o["kind"], o["metadata"]["name"]) for o in OBJECTS}
    dashboards = {f"ddms-dashboard-{path.stem}" for path in (ROOT / "grafana/dashboards").glob("*.json")}
    for name, pod in PODS.items():
        volumes = {v["name"]: v for v in pod["volumes"]}
        templates = {t["metadata"]["name"] for t in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys() | templates
        for volume in volumes.values():
            sources = volume.get("projected", {}).get("sources", [volume])
            for source in sources:
                if "secret" in source:
                    secret = source["secret"].get("secretName") or source["secret"]["name"]
                    assert (
                        f"secret generic {secret} " in PAGE
                        or f"secret tls {secret} " in PAGE
                        or secret == "ddms-database-superuser"
                    )
                if "configMap" in source:
                    wanted = source["configMap"]["name"]
                    assert wanted in dashboards or f"configmap {wanted} " in PAGE
                if "persistentVolumeClaim" in source:
                    assert ("PersistentVolumeClaim", source["persistentVolumeClaim"]["claimName"]) in made


def test_images_are_those_of_compose():
    images = {container["image"] for container in CONTAINERS.values()}
    assert images == {SERVICES[name]["image"] for name in ("api", "grafana", "nginx")}
    assert VALUES["database"]["image"].startswith("timescale/timescaledb-ha:pg17-ts2.29")
    assert SERVICES["timescaledb"]["image"].startswith("timescale/timescaledb:2.29.")
    assert SERVICES["timescaledb"]["image"].endswith(f"-pg{VALUES['database']['major']}")


def test_users_are_those_of_compose():
    users = {"ddms-edge": "nginx", "ddms-grafana": "grafana", "ddms-api": "api", "ddms-collector": "collector"}
    for name, service in users.items():
        assert str(PODS[name]["securityContext"]["runAsUser"]) == SERVICES[service]["user"].split(":")[0]


def test_grafana_and_nginx_have_each_setting_that_they_have_in_compose():
    given = environment(CONTAINERS["ddms-grafana/grafana"])
    wanted = {name for name in SERVICES["grafana"]["environment"] if not name.startswith("GF_SMTP_")}
    assert wanted <= given.keys()
    for name in (
        "GF_AUTH_JWT_HEADER_NAME",
        "GF_AUTH_JWT_EXPECT_CLAIMS",
        "GF_AUTH_BASIC_ENABLED",
        "GF_AUTH_DISABLE_LOGIN_FORM",
    ):
        assert given[name] == str(SERVICES["grafana"]["environment"][name])
    assert "$$" not in "".join(map(str, given.values()))
    assert SERVICES["nginx"]["environment"].keys() <= environment(CONTAINERS["ddms-edge/nginx"]).keys()


def test_services_lead_to_ports_that_containers_have():
    labels = {name: w["spec"]["template"]["metadata"]["labels"] for name, w in WORKLOADS.items()}
    for name, service in of_kind("Service").items():
        chosen = [w for w, found in labels.items() if service["spec"]["selector"].items() <= found.items()]
        assert chosen, name
        for workload in chosen:
            ports = {port["name"] for container in PODS[workload]["containers"] for port in container["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_ports_are_those_on_which_the_programs_answer():
    settings = Settings()
    assert VALUES["api"]["port"] == settings.api_port
    assert VALUES["collectorPort"] == settings.collector_metrics_port


def test_a_node_may_be_emptied_without_the_last_replica_going():
    budgets = of_kind("PodDisruptionBudget")
    assert budgets["ddms-api"]["spec"]["minAvailable"] < WORKLOADS["ddms-api"]["spec"]["replicas"]
    assert budgets["ddms-edge"]["spec"]["maxUnavailable"] == 1
    assert WORKLOADS["ddms-api"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_collector_keeps_its_spool_and_its_name():
    collector = WORKLOADS["ddms-collector"]
    assert collector["kind"] == "StatefulSet"
    (claim,) = collector["spec"]["volumeClaimTemplates"]
    container = CONTAINERS["ddms-collector/collector"]
    folder = environment(container)["DDMS_SPOOL_DIRECTORY"]
    assert {"name": claim["metadata"]["name"], "mountPath": folder} in container["volumeMounts"]
    (name,) = [entry for entry in container["env"] if entry["name"] == "DDMS_COLLECTOR_NAME"]
    assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_only_collectors_may_send_to_devices():
    policies = of_kind("NetworkPolicy")
    everybody = policies["ddms-closed"]["spec"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    assert everybody["ingress"] == []
    to_blocks = [
        name
        for name, p in policies.items()
        for rule in p["spec"].get("egress", [])
        for to in rule.get("to", [])
        if "ipBlock" in to
    ]
    assert set(to_blocks) == {"ddms-collectors"}
    assert policies["ddms-collectors"]["spec"]["podSelector"]["matchLabels"]["ddms.io/collector"] == "true"


def test_the_version_is_that_of_the_project():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert SERVICES["api"]["image"] == f"ddms:{chart['appVersion']}"


def test_what_the_chart_takes_from_elsewhere_is_there():
    links = [path for path in (CHART / "files").iterdir() if path.is_symlink()]
    assert {path.name for path in links} == {"compose.yaml", "nginx", "dashboards", "provisioning", "rules"}
    assert all(path.exists() for path in links)


@needs_helm
def test_helm_finds_nothing_in_the_chart():
    done = subprocess.run(["helm", "lint", "--strict", CHART], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@needs_helm
def test_the_plain_manifests_are_what_helm_makes_of_the_chart():
    assert PLAIN.read_text() == rendered("--set", "configMaps=false"), "make manifests"


def test_far_sites_have_the_ports_and_images_of_compose():
    assert VALUES["ingest"]["port"] == Settings().ingest_metrics_port
    assert not any(name.endswith(("-ingest", "-nats")) for name in WORKLOADS), "only where they are asked for"
    nats = yaml.safe_load((ROOT / "deploy/nats.yaml").read_text())["services"]["nats"]
    assert VALUES["nats"]["image"] == nats["image"]
    for values, secret in (("ingest", "--from-file=ingest.nk"), ("nats", "--from-file=hub.conf")):
        assert f"secret generic {VALUES[values]['secret']} {secret}" in PAGE


@needs_helm
def test_far_sites_are_served_and_watched_where_they_are_asked_for():
    text = rendered("--set", "ingest.sites={mine@leaf,plant-b},ingest.natsUrl=tls://ddms-nats:4222,nats.create=true,monitoring.enabled=true")  # fmt: skip
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}
    for kind, name in (("Deployment", "ingest"), ("StatefulSet", "nats")):
        pod = found[kind, f"ddms-{name}"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert {port["targetPort"] for port in found["Service", f"ddms-{name}"]["spec"]["ports"]} <= {
            port["name"] for port in container["ports"]
        }
        assert ("NetworkPolicy", f"ddms-{name}") in found
        if name == "ingest":
            given = {k: str(v) for k, v in environment(container).items() if not k.endswith("_FILE")}
            assert Settings.read(given).ingest_sites == ("mine@leaf", "plant-b")
    assert ("ServiceMonitor", "ddms-ingest") in found


@needs_helm
def test_everything_together_is_valid(tmp_path):
    """With an ingress, monitoring, three collectors and a database of one's own."""
    collectors = json.dumps(
        [{"name": name, "nodeSelector": {"site": name}, "hostNetwork": True} for name in ("north", "south")]
    )
    (tmp_path / "values.yaml").write_text(f"collectors: {collectors}\n")
    text = rendered(
        "--values", str(tmp_path / "values.yaml"), "--set", "ingress.enabled=true,monitoring.enabled=true",
        "--set", "database.create=false,database.host=db.example,edge.ipv6=on,monitoring.runbooks=https://wiki.example/",
    )  # fmt: skip
    objects = [found for found in yaml.safe_load_all(text) if found]
    kinds = {found["kind"] for found in objects}
    assert {"Ingress", "ServiceMonitor", "PrometheusRule", "ConfigMap"} <= kinds
    assert not {"Cluster", "ImageCatalog"} & kinds
    for found in objects:
        if found["kind"] == "ConfigMap":
            assert len(json.dumps(found)) < 1_000_000, "Kubernetes takes no larger one"
    rules = [r for o in objects if o["kind"] == "PrometheusRule" for g in o["spec"]["groups"] for r in g["rules"]]
    links = {r["annotations"]["runbook_url"] for r in rules if "alert" in r}
    assert links
    assert all(re.match(r"https://wiki\.example/docs/runbooks\.md#ddms\w+$", link) for link in links)
    assert "postgresql://postgres@db.example:5432/ddms" in text
