"""The commands of docs/rotation.md that need no engine: files are replaced in place, and certificates fit their keys."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ddms.cli.keys import keys

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rotation.md").read_text()
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PASSWORDS, SUPERUSER, SIGNING, INNER = BLOCKS


def run(folder: Path, block: str) -> None:
    """Run a block without what needs the engine, which `docker` here stands for."""
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\ncat >> "$0.read" 2>/dev/null\necho "$@" >> "$0.asked"\n')
    docker.chmod(0o755)
    script = f"PATH={folder}:$PATH\n{block}"
    subprocess.run(["sh", "-eu", "-c", script], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture
def folder(tmp_path):
    """A server's folder with secrets as the first start made them."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name in ("database_password", "app_password", "grafana_password", "inner_key", "inner_certificate"):
        (tmp_path / "secrets" / name).write_text("old")
    return tmp_path


def test_passwords_are_written_into_the_files_that_containers_have_open(folder):
    files = [folder / "secrets" / name for name in ("app_password", "grafana_password")]
    before = [path.stat().st_ino for path in files]
    run(folder, PASSWORDS)
    assert [path.stat().st_ino for path in files] == before, "a file that took its place is not seen"
    new = [path.read_text().strip() for path in files]
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in new)
    assert new[0] != new[1]
    assert not list((folder / "secrets").glob("*.new"))


def test_the_superusers_password_is_set_in_the_database_before_its_file_is_replaced(folder):
    run(folder, SUPERUSER)
    password = (folder / "secrets/database_password").read_text().strip()
    assert (folder / "docker.read").read_text() == f"ALTER ROLE postgres PASSWORD '{password}'\n"
    assert SUPERUSER.index("ALTER ROLE") < SUPERUSER.index("> secrets/database_password &&")


def test_the_new_inner_certificate_fits_its_key_and_names_nginx(folder):
    run(folder, INNER)
    certificate = x509.load_pem_x509_certificate((folder / "secrets/inner_certificate").read_bytes())
    key = load_pem_private_key((folder / "secrets/inner_key").read_bytes(), None)
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["nginx"]
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700


def test_each_service_that_is_made_anew_is_there_and_no_other_reads_what_was_replaced():
    for block, secrets in ((PASSWORDS, {"app_password", "grafana_password"}), (SUPERUSER, {"database_password"})):
        (services,) = re.findall(r"--force-recreate (.*)", block)
        named = set(services.split())
        assert named <= SERVICES.keys()
        reading = {name for name, service in SERVICES.items() if secrets & set(service.get("secrets", []))}
        profiles = {name for name, service in SERVICES.items() if "profiles" in service}
        assert reading - profiles - {"timescaledb"} <= named


def test_the_signing_key_is_rotated_by_a_command_that_there_is():
    assert "migrate keys rotate" in SIGNING
    assert "rotate" in keys.commands
    assert "--now" in {option for parameter in keys.commands["rotate"].params for option in parameter.opts}
