"""The edge by itself: ids of requests, its log, who is told to wait, and another certificate."""

import contextlib
import io
import json
import logging
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from api.ground import database
from ddms.edge import Measures
from ddms.logs import JsonFormatter
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.edge import NGINX, ROOT, Edge, edge, grafana, make_secrets
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def narrow(tmp_path):
    """An edge that lets two requests through, with a log for people."""
    with (
        grafana() as pages,
        edge(
            tmp_path,
            api=f"127.0.0.1:{free_port()}",
            grafana=pages,
            API_REQUESTS_PER_MINUTE="2",
            PAGE_REQUESTS_PER_MINUTE="2",
            LOG="text",
        ) as running,
    ):
        yield running


async def asked(front: Edge, *requests: tuple[str, dict[str, str]]) -> list[httpx2.Response]:
    async with httpx2.AsyncClient(base_url=front.https, verify=front.trust()) as client:
        return [await client.get(path, headers=headers) for path, headers in requests]


@pytest.fixture
def statements(monkeypatch):
    """The lines of the API's log about statements, all of which are slow today."""
    monkeypatch.setattr(database, "SLOW_SECONDS", 0.0)
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("api.statements").addHandler(handler)
    yield lines
    logging.getLogger("api.statements").removeHandler(handler)


async def test_an_id_goes_from_the_edge_to_the_statements_of_the_request(tmp_path, api: Api, statements):
    query, token = "/graphql?query={devices{nodes{name}}}", api.headers("viewer")
    with grafana() as pages, edge(tmp_path, api=api.url.removeprefix("http://"), grafana=pages) as front:
        answers = await asked(
            front,
            (query, token),
            (query, token | {"X-Request-ID": "line-7/42"}),
            (query, token | {"X-Request-ID": 'a"b c'}),
        )
        lines = [json.loads(line) for line in front.logged().splitlines() if line.startswith("{")]
    ids = [answer.headers.get_list("X-Request-ID") for answer in answers]
    assert [[line["request_id"]] for line in lines] == ids
    assert ids[1] == ["line-7/42"]
    assert all(re.fullmatch("[0-9a-f]{32}", ids[n][0]) for n in (0, 2))
    told = [json.loads(line) for line in statements.getvalue().splitlines()]
    assert {line["request_id"] for line in told} == {id_ for (id_,) in ids}
    assert all(line["pid"] and line["statement"] for line in told)


async def test_who_asks_too_much_is_told_in_the_form_that_fits(narrow: Edge):
    json_asked: list[tuple[str, dict[str, str]]] = [("/graphql", {})] * 4
    *_, program, page = await asked(narrow, *json_asked, ("/sign-in", PAGE))
    *_, script, dashboard = await asked(narrow, *[("/grafana/api/x", {})] * 4, ("/grafana/", PAGE))
    assert [answer.status_code for answer in (program, page, script, dashboard)] == [429] * 4
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in (program, page, script, dashboard))
    assert program.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert "too many requests" in script.json()["message"]
    assert script.json()["traceID"] == _number(script)
    assert program.json()["errors"][0]["extensions"]["reference"] == _number(program)
    for told in (page, dashboard):
        assert "Too many requests" in told.text
        assert "请求过多" in told.text
        number = re.findall(r"[0-9a-f]{4}-[0-9a-f]{4}", told.text)
        assert number == [_number(told)] * 2
        assert told.headers["Content-Type"] == "text/html; charset=utf-8"


def _number(answer: httpx2.Response) -> str:
    id_ = answer.headers["X-Request-ID"]
    return f"{id_[:4]}-{id_[4:8]}"


async def test_a_number_is_the_same_at_the_edge_in_the_answer_and_in_grafana(tmp_path, api: Api):
    with grafana() as pages, edge(tmp_path, api=api.url.removeprefix("http://"), grafana=pages) as front:
        mine = {"X-Request-ID": "line-7/42", "X-DDMS-Reference": "0000-0000"}
        page, program = await asked(front, ("/nowhere", PAGE), ("/graphql?query={nothing}", mine))
        lines = [json.loads(line) for line in front.logged().splitlines() if line.startswith("{")]
    assert [line["reference"] for line in lines] == [
        _number(page),
        program.json()["errors"][0]["extensions"]["reference"],
    ]
    assert _number(page) in page.text
    assert lines[1]["request_id"] == "line-7/42"
    assert lines[1]["reference"] != "0000-0000"


async def test_a_page_that_fails_without_end_is_told_to_stop_and_the_person_goes_on(tmp_path, api: Api):
    report = {"page": "/export", "kind": "script", "message": "again"}
    with grafana() as pages, edge(tmp_path, api=api.url.removeprefix("http://"), grafana=pages) as front:
        async with httpx2.AsyncClient(base_url=front.https, verify=front.trust()) as client:
            told = [(await client.post("/errors", json=report)).status_code for _ in range(15)]
            assert {*told[:10]} == {200}
            assert told[-1] == 429
            assert (await client.get("/sign-in", headers=PAGE)).status_code == 200
            large = await client.post("/errors", content=b" " * 20_000, headers={"Content-Type": "application/json"})
            assert large.status_code in {413, 429}


