"""docs/sites.md as it is written: its configurations run, a leaf node carries a site, and no site sees another."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.far import link as link_module
from collector.far.link import TROUBLE, Link
from collector.far.program import FarCollector
from collector.ingest.app import Ingest
from ddms.cli.sites import sites
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support.devices import Counter, scripted
from tests.support.far import at_site, every_one_once, hasten, more, running
from tests.support.nats import NatsServer
from tests.support.ports import free_port
from tests.support.running import until

ROOT = Path(__file__).parents[2]
WRITTEN = dict(re.findall(r"```hocon title=(\S+)\n(.*?)```", (ROOT / "docs/sites.md").read_text(), re.DOTALL))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    hasten(monkeypatch)


def certificate(folder: Path) -> Path:
    """Write a certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "hub.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "hub.key").write_bytes(key.private_bytes(*pem))
    return folder / "hub.crt"


@pytest.fixture
async def servers(tmp_path):
    """The hub and the leaf of docs/sites.md; only addresses, files and keys are this test's."""
    keys = {name: tmp_path / f"{name}.nk" for name in ("ingest", "mine", "plant-b")}
    public = {name: CliRunner().invoke(sites, ["key", str(file)]).stdout.strip() for name, file in keys.items()}
    certificate(tmp_path)
    hub, leaf, leaves = free_port(), free_port(), free_port()
    text = WRITTEN["hub.conf"].replace("/etc/nats/", f"{tmp_path}/").replace("/var/lib/nats", str(tmp_path / "hub/js"))
    for name, key in public.items():
        text = text.replace(f"<{name}>", key)
    text = text.replace("0.0.0.0:4222", f"127.0.0.1:{hub}").replace("0.0.0.0:7422", f"127.0.0.1:{leaves}")
    center = NatsServer(tmp_path / "hub", port=hub, config=text)
    text = (
        WRITTEN["leaf.conf"]
        .replace("<seed>", keys["mine"].read_text().strip())
        .replace("/var/lib/nats", str(tmp_path / "leaf/js"))
    )
    text = text.replace("127.0.0.1:4222", f"127.0.0.1:{leaf}").replace("ddms.example:7422", f"127.0.0.1:{leaves}")
    authority = f'tls: {{ ca_file: "{tmp_path}/hub.crt" }}, nkey:'  # a certificate that no public authority gave
    away = NatsServer(tmp_path / "leaf", port=leaf, config=text.replace("nkey:", authority))
    await center.start()
    await away.start()
    yield center, away, keys
    await away.stop()
    await center.stop()


@pytest.fixture
def by_hub(settings, servers, tmp_path):
    """Settings of whoever connects to the hub with a key."""
    center, _, keys = servers
    url = center.url.replace("nats:", "tls:")

    def made(name, **more):
        known = {"nats_url": url, "nats_ca": tmp_path / "hub.crt", "nats_credentials": keys[name]}
        return replace(settings, **known | more)

    return made


@pytest.fixture
def central(by_hub):
    return by_hub("ingest", ingest_sites=("mine@leaf", "plant-b"), ingest_metrics_port=0)


def far(settings, name, folder):
    more = {"site": name, "collector_name": f"{name}-1", "flush_interval": 0.0, "spool_directory": folder}
    return replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none", **more)


@asynccontextmanager
async def link(settings, site):
    speaks = Link(settings, site, "test")
    await speaks.open()
    yield speaks
    await speaks.close()


async def test_a_leaf_node_keeps_a_site_that_is_cut_off_and_all_comes_afterwards(
    owner, make_device, servers, central, tmp_path
):
    center, leaf, _ = servers
    here = replace(central, nats_url=leaf.url, nats_ca=None, nats_credentials=None)
    mine = far(here, "mine", tmp_path / "far")
    async with scripted(Counter()) as device, running(central, Ingest), running(mine, FarCollector) as collector:
        await at_site(owner, await make_device(port=device.port), "mine")
        await more(owner, 2)
        await center.stop()
        before = collector.store.statistics.stored
        await until(lambda: asyncio.sleep(0, collector.store.statistics.stored > before + 2))
        assert collector.store.spool.count == 0, "the leaf's stream takes them"
        await center.start()
        assert every_one_once(await more(owner, before + 4))


