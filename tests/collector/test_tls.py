"""Modbus/TCP Security against pymodbus's server: whom we trust, who we are, and what each mistake is called."""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest
import uvloop

from collector.line import tls
from collector.line.tcp import ReadError, line
from ddms.cli import reach
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.certificates import Authority
from tests.support.devices import foreign_server, scripted
from tests.support.transports import UNIT, pymodbus_server


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """An authority that DDMS trusts, and a folder of a device whose certificate it signed."""
    monkeypatch.setattr(tls, "_folder", tmp_path / "ours")
    (tmp_path / "ours").mkdir()
    (tmp_path / "device").mkdir()
    authority = Authority(tmp_path / "ours")
    authority.sign(tmp_path / "device", "server")
    return authority


def served_by(folder, **form):
    return pymodbus_server("tls", sslctx=context_of(folder, **form))


def context_of(folder, *, asks_for: Authority | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.maximum_version = newest
    if asks_for is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(asks_for.file)
    return context


async def read_from(endpoint: str, timeout: float = 5.0) -> bytes:
    link = line(LineSettings(endpoint=Endpoint.parse(endpoint)))
    try:
        await link.open(timeout)
        return await link.read(UNIT, 3, 1, 3, timeout)
    finally:
        link.close()


async def reason_at(endpoint: str, timeout: float = 5.0) -> Reason:
    with pytest.raises(ReadError) as caught:
        await read_from(endpoint, timeout)
    return caught.value.reason


def test_the_port_of_tls_is_802():
    assert str(Endpoint.parse("tls://Meter.local")) == "tls://meter.local:802"


async def test_a_device_whose_certificate_our_authority_signed_is_read(plant, tmp_path):
    async with served_by(tmp_path / "device") as endpoint:
        assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"


def test_it_is_read_by_the_loop_of_the_collector_too(plant, tmp_path):
    async def main() -> None:
        async with served_by(tmp_path / "device") as endpoint:
            assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"
        async with pymodbus_server("udp") as endpoint:
            assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"

    uvloop.run(main())


@pytest.mark.parametrize("password", ["", "only we know"])
async def test_a_device_that_wants_to_know_who_we_are_is_shown_our_certificate(plant, tmp_path, password):
    plant.sign(tmp_path / "ours", "client", password=password)
    (tmp_path / "ours" / "client.password").write_text(password + "\n")
    async with served_by(tmp_path / "device", asks_for=plant) as endpoint:
        assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"


@contextlib.contextmanager
def refusing(context: ssl.SSLContext):
    """A server of OpenSSL itself, which says by an alert why it refuses; that of asyncio only hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                peer, _ = listening.accept()
                with contextlib.suppress(OSError), peer, context.wrap_socket(peer, server_side=True) as session:
                    session.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tls://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_device_that_does_not_know_us_says_so(plant, tmp_path, newest):
    with refusing(context_of(tmp_path / "device", asks_for=plant, newest=newest)) as endpoint:
        assert await reason_at(endpoint) is Reason.CERTIFICATE_REFUSED
        (tmp_path / "others").mkdir()
        Authority(tmp_path / "others", "Stranger").sign(tmp_path / "ours", "client")
        assert await reason_at(endpoint) is Reason.CERTIFICATE_REFUSED


async def test_what_is_wrong_with_a_certificate_is_told_by_its_name(plant, tmp_path):
    (tmp_path / "others").mkdir()
    plant.sign(tmp_path / "device", "server", days=-1)
    async with served_by(tmp_path / "device") as endpoint:
        assert await reason_at(endpoint) is Reason.EXPIRED
    plant.sign(tmp_path / "device", "server", address="127.0.0.9")
    async with served_by(tmp_path / "device") as endpoint:
        assert await reason_at(endpoint) is Reason.WRONG_NAME
        (tmp_path / "ours" / "name").write_text("127.0.0.9\n")
        assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"
    (tmp_path / "ours" / "name").unlink()
    Authority(tmp_path / "others").sign(tmp_path / "device", "server")
    async with served_by(tmp_path / "device") as endpoint:
        assert await reason_at(endpoint) is Reason.UNTRUSTED
        (tmp_path / "ours" / "ca.pem").unlink()
        assert await reason_at(endpoint) is Reason.UNTRUSTED


async def test_a_devices_own_certificate_is_trusted_in_the_folder_of_its_host(plant, tmp_path):
    (tmp_path / "others").mkdir()
    Authority(tmp_path / "others").sign(tmp_path / "device", "server")
    own = tmp_path / "ours" / "127.0.0.1"
    own.mkdir()
    (own / "ca.pem").write_bytes((tmp_path / "device" / "server.pem").read_bytes())
    async with served_by(tmp_path / "device") as endpoint:
        assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"


async def test_the_command_line_takes_the_files_from_where_the_settings_say(plant, tmp_path, monkeypatch):
    monkeypatch.setattr(tls, "_folder", tmp_path / "elsewhere")
    monkeypatch.setenv("DDMS_MODBUS_TLS_DIRECTORY", str(tmp_path / "ours"))
    async with (
        served_by(tmp_path / "device") as endpoint,
        reach.own(LineSettings.to(Endpoint.parse(endpoint))) as route,
    ):
        assert await route.read(UNIT, 3, 1, 3, 5.0) == b"\0\x08\0\x09\0\x0a"


async def test_a_peer_without_tls_says_so(plant):
    with foreign_server() as (port, _):  # it answers what it does not understand by hanging up, or not at all
        assert await reason_at(f"tls://127.0.0.1:{port}", 1.0) is Reason.NO_TLS
    async with scripted(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as device:
        assert await reason_at(f"tls://127.0.0.1:{device.port}", 1.0) is Reason.NO_TLS
    silent = await asyncio.start_server(lambda _r, _w: asyncio.sleep(30), "127.0.0.1", 0)
    assert await reason_at(f"tls://127.0.0.1:{silent.sockets[0].getsockname()[1]}", 1.0) is Reason.NO_TLS
    silent.close()


@pytest.mark.parametrize("spoiled", ["ca.pem", "client.pem", "client.key"])
async def test_files_that_cannot_be_used_are_told_and_never_shown(plant, tmp_path, caplog, spoiled):
    plant.sign(tmp_path / "ours", "client")
    (tmp_path / "ours" / spoiled).write_text("secret nonsense")
    assert await reason_at("tls://127.0.0.1:802") is Reason.TLS_FILES
    assert "cannot be used" in caplog.text
    assert "secret" not in caplog.text


async def test_a_key_without_its_password_asks_nobody(plant, tmp_path):
    plant.sign(tmp_path / "ours", "client", password="only we know")
    assert await reason_at("tls://127.0.0.1:802") is Reason.TLS_FILES


async def test_renewed_files_are_in_force_at_the_next_connection(plant, tmp_path):
    (tmp_path / "others").mkdir()
    other = Authority(tmp_path / "others")
    other.sign(tmp_path / "device", "server")
    async with served_by(tmp_path / "device") as endpoint:
        assert await reason_at(endpoint) is Reason.UNTRUSTED
        (tmp_path / "ours" / "ca.pem").write_bytes(other.file.read_bytes())
        assert await read_from(endpoint) == b"\0\x08\0\x09\0\x0a"
