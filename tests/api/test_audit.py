"""The audit by GraphQL: who did what, from where, by what; found again by every filter."""

import ast
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from api.ground.actor import Actor, client_name
from api.ground.audit import ACTIONS, record
from api.ground.database import Statements
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
ASK = """query ($first: Int, $after: String, $last: Int, $before: String, $from: DateTime, $to: DateTime, $actor: String,
  $action: String, $subject: String, $address: String, $text: String, $descending: Boolean = true) {
  audit(first: $first, after: $after, last: $last, before: $before, from: $from, to: $to, actor: $actor, action: $action,
    subject: $subject, address: $address, text: $text, descending: $descending) {
    nodes { number at actor actorKind actorId token address client transport action subject subjectName before after hash }
    pageInfo { hasNextPage endCursor } totalCount
  }
}"""
RENAME = 'mutation { updateGroup(id: "grp_1", changes: {name: "Hall 2"}) { errors { code message } } }'


def recorded() -> set[str]:
    """Return the actions that the code records; `field.{kind}` is told by its prefix."""
    found = set()
    for path in [*(ROOT / "api").rglob("*.py"), *(ROOT / "ddms").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Attribute(ast.Name("audit"), "record" | "record_each"), [_, _, action, *_]):
                    match action:
                        case ast.Constant(str() as name):
                            found.add(name)
                        case ast.JoinedStr([ast.Constant(str() as prefix), *_]):
                            found |= {name for name in ACTIONS if name.startswith(prefix)} or {prefix}
    return found


def test_every_action_that_is_recorded_has_its_meaning_in_the_table_and_in_the_document():
    assert len(recorded()) > 20
    assert recorded() <= ACTIONS.keys(), "add it to ACTIONS in api/ground/audit.py"
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    missing = [
        f"| `{name}` | {meaning} |" for name, meaning in ACTIONS.items() if f"| `{name}` | {meaning} |" not in text
    ]
    assert not missing, "add to docs/audit.md:\n" + "\n".join(missing)


async def page_of(api: Api, **filters):
    body = {"query": ASK, "variables": filters}
    answer = (await api.client.post(f"{api.url}/graphql", json=body, headers=api.headers("owner"))).json()
    assert "errors" not in answer, answer
    return answer["data"]["audit"]


async def entries(api: Api, **filters):
    return (await page_of(api, **filters))["nodes"]


@pytest.fixture
async def hall(api: Api) -> Api:
    """A device in a hall, whose name the owner changed."""
    await add(api, "Pump 1", groups=["Hall 1"])
    assert (await api.ask(RENAME, "admin"))["errors"] == []
    return api


async def test_an_entry_tells_who_what_from_where_by_which_client_before_and_after(hall: Api, owner):
    (entry,) = await entries(hall, action="group.update")
    token = await owner.fetchval("SELECT 'tok_' || id FROM api_tokens WHERE role = 'admin'")
    assert entry.pop("client").startswith("python-httpx2/")
    assert datetime.fromisoformat(entry.pop("at")) > datetime.now(UTC) - timedelta(hours=1)
    assert len(entry.pop("hash")) == 64
    assert entry.pop("number") > 0
    assert (entry["before"].pop("name"), entry["after"].pop("name")) == ("Hall 1", "Hall 2")
    assert entry == {
        "actor": "the admin's", "actorKind": "TOKEN", "actorId": token, "token": token, "address": "127.0.0.1",
        "transport": "GRAPHQL", "action": "group.update", "subject": "grp_1", "subjectName": "Hall 2",
        "before": {"description": "", "devices": [1]}, "after": {"description": "", "devices": [1]},
    }  # fmt: skip


async def test_a_person_is_told_with_the_session_in_use(hall: Api, owner):
    person = await owner.fetchval(
        "INSERT INTO users (name, role, password_hash) VALUES ('ann', 'owner', '') RETURNING id"
    )
    await owner.execute("UPDATE api_tokens SET user_id = $1 WHERE role = 'owner'", person)
    hall.parts.callers.forget()
    await hall.ask('mutation { deleteGroup(id: "grp_1") { errors { code } } }')
    (entry,) = await entries(hall, actor="ANN")
    assert (entry["actorKind"], entry["actorId"], entry["action"]) == ("PERSON", f"usr_{person}", "group.delete")
    assert entry["token"].startswith("tok_")
    assert entry["subjectName"] is None, "it is gone"


async def test_a_websocket_is_told_as_such(hall: Api):
    async with hall.raw_socket(user_agent_header="panel/1") as socket:
        await socket.send(type="connection_init", payload=hall.headers("admin"))
        await socket.receive()
        await socket.subscribe('mutation { deleteGroup(id: "grp_1") { errors { code } } }')
        assert (await socket.receive())["type"] == "next"
    (entry,) = await entries(hall, action="group.delete")
    assert (entry["transport"], entry["client"]) == ("WEBSOCKET", "panel/1")


async def test_an_export_is_told_once_with_what_was_taken(hall: Api):
    taken = {"device": "Pump 1", "from": "-1d"}
    for parameters in (taken, taken | {"preview": "1"}):
        answer = await hall.client.get(f"{hall.url}/export", params=parameters, headers=hall.headers("viewer"))
        assert answer.status_code == 200, answer.text
    (entry,) = await entries(hall, action="export")
    assert (entry["actor"], entry["transport"], entry["subject"]) == ("the viewer's", "EXPORT", "Pump 1")
    assert (entry["after"]["points"], entry["after"]["format"]) == (3, "csv")


