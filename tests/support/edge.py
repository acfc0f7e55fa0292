"""The real nginx with our configuration, moved to free ports; behind it the real API and a stand-in for Grafana."""

import contextlib
import itertools
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from ddms.edge import listening
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["nginx"]


@dataclass(frozen=True, kw_only=True)
class Edge:
    http: str
    https: str
    port: int
    log: Path
    certificate: Path
    inner: str
    """Where Grafana gets the keys, under a certificate of its own."""
    inner_certificate: Path
    measured: socket.socket
    """Where nginx writes what is counted; what nobody reads is lost, as in production."""
    command: tuple[str, ...]
    """The program with what makes it this one, for `-t` and `-s reload`."""
    process: subprocess.Popen[bytes]

    def trust(self) -> ssl.SSLContext:
        """Believe the documented certificate, and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def trust_inner(self) -> ssl.SSLContext:
        """Believe the certificate that nginx and Grafana share."""
        return ssl.create_default_context(cafile=str(self.inner_certificate))

    def logged(self) -> str:
        return self.log.read_text()


@contextlib.contextmanager
def edge(folder: Path, *, api: str, grafana: str, **variables: str) -> Iterator[Edge]:
    """Run nginx until the block ends; `api` and `grafana` are host:port, of several replicas with commas between."""
    secrets = make_secrets(folder)
    http, https, inner = free_port(), free_port(), free_port()
    values = {"API": "replicas", "GRAFANA": grafana, "HTTPS_PORT": str(https)} | variables
    ports = {"8080": http, "8443": https, "8444": inner}
    configuration = _configuration(folder, secrets, {f"NGINX_{k}": v for k, v in values.items()}, ports)
    # As with a name that has several addresses, none is left out for a while because it failed once.
    upstream = "".join(f"server {replica} max_fails=0; " for replica in api.split(","))
    with (folder / "ddms.conf").open("a") as filled:
        filled.write(f"\nupstream replicas {{ {upstream}}}\n")  # in a container it is a name with several addresses
    log = folder / "log"
    as_root = ["-g", "user root;"] if os.geteuid() == 0 else []
    measured = listening(folder / "edge-log")
    command = tuple(map(str, (NGINX, "-p", folder, "-c", configuration, "-e", "stderr", *as_root)))
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait(process, https, log)
        yield Edge(
            measured=measured,
            http=f"http://localhost:{http}",
            https=f"https://localhost:{https}",
            port=https,
            log=log,
            certificate=secrets / "tls_certificate",
            inner=f"https://localhost:{inner}",
            inner_certificate=secrets / "inner_certificate",
            command=command,
            process=process,
        )
    finally:
        process.terminate()
        process.wait(60)
        measured.close()


def make_secrets(folder: Path) -> Path:
    """Run the very commands of docs/deployment.md."""
    document = (ROOT / "docs/deployment.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", document.split("1. The secrets")[1].split("\n2. ")[0], re.DOTALL)
    block = re.sub(r"PUBLIC_HOST=\S+", "PUBLIC_HOST=localhost", block).replace("DNS:nginx", "DNS:localhost")
    subprocess.run(["sh", "-eu", "-c", block], cwd=folder, check=True, capture_output=True)
    return folder / "secrets"


def _configuration(folder: Path, secrets: Path, variables: dict[str, str], ports: dict[str, int]) -> Path:
    """Do what the image does at its start, and move what a container has for itself."""
    template = (ROOT / "nginx/templates/ddms.conf.template").read_text()
    environment = {k: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(v)) for k, v in SERVICE["environment"].items()} | variables
    filled = re.sub(r"\$\{(NGINX_\w+)\}", lambda match: environment[match[1]], template)
    if _version() < (1, 25, 1):
        filled = filled.replace("http2 on;", "").replace("8443 ssl", "8443 ssl http2")
    # In one pass, since a port may hold the other's digits.
    filled = re.sub(r"\b(8080|8443|8444)\b", lambda match: f"127.0.0.1:{ports[match[1]]}", filled)
    main = (ROOT / "nginx/nginx.conf").read_text() + "\ndaemon off;\n"
    for name, text in (("ddms.conf", filled), ("nginx.conf", main)):
        moved = text.replace("/tmp/", f"{folder}/").replace("/run/secrets/", f"{secrets}/")
        moved = moved.replace("/run/edge/", f"{folder}/edge-")
        (folder / name).write_text(moved)
    for included in (ROOT / "nginx").glob("*.conf"):
        if included.name != "nginx.conf":
            shutil.copy(included, folder)
    for served in ("pages", "acme", "ipv6"):
        shutil.copytree(ROOT / "nginx" / served, folder / served)
    for listening_too in (folder / "ipv6/on").iterdir():
        moved = re.sub(r"\[::\]:(\d+)", lambda match: f"[::1]:{ports[match[1]]}", listening_too.read_text())
        listening_too.write_text(moved)
    return folder / "nginx.conf"


def _version() -> tuple[int, ...]:
    words = subprocess.run([str(NGINX), "-v"], check=True, capture_output=True, text=True).stderr
    return tuple(int(part) for part in re.findall(r"nginx/(\d+)\.(\d+)\.(\d+)", words)[0])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, "nginx does not listen"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)


_ASKED = itertools.count(1)
"""How often scripts were asked for."""


class _Grafana(BaseHTTPRequestHandler):
    """Answers as Grafana does: a page with its own policy, and what it was asked."""

    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}".encode()
        self.send_response(401 if self.path.endswith("/refused") else 200)
        self.send_header("Content-Length", str(len(body)))
        if self.path.startswith("/grafana/public/build/"):
            self.send_header("Cache-Control", "public, max-age=31536000")
            self.send_header("Vary", "Accept-Encoding")
            self.send_header("Told-Accept-Encoding", self.headers["Accept-Encoding"] or "nothing")
            self.send_header("Told-Times", str(next(_ASKED)))
        self.send_header("X-Frame-Options", "deny")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name in self.headers:  # what it was told of the person
            if name.lower() in {"x-ddms-identity", "authorization", "cookie", "x_ddms_identity"}:
                self.send_header(f"Told-{name}", self.headers[name])
        if self.path.partition("?")[0].endswith("/"):
            self.send_header("Content-Security-Policy", "script-src 'nonce-1'")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/grafana/api/ds/query?fails"):
            body = (
                b'{"results":{"A":{"error":"the database said \\"error\\":\\"no\\"","status":500},"B":{"error":"no"}}}'
            )
            self.send_response(400 if self.path.endswith("=1") else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextlib.contextmanager
def grafana() -> Iterator[str]:
    """Serve the stand-in; give its host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Grafana)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
