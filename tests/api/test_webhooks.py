"""Webhooks: who is told, in what order, how often, and what a target can do wrong."""

import asyncio
import contextlib
import json
import re
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.ground import claims
from api.webhooks.courier import Courier
from api.webhooks.sending import Sender, new_secret, signature
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.certificates import write_certificate
from tests.support.node import needs_node
from tests.support.receiver import Receiver, receiving, says

ROOT = Path(__file__).parents[2]
CREATE = "mutation ($input: WebhookInput!) { createWebhook(input: $input) { errors { code field message } webhook { id enabled } secret } }"
UPDATE = "mutation ($id: ID!, $changes: WebhookChanges!) { updateWebhook(id: $id, changes: $changes) { errors { code field message } webhook { version oldSecretUntil } secret } }"
TEST = 'mutation { testWebhook(id: "wh_1") { errors { code } taken status reason } }'
REPLAY = 'mutation { replayWebhookDeliveries(webhook: "wh_1") { errors { code } replayed } }'
LIST = "{ webhooks { name url waiting dead lost failingSince lastError nextAttemptAt lastDelivery { state status error attempts type } } }"
DELIVERIES = 'query ($states: [DeliveryState!]) { webhookDeliveries(webhook: "wh_1", states: $states) { totalCount nodes { eventId type state attempts status error } } }'
QUEUE = """INSERT INTO webhook_deliveries (webhook_id, event, type, lane, body)
SELECT 1, format('aev_%s_%s', d, n), 'alarm.raised', 'dev_' || d, jsonb_build_object('type', 'alarm.raised', 'data', jsonb_build_object('deviceId', 'dev_' || d, 'number', n))
  FROM generate_series(0, $1 - 1) d, generate_series(0, $2 - 1) n ORDER BY n, d"""
TRY_NOW = "UPDATE webhooks SET next_at = NULL; SELECT pg_notify(channel('ddms_webhooks'), '')"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, webhook_targets=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def telling(settings: Settings) -> AsyncIterator[None]:
    """A courier at work, as beside the API."""
    async with at_work(settings):
        yield


