"""The edge, seen from outside: what reaches the API and Grafana, and what does not."""

import asyncio
import json
import socket
import ssl
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.api_server import PROTOCOL, Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.edge import NGINX, Edge, edge, grafana
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def at_the_edge(running: Edge) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=running.https, verify=running.trust())


@pytest.fixture
def narrow(tmp_path):
    """An edge that lets 20 requests through, before an API that is not there and a Grafana that is."""
    with (
        grafana() as pages,
        edge(tmp_path, api=f"127.0.0.1:{free_port()}", grafana=pages, API_REQUESTS_PER_MINUTE="20") as running,
    ):
        yield running


@pytest.fixture
def whole(tmp_path, api: Api):
    """An edge before the real API."""
    with grafana() as pages, edge(tmp_path, api=api.url.removeprefix("http://"), grafana=pages) as running:
        yield running


async def test_a_query_reaches_the_api_and_its_answer_the_client(whole: Edge, api: Api):
    async with at_the_edge(whole) as client:
        body = {"query": "{ __typename }"}
        answer = await client.post("/graphql", json=body, headers=api.headers("viewer"))
    assert answer.status_code == 200
    assert "errors" not in answer.json(), answer.text


async def test_a_websocket_of_the_same_origin_is_served_and_of_another_origin_is_not(whole: Edge, api: Api):
    url = whole.https.replace("https", "wss") + "/graphql"
    async with connect(url, subprotocols=[PROTOCOL], ssl=whole.trust(), origin=whole.https) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": api.headers("viewer")}))
        assert "connection_ack" in str(await connection.recv())
    with pytest.raises(InvalidStatus):
        await connect(url, subprotocols=[PROTOCOL], ssl=whole.trust(), origin="https://elsewhere.example")


async def test_a_websocket_lives_on_when_nginx_takes_another_certificate(whole: Edge, api: Api):
    url = whole.https.replace("https", "wss") + "/graphql"
    pid = (whole.log.parent / "nginx.pid").read_text().strip()
    children = Path(f"/proc/{pid}/task/{pid}/children")
    async with connect(url, subprotocols=[PROTOCOL], ssl=whole.trust(), origin=whole.https) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": api.headers("viewer")}))
        await connection.recv()
        before = set(children.read_text().split())
        done = await asyncio.create_subprocess_exec(*whole.command, "-s", "reload")
        assert await done.wait() == 0
        async with asyncio.timeout(60):
            while set(children.read_text().split()) <= before:  # until there are workers with the new configuration
                await asyncio.sleep(0.02)
        await connection.send(json.dumps({"type": "ping"}))
        assert "pong" in str(await connection.recv())


async def test_the_page_on_which_people_try_the_api_comes_with_its_files(whole: Edge):
    async with at_the_edge(whole) as client:
        start = await client.get("/graphql", follow_redirects=True, headers={"Accept": "text/html"})
        script = await client.get("/graphiql/graphiql.js")
    assert str(start.url).startswith(f"{whole.https}/graphql")
    assert "graphiql.js" in start.text
    assert "script-src 'self'" in start.headers["Content-Security-Policy"]
    assert script.status_code == 200
    assert script.headers["Content-Encoding"] == "gzip"


async def test_health_is_answered_without_a_limit_and_without_a_log(whole: Edge):
    async with at_the_edge(whole) as client:
        codes = {(await client.get("/health")).status_code for _ in range(150)}
        await client.get("/graphql?query={__typename}")
    assert codes == {200}
    assert "/health" not in whole.logged()
    assert "/graphql" in whole.logged()


async def test_metrics_are_not_for_everybody(whole: Edge):
    async with at_the_edge(whole) as client:
        assert (await client.get("/metrics")).status_code == 404
        assert (await client.get("/grafana/metrics")).status_code == 404