async def test_a_leaf_node_that_is_away_is_told(owner, servers, central):
    _, leaf, _ = servers
    trouble = (
        "UPDATE site_states SET reached_at = reached_at - interval '1 minute' WHERE site = 'mine' RETURNING trouble"
    )
    async with running(central, Ingest):
        await until(lambda: owner.fetchval("SELECT reached_at FROM site_states WHERE site = 'mine'"))
        await leaf.stop()
        assert "is its leaf node connected" in await until(lambda: owner.fetchval(trouble)), "half a minute later"
        await leaf.start()
        await until(lambda: owner.fetchval("SELECT trouble IS NULL FROM site_states WHERE site = 'mine'"))
        assert await owner.fetchval("SELECT trouble IS NULL FROM site_states WHERE site = 'plant-b'")


async def test_a_site_without_a_leaf_node_speaks_to_the_hub(owner, make_device, central, by_hub, tmp_path):
    plant = far(by_hub("plant-b"), "plant-b", tmp_path / "far")
    async with scripted(Counter()) as device, running(central, Ingest), running(plant, FarCollector):
        await at_site(owner, await make_device(port=device.port), "plant-b")
        assert every_one_once(await more(owner, 3))


async def test_no_site_reads_or_writes_what_is_of_another(owner, servers, central, by_hub, monkeypatch):
    del owner
    monkeypatch.setattr(link_module, "ASK_SECONDS", 0.5)  # nobody answers what may not be asked
    monkeypatch.setattr(link_module, "ACK_SECONDS", 0.5)
    heard = []

    async def hear(message):
        heard.append(message.subject)

    async with running(central, Ingest) as ingest, link(by_hub("plant-b"), "plant-b") as plant:
        await until(lambda: asyncio.sleep(0, all(site.is_served for site in ingest.sites)))
        for subject in ("ddms.mine.>", "ddms.>", "_INBOX_mine.>", "$JS.>", ">"):
            await plant.client.subscribe(subject, cb=hear)
        stranger = Link(by_hub("plant-b"), "mine", "test")
        stranger.client = plant.client
        with pytest.raises((DdmsError, *TROUBLE)):
            await stranger.ask({"collector": "x", "identity": "e", "ask": "hello", "version": "0"})
        with pytest.raises((DdmsError, *TROUBLE)):
            await stranger.publish(b"forged", "1", late=False)
        with pytest.raises(TROUBLE):
            await plant.client.jetstream(timeout=1).stream_info("ddms-plant-b")
        async with link(by_hub("plant-b"), "mine") as other_name:
            with pytest.raises(DdmsError, match="do DDMS_SITE and the key belong together"):
                await other_name.ask({"collector": "x", "identity": "e", "ask": "hello", "version": "0"})
        await ingest.sites[0].tell("ddms_configuration", "")
        await plant.publish(b"its own", "2", late=False)
        await until(lambda: asyncio.sleep(0, ingest.sites[1].store.counted.set_aside))
        assert ingest.sites[0].store.counted.set_aside == 0
        assert heard == []


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_told_by_its_name_and_the_program_can_end(tmp_path, content):
    file = tmp_path / "authority.pem"
    if content:
        file.write_text(content)
    link = Link(Settings(nats_url="tls://127.0.0.1:1", nats_ca=file), "mine", "test")
    with pytest.raises(DdmsError, match=r"authority\.pem cannot be read .* DDMS_NATS_CA"):
        await link.open()
    await link.close()


async def test_nobody_without_a_key_is_let_in(by_hub, tmp_path, monkeypatch):
    monkeypatch.setattr(link_module, "CONNECT_SECONDS", 0.5)
    file = tmp_path / "other.nk"
    CliRunner().invoke(sites, ["key", str(file)])
    with pytest.raises(DdmsError, match="refuses the user, password or key"):
        await Link(by_hub("mine", nats_credentials=file), "mine", "test").open()