@contextlib.asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(Courier(settings).run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def made(api: Api, url: str, **more) -> str:
    """Make a webhook; return its secret."""
    payload = await api.ask(CREATE, "admin", input={"name": "Office", "url": url} | more)
    assert payload["errors"] == []
    return payload["secret"]


async def alarmed(owner: asyncpg.Connection, *events: Event) -> None:
    """Let something happen to the alarm of the pump's limit, which is made at the first time."""
    await owner.execute(
        "INSERT INTO limits (point_id, key, kind, threshold) VALUES (1, 'high', 'high', 2) ON CONFLICT DO NOTHING"
    )
    alarm = await owner.fetchval("SELECT id FROM alarms WHERE limit_id IS NOT NULL")
    for event in events:
        now = await owner.fetchval("SELECT clock_timestamp()")
        await happen(owner, [Happening(alarm_id=alarm, event=event, time=now, value=3.0, quality=0, threshold=2.0)])


async def until(owner: asyncpg.Connection, sql: str) -> None:
    """Wait until the database says so."""
    async with asyncio.timeout(60):
        while not await owner.fetchval(f"SELECT {sql}"):
            await asyncio.sleep(0.02)


async def test_a_target_is_told_of_alarms_and_states_in_order_and_signed(api: Api, owner, receiver, telling):
    await add(api)
    secret = await made(api, receiver.url)
    await alarmed(owner, Event.RAISED, Event.CLEARED)
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES (1, 'online')")
    got = await receiver.wait(3)
    assert sorted(one.json["type"] for one in got) == ["alarm.cleared", "alarm.raised", "device.state"]
    raised, cleared = [one for one in got if one.json["type"].startswith("alarm")]
    assert (raised.json["type"], int(raised.event[4:]) < int(cleared.event[4:])) == ("alarm.raised", True)
    data = raised.json["data"]
    assert {name: data[name] for name in ("deviceName", "pointName", "value", "threshold", "priority", "quality")} == {
        "deviceName": "Pump", "pointName": "flow", "value": 3, "threshold": 2, "priority": "medium", "quality": "good",
    }  # fmt: skip
    assert next(one for one in got if one.event.startswith("dst_1_")).json["data"]["state"] == "online"
    signed = f"{raised.event}.{raised.headers['webhook-timestamp']}.".encode() + raised.body
    right = b64encode(digest(b64decode(secret.removeprefix("whsec_")), signed, sha256)).decode()
    assert raised.headers["webhook-signature"] == f"v1,{right}"
    assert raised.headers["content-type"] == "application/json"
    await until(owner, "count(*) = 3 FROM webhook_deliveries WHERE state = 'done'")
    (listed,) = await api.ask(LIST, "admin")
    assert (listed["waiting"], listed["dead"], listed["failingSince"], listed["lastDelivery"]["status"]) == (
        0,
        0,
        None,
        204,
    )


async def test_only_what_was_chosen_is_told(api: Api, owner, receiver, telling):
    await add(api, groups=["Hall 1"])
    await made(api, receiver.url, alarmEvents=["ACKNOWLEDGED"], deviceStates=False, group="grp_1")
    for name, more in (
        ("Low", {"priorities": ["LOW"]}),
        ("Other hall", {"group": "grp_2"}),
        ("Off", {"enabled": False}),
    ):
        await owner.execute("INSERT INTO groups (name) VALUES ('Hall 2') ON CONFLICT DO NOTHING")
        await made(api, receiver.url, name=name, alarmEvents=["RAISED", "ACKNOWLEDGED"], deviceStates=False, **more)
    await alarmed(owner, Event.RAISED, Event.ACKNOWLEDGED)
    got = await receiver.wait(1)
    await until(owner, "position > (SELECT max(transaction) FROM alarm_events) FROM webhook_cursor")
    await until(owner, "count(*) = 0 FROM webhook_deliveries WHERE state = 'waiting'")
    assert [one.json["type"] for one in got] == ["alarm.acknowledged"]


async def test_a_failing_target_is_tried_again_in_order_and_what_is_given_up_can_be_replayed(
    api: Api, owner, receiver, telling
):
    await add(api)
    await made(api, receiver.url, deviceStates=False)
    receiver.answer = says(500, body=b"out of order")
    await alarmed(owner, Event.RAISED, Event.CLEARED)
    first = (await receiver.wait(1))[0].event
    await until(owner, "failures = 1 AND (SELECT count(*) FROM webhook_deliveries) = 2 FROM webhooks")
    (listed,) = await api.ask(LIST, "admin")
    assert (listed["waiting"], listed["lastError"], listed["lastDelivery"]["attempts"]) == (2, "500 out of order", 1)
    assert listed["nextAttemptAt"] is not None
    await owner.execute(TRY_NOW)
    assert [one.event for one in await receiver.wait(2)] == [first, first], "the next one waits for its turn"
    await until(owner, "failures = 2 FROM webhooks")
    await owner.execute(f"UPDATE webhook_deliveries SET expires_at = now(); {TRY_NOW}")  # a day went by
    await until(owner, "count(*) = 2 FROM webhook_deliveries WHERE state = 'dead'")
    dead = await api.ask(DELIVERIES, "admin", states=["DEAD"])
    assert [(one["attempts"], one["error"]) for one in dead["nodes"]] == [
        (0, "500 out of order"),
        (2, "500 out of order"),
    ]
    receiver.answer = says(200, body=b"thanks")
    assert (await api.ask(REPLAY, "admin"))["replayed"] == 2
    events = [one.event for one in await receiver.wait(4)]
    assert events[2] == first
    await until(owner, "count(*) = 2 FROM webhook_deliveries WHERE state = 'done'")
    await until(owner, "failing_since IS NULL AND failures = 0 FROM webhooks")
    assert (await api.ask(REPLAY, "admin"))["replayed"] == 0


async def test_a_target_that_takes_a_test_is_told_at_once_what_waits(api: Api, owner, receiver, telling):
    await made(api, receiver.url)
    await owner.execute(
        "UPDATE webhooks SET failures = 6, failing_since = now(), last_error = 'away', next_at = now() + interval '1 hour'"
    )
    await owner.execute(QUEUE, 1, 2)
    receiver.answer = says(500)
    assert (await api.ask(TEST, "admin"))["taken"] is False
    assert (await api.ask(LIST, "admin"))[0]["lastError"] == "away"
    receiver.answer = says(204)
    assert (await api.ask(TEST, "admin"))["taken"] is True
    assert (await api.ask(LIST, "admin"))[0]["failingSince"] is None
    assert [one.event for one in (await receiver.wait(4))[2:]] == ["aev_0_0", "aev_0_1"]


async def test_a_message_that_a_target_refuses_as_wrong_does_not_stop_those_behind_it(
    api: Api, owner, receiver, telling
):
    await add(api)
    await made(api, receiver.url, deviceStates=False)
    receiver.answer = says(422)
    await alarmed(owner, Event.RAISED)
    for times in (1, 2):
        await until(owner, f"failures = {times} FROM webhooks")
        await owner.execute(TRY_NOW)
    await until(owner, "state = 'dead' FROM webhook_deliveries")
    receiver.answer = says(204)
    await alarmed(owner, Event.CLEARED)
    await until(owner, "count(*) = 1 FROM webhook_deliveries WHERE state = 'done'")


async def test_of_a_device_messages_come_in_order_while_others_are_under_way(api: Api, owner, receiver, settings):
    await made(api, receiver.url, deviceStates=False)
    await owner.execute(QUEUE, 4, 20)
    held: dict[str, asyncio.Event] = {"dev_0": asyncio.Event()}
    under_way, most = set(), 0

    async def slowly(reader, writer):
        nonlocal most
        lane = json.loads(receiver.got[-1].body)["data"]["deviceId"]
        assert lane not in under_way
        under_way.add(lane)
        most = max(most, len(under_way))
        await held[lane].wait() if lane in held else await asyncio.sleep(0.002)
        under_way.discard(lane)
        await says(204)(reader, writer)

    receiver.answer = slowly
    async with at_work(settings):
        got = await receiver.wait(61)  # the first of one device holds up those of this one only
        held["dev_0"].set()
        await receiver.wait(80)
        await until(owner, "count(*) = 80 FROM webhook_deliveries WHERE state = 'done' AND attempts = 1")
    assert most > 1
    for lane in range(4):
        own = [one.json["data"]["number"] for one in got if one.json["data"]["deviceId"] == f"dev_{lane}"]
        assert own == list(range(20))


async def test_when_one_of_several_under_way_fails_nothing_of_its_device_is_told_before_it(
    api: Api, owner, receiver, telling
):
    await made(api, receiver.url, deviceStates=False)
    broken = True

    async def answer(reader, writer):
        said = receiver.got[-1].json["data"]
        await says(500 if broken and said == {"deviceId": "dev_1", "number": 3} else 204)(reader, writer)

    receiver.answer = answer
    await owner.execute(QUEUE, 3, 10)
    await until(owner, "failing_since IS NOT NULL AND failures = 1 FROM webhooks")
    assert [one.json["data"]["number"] for one in receiver.got if one.json["data"]["deviceId"] == "dev_1"] == [
        0,
        1,
        2,
        3,
    ]
    broken = False
    await owner.execute(TRY_NOW)
    await until(owner, "count(*) = 30 FROM webhook_deliveries WHERE state = 'done'")
    assert [one.json["data"]["number"] for one in receiver.got if one.json["data"]["deviceId"] == "dev_1"] == [
        0,
        1,
        2,
        3,
        *range(3, 10),
    ]
    assert await owner.fetchval("SELECT failing_since IS NULL AND failures = 0 FROM webhooks")


async def test_a_target_that_hangs_holds_up_no_other(api: Api, owner, receiver, telling):
    await add(api)
    async with receiving() as hanging:
        freed = asyncio.Event()
        hanging.answer = lambda *_: freed.wait()
        await made(api, hanging.url, name="Hangs", deviceStates=False)
        await made(api, receiver.url, deviceStates=False)
        await alarmed(owner, Event.RAISED)
        await hanging.wait(1)
        await alarmed(owner, Event.CLEARED)
        await receiver.wait(2)
        assert len(hanging.got) == 1
        freed.set()


async def test_what_happened_while_no_courier_was_there_is_told_by_the_next_and_by_one_of_two_only(
    api: Api, owner, receiver, settings, monkeypatch
):
    monkeypatch.setattr(claims, "RETRY_SECONDS", 0.05)
    await add(api)
    await made(api, receiver.url, deviceStates=False)
    await alarmed(owner, Event.RAISED)
    async with at_work(settings), at_work(settings):
        await receiver.wait(1)
        await alarmed(owner, Event.CLEARED, Event.RAISED, Event.CLEARED)
        await receiver.wait(4)
        await until(owner, "count(*) = 4 FROM webhook_deliveries WHERE state = 'done'")
    async with at_work(settings):
        await alarmed(owner, Event.RAISED)
        events = [one.event for one in await receiver.wait(5)]
    assert len(set(events)) == 5
    assert events == sorted(events, key=lambda event: int(event[4:]))


async def test_a_queue_has_its_bound_and_what_finds_no_room_is_counted(api: Api, owner, receiver, settings):
    await add(api)
    await made(api, receiver.url, deviceStates=False)
    await owner.execute(
        "INSERT INTO webhook_deliveries (webhook_id, event, type, body) SELECT 1, 'old_' || n, 'x', '{}' FROM generate_series(1, 99999) n;"
        "UPDATE webhooks SET failing_since = now(), next_at = now() + interval '1 hour'"
    )
    await alarmed(owner, Event.RAISED, Event.CLEARED, Event.RAISED)
    async with at_work(settings):
        await until(owner, "lost = 2 FROM webhooks")
    (listed,) = await api.ask(LIST, "admin")
    assert (listed["waiting"], listed["lost"]) == (100_000, 2)


async def test_a_secret_is_changed_while_both_sign(api: Api, owner, receiver, settings):
    old = await made(api, receiver.url)
    payload = await api.ask(UPDATE, "admin", id="wh_1", changes={"rotateSecret": True})
    new = payload["secret"]
    assert new != old
    assert payload["webhook"]["oldSecretUntil"] is not None
    assert await api.ask(TEST, "admin") == {"errors": [], "taken": True, "status": 204, "reason": None}
    (one,) = receiver.got
    assert one.json["type"] == "webhook.test"
    signed = f"{one.event}.{one.headers['webhook-timestamp']}.".encode() + one.body
    each = [b64encode(digest(b64decode(key.removeprefix("whsec_")), signed, sha256)).decode() for key in (new, old)]
    assert one.headers["webhook-signature"] == " ".join(f"v1,{right}" for right in each)
    told = str(await owner.fetch("SELECT before, after FROM audit_log WHERE action ~ '^webhook'"))
    assert not any(word in told for word in (old, new, "s3cret")), "neither secrets nor the path of the address"
    assert "secret" not in str(await api.ask("{ webhooks { name } }", "admin"))


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 x\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 20")
    writer.close()


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (endless, 500, "500 xxx"),
        (cut, None, "RemoteProtocolError"),
        (garbage, None, "RemoteProtocolError"),
        (says(302, "Location: http://169.254.169.254/latest"), 302, "it leads elsewhere (302), which is not followed"),
        (says(404, body=b"no such page"), 404, "404 no such page"),
    ],
    ids=["10 GB", "cut off", "no HTTP", "redirects", "404"],
)
async def test_what_a_target_answers_wrong_is_told(receiver, answer, status, said):
    receiver.answer = answer
    sender = Sender(["127.0.0.0/8"])
    outcome = await sender.send(receiver.url, [], "aev_1", b"{}")
    await sender.close()
    assert outcome.status == status
    assert str(outcome.error).startswith(said)
    assert len(str(outcome.error)) <= 300