async def test_who_asks_too_much_is_told_so_in_graphqls_own_words_and_grafana_goes_on(narrow: Edge):
    async with at_the_edge(narrow) as client:
        answers = [await client.post("/graphql", json={"query": "{ __typename }"}) for _ in range(40)]
        page = [(await client.get("/grafana/public/x")).status_code for _ in range(300)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 18 <= len(refused) <= 19, "20 at once and the first, and perhaps one that came back meanwhile"
    assert refused[0].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert int(refused[0].headers["Retry-After"]) > 0
    assert set(page) == {200}


async def test_a_script_of_grafana_is_asked_for_once_in_each_form_and_what_says_nothing_is_not_kept(narrow: Edge):
    forms = ("gzip, deflate, br", "br, gzip;q=0.8", "identity", "br, gzip;q=0")
    async with httpx2.AsyncClient(base_url=narrow.https, verify=narrow.trust()) as client:
        scripts = [await client.get(f"/grafana/public/build/a.js?{n}", headers={"Accept-Encoding": form}) for n, form in enumerate(forms)]  # fmt: skip
        told = [(one.headers["Told-Accept-Encoding"], one.headers["Told-Times"]) for one in scripts]
        assert [form for form, _ in told] == ["gzip", "gzip", "nothing", "nothing"]
        assert told[0] == told[1] != told[2] == told[3]
        texts = [(await client.get(f"/grafana/public/x?{n}")).text for n in range(2)]
    assert texts[0] != texts[1]


async def test_while_the_api_is_away_the_client_learns_that_it_may_come_again(narrow: Edge):
    async with at_the_edge(narrow) as client:
        answer = await client.post("/graphql", json={"query": "{ __typename }"})
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert "Retry-After" in answer.headers


async def test_security_headers_are_sent_once_whoever_answers(narrow: Edge):
    async with at_the_edge(narrow) as client:
        for path in ("/graphql", "/grafana/", "/grafana/public/", "/grafana/public/app.js", "/metrics"):
            headers = (await client.get(path)).headers
            for name in ("Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
                assert len(headers.get_list(name)) == 1, (path, name)
            assert len(headers.get_list("Content-Security-Policy")) == 1, path
            assert "nginx/" not in headers["Server"]
        page, script = await client.get("/grafana/public/"), await client.get("/grafana/public/app.js")
    assert page.headers["Content-Security-Policy"] == "script-src 'nonce-1'"
    assert script.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


async def test_a_dashboards_link_to_an_export_reaches_the_api_with_its_choice(whole: Edge, api: Api):
    async with at_the_edge(whole) as client:
        page = await client.get(
            "/grafana/export?device=dev_1&from=-1h", follow_redirects=True, headers={"Accept": "text/html"}
        )
        script = await client.get("/export/page/page.js")
    assert str(page.url) == f"{whole.https}/export?device=dev_1&from=-1h"
    assert "export/page/page.js" in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert script.status_code == 200


async def test_an_export_passes_the_edge_compressed_and_as_it_is_read(whole: Edge, api: Api, owner):
    device = await add(api)
    await owner.execute(
        "INSERT INTO readings SELECT now() - n * interval '1 s', $1, n, 0 FROM generate_series(1, 3000) n",
        device["points"]["flow"],
    )
    async with at_the_edge(whole) as client:
        answer = await client.get(f"/export?device={device['id']}&from=-2h", headers=api.headers("viewer"))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.text.splitlines()) == 3001


async def test_the_edge_is_reached_by_ipv6_too_when_that_is_on(tmp_path):
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").read_text().strip():
        pytest.skip("this machine has no address of IPv6")
    with grafana() as pages, edge(tmp_path, api=f"127.0.0.1:{free_port()}", grafana=pages, IPV6="on") as running:
        for host in ("127.0.0.1", "[::1]"):
            trusting = running.trust()
            trusting.check_hostname = False
            async with httpx2.AsyncClient(base_url=f"https://{host}:{running.port}", verify=trusting) as client:
                assert (await client.get("/edge/page.css")).status_code == 200


async def test_a_client_cannot_say_that_it_is_somebody_else(narrow: Edge):
    async with at_the_edge(narrow) as client:
        answer = await client.get(
            "/grafana/public/x", headers={"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "http"}
        )
    assert answer.text == "/grafana/public/x 127.0.0.1 https"


async def test_plain_http_is_sent_to_https_and_loses_nothing_of_the_address(narrow: Edge):
    async with httpx2.AsyncClient(base_url=narrow.http) as client:
        answer = await client.post("/graphql?a=1", json={})
        own = await client.get("/edge")
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{narrow.https}/graphql?a=1"
    assert own.status_code == 204


@pytest.mark.parametrize(
    ("version", "accepted"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_tls_is_1_2_or_1_3_and_offers_http_2(narrow: Edge, version, accepted):
    context = narrow.trust()
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.maximum_version = version
    context.minimum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    def greet() -> str | None:
        with (
            socket.create_connection(("127.0.0.1", narrow.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            return secured.selected_alpn_protocol()

    if accepted:
        assert await asyncio.to_thread(greet) == "h2"
    else:
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(greet)