async def test_what_is_asked_at_the_field_is_told(hall: Api, owner):
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('test', '1', now() + interval '1 hour')"
    )
    scan = await hall.ask(
        'mutation { scan(endpoint: "tcp://10.0.0.9", tables: [HOLDING]) { scan { id } errors { message } } }'
    )
    await hall.ask("mutation ($id: ID!) { cancelScan(id: $id) { errors { code } } }", id=scan["scan"]["id"])
    probe = asyncio.create_task(
        hall.ask(
            'mutation { probe(endpoint: "tcp://10.0.0.9", registerTable: HOLDING, address: 1) { errors { code } } }'
        )
    )
    async with asyncio.timeout(60):
        while not await owner.fetchval("SELECT count(*) FROM field_requests WHERE kind = 'probe'"):
            await asyncio.sleep(0.01)
    await owner.execute(
        """UPDATE field_requests SET state = 'done', result = '{"candidates": [], "refused": []}' WHERE kind = 'probe'"""
    )
    await probe
    found = await entries(hall, action="field", descending=False)
    assert [entry["action"] for entry in found] == ["field.scan", "field.cancel", "field.probe"]
    assert (found[0]["subject"], found[0]["after"]["tables"]) == ("tcp://10.0.0.9:502", ["holding"])


@pytest.fixture
async def many(api: Api, owner: asyncpg.Connection) -> Api:
    """Sixty entries of three people at four devices."""
    for number in range(60):
        actor = Actor(name=f"person {number % 3}", address=f"10.0.0.{number % 5}", client="Firefox/130")
        after = {"name": f"Förderpumpe {number}", "path": "a-b/c.d"}
        await record(
            Statements(owner), actor, f"device.{('create', 'update')[number % 2]}", f"dev_{number % 4}", after=after
        )
    return api


FILTERS = {
    "actor": ({"actor": "Person 2"}, 20), "action": ({"action": "device.update"}, 30), "noun": ({"action": "device"}, 60),
    "subject": ({"subject": "dev_3"}, 15), "address": ({"address": "10.0.0.4"}, 12), "text": ({"text": "förderpumpe 7"}, 1),
    "beginning": ({"text": "FÖRDERP"}, 60), "several words": ({"text": "förderpumpe 10.0.0.4"}, 12),
    "client": ({"text": "firefox"}, 60), "nothing": ({"text": "!"}, 0), "unknown": ({"action": "nothing"}, 0),
    "all of them": ({"actor": "person 1", "action": "device.update", "subject": "dev_1", "address": "10.0.0.0"}, 1),
    "later": ({"from": "2999-01-01T00:00:00Z"}, 0), "earlier": ({"to": "2001-01-01T00:00:00Z"}, 0),
    "quotes": ({"text": "' & | ! :* \\ ("}, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
async def test_each_filter_finds_what_it_says(many: Api, name):
    filters, expected = FILTERS[name]
    page = await page_of(many, first=100, **filters)
    assert len([entry for entry in page["nodes"] if entry["actor"].startswith("person")]) == expected
    assert page["totalCount"] >= expected


async def test_pages_follow_each_other_without_a_gap_while_entries_come(many: Api, owner):
    seen, after = [], None
    while True:
        page = await page_of(many, first=25, action="device", after=after)
        seen += [entry["number"] for entry in page["nodes"]]
        await record(Statements(owner), Actor(name="late"), "device.update", "dev_1")
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 60
    oldest = await entries(many, last=5, action="device")
    assert [entry["number"] for entry in oldest] == seen[-5:]


async def test_a_device_is_resolved_from_its_entry(hall: Api):
    (entry,) = (await hall.ask('{ audit(action: "device.create") { nodes { device { name } } } }'))["nodes"]
    assert entry["device"]["name"] == "Pump 1"
    assert {action["name"] for action in await hall.ask("{ auditActions { name meaning } }")} == ACTIONS.keys()


async def test_what_fails_is_in_no_audit(hall: Api, owner):
    before = await owner.fetchval("SELECT count(*) FROM audit_log")
    answer = await hall.ask('mutation { createGroup(input: {name: "Hall 2"}) { errors { code } } }')
    assert answer["errors"][0]["code"] == "ALREADY_EXISTS"
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == before


async def test_no_change_is_made_that_the_audit_cannot_take(hall: Api, owner):
    await owner.execute("ALTER TABLE audit_log ADD CONSTRAINT is_full CHECK (action <> 'group.delete') NOT VALID")
    answer = await hall.post('mutation { deleteGroup(id: "grp_1") { errors { code } } }')
    assert "errors" in answer or answer["data"]["deleteGroup"]["errors"]
    assert await owner.fetchval("SELECT count(*) FROM groups") == 1


async def test_how_long_the_audit_is_kept_is_configured_and_ninety_days_are_the_least(api: Api):
    change = "mutation ($days: Int!) { updateConfiguration(changes: {auditDays: $days}) { errors { field message } configuration { auditDays } } }"
    assert (await api.ask(change, days=365))["configuration"] == {"auditDays": 365}
    (error,) = (await api.ask(change, days=89))["errors"]
    assert error == {"field": "auditDays", "message": "the retention of the audit takes 90 to 3,650 days, not 89"}
    (entry,) = await entries(api, action="configuration")
    assert (entry["before"], entry["after"]) == ({"audit_days": 730}, {"audit_days": 365})


def test_what_a_client_calls_itself_is_shortened_and_has_no_control_characters():
    assert client_name("a\x00\x1b[31m\n" + "x" * 500) == "a��[31m�" + "x" * 192