@pytest.mark.parametrize(
    ("url", "targets", "said"),
    [
        ("http://localhost:{port}/", ["10.0.0.0/8", "*"], "is not among DDMS_WEBHOOK_TARGETS"),
        ("http://127.0.0.1:{port}/", ["*"], "127.0.0.1 is not among"),
    ],
    ids=["a name that gets a private address", "a private address"],
)
async def test_nothing_is_sent_where_it_may_not_be(receiver, url, targets, said):
    sender = Sender(targets)
    outcome = await sender.send(url.replace("{port}", receiver.url.split(":")[2].split("/")[0]), [], "aev_1", b"{}")
    await sender.close()
    assert said in str(outcome.error)
    assert receiver.got == []


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path):
    write_certificate(tmp_path / "own.pem", 30, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    sender = Sender(["127.0.0.0/8"])
    async with receiving(context) as strange:
        outcome = await sender.send(strange.url, [], "aev_1", b"{}")
    await sender.close()
    assert "certificate verify failed" in str(outcome.error)
    assert strange.got == []


TYPES = re.compile(r": (string|boolean|Buffer|Record<string, string>)(?=[,) ])")
"""What of TypeScript a plain node does not know."""
BLOCK = r"```{}\n(.*?)```"


@pytest.mark.parametrize("language", ["python", pytest.param("typescript", marks=needs_node)])
async def test_the_documented_receivers_take_what_is_sent_and_nothing_else(language, receiver, tmp_path):
    """By the current and by the former secret; not with another secret, another body, or an old time."""
    new, old, other = new_secret(), new_secret(), new_secret()
    sender = Sender(["127.0.0.0/8"])
    assert (await sender.send(receiver.url, [new, old], "aev_1", '{"what": "°C"}'.encode())).error is None
    await sender.close()
    (one,) = receiver.got
    late = one.headers | {"webhook-timestamp": "1700000000"}
    late["webhook-signature"] = signature([new], "aev_1", 1_700_000_000, one.body)
    cases = [
        (new, one.headers, one.body),
        (old, one.headers, one.body),
        (other, one.headers, one.body),
        (new, one.headers, one.body + b" "),
        (new, late, one.body),
    ]
    code = re.search(BLOCK.format(language), (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)[1]
    if language == "python":
        space: dict[str, Any] = {}
        exec(code, space)
        told = [space["verified"](*case) for case in cases]
    else:
        given = json.dumps([[secret, headers, body.decode()] for secret, headers, body in cases])
        program = (
            TYPES.sub("", code)
            + f"console.log(JSON.stringify({given}.map(([s, h, b]) => verified(s, h, Buffer.from(b)))));\n"
        )
        (tmp_path / "receiver.mjs").write_text(program)
        ran = await asyncio.create_subprocess_exec("node", str(tmp_path / "receiver.mjs"), stdout=-1)
        told = json.loads((await ran.communicate())[0])
    assert told == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"name": ""}, "INVALID", "name"),
        ({"url": "ftp://127.0.0.1/"}, "INVALID", "url"),
        ({"url": "http://ann:pw@127.0.0.1/"}, "INVALID", "url"),
        ({"url": "http://127.0.0.1:99999/"}, "INVALID", "url"),
        ({"url": "http://[::1"}, "INVALID", "url"),
        ({"url": "http://127.0.0.1/" + "x" * 2000}, "INVALID", "url"),
        ({"url": "http://169.254.169.254/latest"}, "FORBIDDEN", "url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "FORBIDDEN", "url"),
        ({"alarmEvents": [], "deviceStates": False}, "INVALID", "alarmEvents"),
        ({"group": "grp_9"}, "NOT_FOUND", "group"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused_by_field(api: Api, wrong, code, field):
    payload = await api.ask(CREATE, "admin", input={"name": "Office", "url": "http://127.0.0.1:9/"} | wrong)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert payload["secret"] is None
