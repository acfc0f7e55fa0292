"""compose.yaml and what belongs to it, read as data: what would go wrong only on the customer's server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ddms.cli.notifying import wishes
from ddms.settings import PREFIX, Settings
from demo import inventory
from tests.support.database_sources import IMAGE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
ENTRIES = [(name, variable) for name, service in SERVICES.items() for variable in service.get("environment", {})]

FAR = {name: yaml.safe_load((ROOT / f"deploy/{name}.yaml").read_text()) for name in ("sites", "nats")}
OF_FAR_SITES = {name: service for file in FAR.values() for name, service in file["services"].items()}

each_service = pytest.mark.parametrize(
    "service", [*SERVICES.values(), *OF_FAR_SITES.values()], ids=[*SERVICES, *OF_FAR_SITES]
)


@each_service
def test_each_image_is_pinned_to_an_exact_version(service):
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+[\w.-]*", service["image"])


def test_the_tests_run_on_the_same_database_image():
    assert SERVICES["timescaledb"]["image"] == IMAGE


@each_service
def test_each_service_is_confined(service):
    user = service["user"].split(":")[0]
    assert user.isdigit()
    assert user != "0"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")


@each_service
def test_each_service_that_stays_is_restarted_watched_and_cannot_fill_the_disk_with_logs(service):
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    if service not in (SERVICES["migrate"], SERVICES["notifications"], SERVICES["plant_devices"]):
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@each_service
def test_each_service_has_an_end_to_its_memory_and_its_processes(service):
    assert re.fullmatch(r"(\$\{[A-Z]+_MEMORY:-)?\d+[mg]\}?", service["mem_limit"])
    assert service["pids_limit"] <= 500


def test_each_file_of_ours_is_labelled_for_a_host_with_selinux():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert not volume.startswith("./") or volume.endswith(":ro,z"), volume


@each_service
def test_passwords_come_from_files(service):
    for variable, value in service.get("environment", {}).items():
        if "PASSWORD" in variable or "SECRET" in variable or "KEY" in variable.split("_"):
            assert variable == "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED" or "/run/secrets/" in value
    used = set(re.findall(r"/run/secrets/(\w+)", str(service.get("environment", {}))))
    assert used <= {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}


def test_each_secret_is_used_and_made_by_the_documented_commands():
    wanted = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    document = (ROOT / "docs/deployment.md").read_text()
    assert wanted == set(COMPOSE["secrets"])
    for secret in wanted:
        assert COMPOSE["secrets"][secret] == {"file": f"./secrets/{secret}"}
        assert secret in document


@pytest.mark.parametrize(("service", "variable"), ENTRIES)
def test_the_programs_know_each_variable_that_they_are_given(service, variable):
    if not variable.startswith(PREFIX):
        return
    name = variable.removeprefix(PREFIX).removesuffix("_FILE").lower()
    assert name in Settings.__dataclass_fields__
    assert SERVICES[service]["image"].startswith("ddms:")


def test_only_nginx_is_published_only_the_collector_reaches_the_devices_and_only_grafana_sends_messages():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    open_networks = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}
    on_open = {name: set(service.get("networks", [])) & open_networks for name, service in SERVICES.items()}
    plant = {"plant": {"field"}}  # a device, as far as the others can tell
    messages = {"grafana": {"outside"}}
    wanted = {"nginx": {"edge"}, "collector": {"field"}} | messages | plant
    assert {name: nets for name, nets in on_open.items() if nets} == wanted


def test_the_simulated_plant_comes_with_the_profile_demo_only():
    demo = {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]}
    assert demo == {"plant", "plant_devices"}
    needed = {name: set(service.get("depends_on", {})) & demo for name, service in SERVICES.items()}
    assert {name: names for name, names in needed.items() if names} == {"plant": {"plant_devices"}}


def test_each_service_that_ends_is_waited_for_so_that_up_with_wait_is_content():
    waited = {
        name
        for service in SERVICES.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert waited == {name for name, service in SERVICES.items() if service["restart"] != "unless-stopped"}


def test_the_simulated_plant_listens_where_its_devices_are_looked_for():
    assert SERVICES["plant_devices"]["command"] == ["--host=plant"]
    assert SERVICES["plant"]["command"] == ["--host=0.0.0.0"]
    assert set(SERVICES["plant"]["networks"]) & set(SERVICES["collector"]["networks"])
    asked = int(SERVICES["plant"]["healthcheck"]["test"][-1])
    assert asked in {gateway.port for gateway in inventory.read().gateways}


@pytest.mark.parametrize("service", ["plant", "plant_devices"])
def test_the_programs_of_the_plant_start_as_they_are_called(service):
    command = [sys.executable, *SERVICES[service]["entrypoint"][1:], "--help"]
    assert SERVICES[service]["entrypoint"][0] == "python"
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for option in SERVICES[service]["command"]:
        assert option.split("=")[0] in done.stdout


def test_grafana_reads_what_the_service_of_notifications_has_written_with_every_variable_that_it_knows():
    notifications, grafana = SERVICES["notifications"], SERVICES["grafana"]
    secret = {name for name in wishes.VARIABLES if name.endswith(("_TOKEN", "_KEY"))}
    assert set(notifications["environment"]) == {*wishes.VARIABLES, wishes.SECRETS_FILE} - secret
    (written,) = notifications["volumes"]
    assert notifications["command"] == ["notifications", "write", written.split(":")[1]]
    assert f"{written.split(':')[0]}:/etc/grafana/provisioning/alerting:ro" in grafana["volumes"]
    assert grafana["depends_on"]["notifications"] == {"condition": "service_completed_successfully"}
    assert written.split(":")[1] in (ROOT / "Dockerfile").read_text(), "so that the volume belongs to its user"
    defaults = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in notifications["environment"].items()}
    assert wishes.read(defaults | {wishes.SECRETS_FILE: ""}) == wishes.Wishes()


def test_the_programs_wait_for_the_migration():
    for name in ("api", "collector", "grafana"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_each_file_that_is_mounted_is_in_the_repository():
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    for source in mounts:
        assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_each_variable_for_the_operator_is_explained_in_the_example():
    wanted = set(re.findall(r"\$\{(\w+):-", (ROOT / "compose.yaml").read_text()))
    offered = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line and line[0] != "#"
    )
    assert wanted == set(offered)
    for variable, value in offered.items():
        assert f"${{{variable}:-{value}}}" in (ROOT / "compose.yaml").read_text(), "the example shows the default"


def test_grafana_gets_each_variable_of_its_provisioning():
    files = (ROOT / "provisioning/grafana").rglob("*.yaml")
    wanted = {name for path in files for name in re.findall(r"^[^#]*\$\{(\w+)\}", path.read_text(), re.MULTILINE)}
    assert wanted
    assert wanted <= SERVICES["grafana"]["environment"].keys()


def test_the_image_copies_what_exists_and_nothing_that_is_ignored():
    dockerfile = (ROOT / "Dockerfile").read_text()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE)
        for source in sources.split()
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert re.search(r"^USER (?!0\b)\d+", dockerfile, re.MULTILINE)
    user = re.search(r"adduser .*-u (\d+)", dockerfile)
    assert user
    assert SERVICES["api"]["user"].startswith(f"{user[1]}:")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_its_configuration():
    path = ROOT / "provisioning/prometheus/prometheus.yml"
    done = subprocess.run(["promtool", "check", "config", path], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_prometheus_asks_the_ports_on_which_the_programs_answer():
    scrapes = yaml.safe_load((ROOT / "provisioning/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (api,) = [job for job in scrapes if job["job_name"] == "api"]
    (collector,) = [job for job in scrapes if job["job_name"] == "collector"]
    settings = Settings()
    assert {(way["type"], way["port"]) for way in api["dns_sd_configs"]} == {
        (t, settings.api_port) for t in ("A", "AAAA")
    }
    assert {(way["type"], way["port"]) for way in collector["dns_sd_configs"]} == {
        (t, settings.collector_metrics_port) for t in ("A", "AAAA")
    }
    assert {name for way in collector["dns_sd_configs"] for name in way["names"]} == set(
        SERVICES["collector"]["networks"]["inner"]["aliases"]
    )
    (edge,) = [job for job in scrapes if job["job_name"] == "edge"]
    assert edge["static_configs"][0]["targets"][0].split(":")[1] in SERVICES["edge"]["healthcheck"]["test"][-1]


def test_a_second_collector_has_another_name_and_is_found_as_the_first_is():
    more = yaml.safe_load((ROOT / "deploy/more.yaml").read_text())["services"]
    assert more["collector2"]["extends"]["file"] == "compose.yaml"  # from the folder of the first file
    assert more["collector2"]["extends"]["service"] == "collector"
    assert more["collector2"]["environment"] == {"DDMS_COLLECTOR_NAME": "collector2"}
    assert more["api"] == {"deploy": {"replicas": 2}}
    assert "container_name" not in SERVICES["api"]


def test_the_api_has_a_way_out_only_where_it_is_asked_for():
    assert "outside" not in SERVICES["api"]["networks"]
    outside = yaml.safe_load((ROOT / "deploy/outside.yaml").read_text())["services"]
    assert outside == {"api": {"networks": ["outside"]}}  # compose adds them to those of the first file
    assert "outside" in yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]


def test_the_api_publishes_only_with_a_file_of_its_own():
    added = yaml.safe_load((ROOT / "deploy/mqtt.yaml").read_text())
    settings = added["services"]["api"]["environment"]
    known = {name.removesuffix("_FILE").removeprefix(PREFIX).lower() for name in settings}
    assert known == {name for name in Settings.__dataclass_fields__ if name.startswith("mqtt")}
    assert added["secrets"].keys() == {"mqtt_password"} == set(added["services"]["api"]["secrets"])
    assert not any("MQTT" in variable for _, variable in ENTRIES)


def test_far_sites_are_stored_only_with_a_file_of_its_own():
    service = OF_FAR_SITES["ingest"]
    names = {name.removeprefix(PREFIX).removesuffix("_FILE").lower() for name in service["environment"]}
    assert names <= set(Settings.__dataclass_fields__)
    secrets = {"ingest_key", "app_password", "nats_ca"}
    assert {*FAR["sites"]["secrets"], "app_password"} == secrets == set(service["secrets"])
    assert service["environment"]["DDMS_NATS_CA"] == "${NATS_CA:+/run/secrets/nats_ca}", (
        "without one there is no setting"
    )
    assert str(Settings().ingest_metrics_port) in service["healthcheck"]["test"][-1]
    assert service["image"] == SERVICES["api"]["image"]
    collector = SERVICES["collector"]["environment"]
    shared = {name: value for name, value in collector.items() if name in service["environment"]}
    assert shared == {name: service["environment"][name] for name in shared}
    assert len(shared) == 3
    assert service["networks"] == ["inner", "outside"], "no alias `collectors`: Prometheus would miss one there"
    assert not OF_FAR_SITES.keys() & SERVICES.keys()


def test_the_nats_server_is_where_the_page_about_far_sites_has_its_files():
    service, page = OF_FAR_SITES["nats"], (ROOT / "docs/sites.md").read_text()
    for secret in service["secrets"]:
        assert secret["source"] in FAR["nats"]["secrets"]
        assert secret["target"].endswith("hub.conf") or f'"{secret["target"]}"' in page
    assert 'store_dir: "/var/lib/nats"' in page
    assert [volume.split(":")[1] for volume in service["volumes"]] == ["/var/lib/nats"]
    for published in service["ports"]:
        assert f'listen: "0.0.0.0:{published.rpartition(":")[2]}"' in page


def test_nginx_writes_what_is_counted_where_that_is_read():
    (mounted,) = SERVICES["edge"]["volumes"]
    assert f"{mounted}:ro" in SERVICES["nginx"]["volumes"]
    (option,) = [word for word in SERVICES["edge"]["command"] if word.startswith("--socket=")]
    template = (ROOT / "nginx/templates/ddms.conf.template").read_text()
    assert f"syslog:server=unix:{option.removeprefix('--socket=')}," in template
    assert mounted.split(":")[1] in (ROOT / "Dockerfile").read_text(), (
        "there with its owner, which a new volume takes over"
    )


def _compose_plugin() -> bool:
    docker = shutil.which("docker")
    return (
        bool(docker)
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _compose_plugin(), reason="the docker compose plugin is not installed")
def test_compose_itself_accepts_the_file():
    done = subprocess.run(
        ["docker", "compose", "--file", ROOT / "compose.yaml", "config", "--quiet"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_grafana_lets_nobody_in_but_whom_the_api_names():
    """What each of these does in the real one: tests/journeys/test_grafana_people.py."""
    given = SERVICES["grafana"]["environment"]
    assert given["GF_AUTH_JWT_ENABLED"] == "true"
    for name in ("BASIC_ENABLED", "ANONYMOUS_ENABLED", "JWT_URL_LOGIN", "JWT_ALLOW_ASSIGN_GRAFANA_ADMIN"):
        assert given[f"GF_AUTH_{name}"] == "false"
    assert given["GF_AUTH_DISABLE_LOGIN_FORM"] == given["GF_AUTH_JWT_ROLE_ATTRIBUTE_STRICT"] == "true"
    handed_on = (ROOT / "nginx/grafana.conf").read_text()
    assert f"proxy_set_header {given['GF_AUTH_JWT_HEADER_NAME']} $ddms_identity;" in handed_on


def test_the_signing_key_is_written_by_migrate_and_read_by_the_api_alone():
    mounts = {
        name: [v for v in service.get("volumes", []) if v.startswith("keys:")] for name, service in SERVICES.items()
    }
    folder = SERVICES["api"]["environment"]["DDMS_KEYS_DIRECTORY"]
    assert {name: found for name, found in mounts.items() if found} == {
        "migrate": [f"keys:{folder}"],
        "api": [f"keys:{folder}:ro"],
    }
    assert SERVICES["migrate"]["environment"]["DDMS_KEYS_DIRECTORY"] == folder
    assert folder in (ROOT / "Dockerfile").read_text(), "there with its owner, which a new volume takes over"