async def test_the_log_for_people_says_a_request_in_a_line(narrow: Edge):
    (answer,) = await asked(narrow, ("/graphql?query={secret}", {"User-Agent": "a client"}))
    (line,) = [line for line in narrow.logged().splitlines() if "GET" in line and "upstream:" not in line]
    said = re.fullmatch(
        r'\S+ 127\.0\.0\.1 503 GET /graphql in \S+ s, \d+ bytes, by .*, id (\w+), number ([0-9a-f-]{9}), "a client"',
        line,
    )
    assert said, line
    assert said[1] == answer.headers["X-Request-ID"]
    assert said[2] == f"{said[1][:4]}-{said[1][4:8]}" == answer.json()["errors"][0]["extensions"]["reference"]


@contextlib.contextmanager
def watching(front: Edge, folder: Path) -> Iterator[Path]:
    """Run what looks for other certificates; give the file of what it says."""
    program, output = folder / "nginx", folder / "said"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(front.command)} "$@"\n')
    program.chmod(0o755)
    folder_of_secrets = str(front.certificate.parent)
    given = {"NGINX_SECRETS": folder_of_secrets, "NGINX_RELOAD_SECONDS": "0.1", "NGINX_PROGRAM": str(program)}
    with output.open("wb") as said:
        command = ["sh", ROOT / "nginx/reload.sh"]
        process = subprocess.Popen(
            command, env=os.environ | given, start_new_session=True, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: "looks" in output.read_text())
        yield output
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_renewed_certificate_is_used_without_a_restart_once_it_fits_its_key(narrow: Edge, tmp_path):
    (tmp_path / "new").mkdir()
    new, used = make_secrets(tmp_path / "new"), narrow.certificate.parent
    with watching(narrow, tmp_path) as said:
        for name, word in (("tls_certificate", "do not fit"), ("tls_key", "uses the new one")):
            (used / name).chmod(0o644)
            (used / name).write_bytes((new / name).read_bytes())
            until(lambda word=word: word in said.read_text())  # type: ignore[misc]
    wanted = ssl.PEM_cert_to_DER_cert((new / "tls_certificate").read_text())
    until(lambda: ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", narrow.port), timeout=5)) == wanted)


def test_an_authority_of_ones_own_signs_certificates_that_its_clients_believe(tmp_path):
    for host in ("ddms.example", "192.0.2.7"):
        command = ["sh", str(ROOT / "nginx/certificate.sh"), host]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        checked = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "authority/certificate"]
        kind = "-verify_ip" if host[0].isdigit() else "-verify_hostname"
        subprocess.run([*checked, kind, host, "secrets/tls_certificate"], cwd=tmp_path, check=True, capture_output=True)
        assert (tmp_path / "authority/key").stat().st_mode & 0o77 == 0
    assert (tmp_path / "secrets/tls_key").stat().st_mode & 0o777 == 0o444


async def test_what_an_authority_asks_for_is_answered_without_https_and_nothing_beside_it(narrow: Edge, tmp_path):
    (tmp_path / "acme/.well-known/acme-challenge").mkdir(parents=True)
    (tmp_path / "acme/.well-known/acme-challenge/token").write_text("proof")
    async with httpx2.AsyncClient(base_url=narrow.http) as client:
        there, absent = [await client.get(f"/.well-known/acme-challenge/{name}") for name in ("token", "other")]
    assert (there.text, absent.status_code) == ("proof", 404)


async def test_what_the_edge_answers_is_counted_by_place_and_status(narrow: Edge):
    await asked(narrow, *[("/graphql?a=b", {})] * 4, ("/grafana/public/x.js", {}), ("/a%0Aedge: 200", {}))
    measures = Measures()
    narrow.measured.settimeout(10)
    for _ in range(6):
        measures.count(narrow.measured.recv(65536).decode())

    def value(name: str, **labels: str) -> float | None:
        return measures.registry.get_sample_value(name, labels)

    assert value("ddms_edge_requests_total", place="graphql", status="503") == 3
    assert value("ddms_edge_requests_total", place="graphql", status="429") == 1
    assert value("ddms_edge_requests_total", place="grafana_files", status="200") == 1
    assert value("ddms_edge_request_duration_seconds_count", place="api") == 1
    assert value("ddms_edge_unreadable_lines_total") == 0


def test_a_line_that_nginx_did_not_write_is_counted_and_nothing_else():
    measures = Measures()
    for line in ("", "<190>Nov 27 02:34:31 edge: 999 0.1 1 /", "edge: 200 nan 1 /", "edge: 200 0.1 -1 /"):
        measures.count(line)
    assert measures.registry.get_sample_value("ddms_edge_unreadable_lines_total") == 4


def test_the_program_that_counts_listens_answers_prometheus_and_ends_when_told(tmp_path):
    port, where = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "ddms.edge", f"--socket={where}", f"--port={port}"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until(lambda: where.exists() or process.poll() is not None)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nginx:
            nginx.connect(str(where))
            nginx.send(b"<190>Nov 27 02:34:31 edge: 200 0.012 431 /export")
        wanted = 'ddms_edge_requests_total{place="export",status="200"} 1.0'

        def counted() -> bool:
            with contextlib.suppress(httpx2.HTTPError):
                return wanted in httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            return False

        until(counted)
    finally:
        process.terminate()
    assert process.wait(10) == 0
