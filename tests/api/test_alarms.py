"""Alarms by GraphQL: what is wrong now, how it is found among others, and what happened."""

from datetime import timedelta

import pytest

from api.alarms.journal import MOST_LANES
from tests.support.alarm_room import ACKNOWLEDGE, NOTE, OUT, SHELVE, Mixer, mixer_fixture  # noqa: F401 - a fixture
from tests.support.alarmed import START, add_limit, the_alarm
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.statements import statements

ALARM = """{ alarm(id: "%s") { id source kind priority state active acknowledged latched uncertain calls activeSince clearedAt value quality
  threshold valueNow { value } detail cause consequence action respondWithinSeconds note acknowledgedBy shelf { kind by reason until } suppressedBy { id }
  outOfService { by reason until } deviceId deviceName pointId pointName limitId limitKey endpoint device { name } point { key } limit { threshold } connection { endpoint } } }"""
LIST = "query ($states: [AlarmState!], $priorities: [AlarmPriority!], $sources: [AlarmSource!], $group: ID, $device: ID, $point: ID, $text: String, $calls: Boolean, $hidden: Boolean, $shelved: Boolean, $suppressed: Boolean, $out: Boolean, $by: AlarmOrder! = PRIORITY, $first: Int, $after: String, $descending: Boolean! = false) { alarms(states: $states, priorities: $priorities, sources: $sources, group: $group, device: $device, point: $point, text: $text, calls: $calls, hidden: $hidden, shelved: $shelved, suppressed: $suppressed, outOfService: $out, orderBy: $by, first: $first, after: $after, descending: $descending) { totalCount pageInfo { hasNextPage endCursor } nodes { id kind } } }"
JOURNAL = "query ($alarm: ID, $device: ID, $group: ID, $point: ID, $priorities: [AlarmPriority!], $events: [AlarmEventKind!], $who: String, $from: DateTime, $to: DateTime, $first: Int, $after: String, $descending: Boolean! = true) { alarmJournal(alarm: $alarm, device: $device, group: $group, point: $point, priorities: $priorities, events: $events, actor: $who, from: $from, to: $to, first: $first, after: $after, descending: $descending) { totalCount pageInfo { hasNextPage endCursor } nodes { id event kind value actor note deviceName alarm { id } cause { kind } } } }"


async def kinds(mixer: Mixer, **filters) -> list[str]:
    page = await mixer.api.ask(LIST, "viewer", **filters)
    assert page["totalCount"] == len(page["nodes"])
    return [one["kind"] for one in page["nodes"]]


async def told(mixer: Mixer, **filters) -> list[str]:
    page = await mixer.api.ask(JOURNAL, "viewer", **filters)
    assert page["totalCount"] == len(page["nodes"])
    return [f"{one['kind']} {one['event']}".lower() for one in page["nodes"]]


async def test_an_alarm_says_what_is_wrong_and_what_to_do(mixer: Mixer, owner):
    await mixer.point.reads(85)
    await owner.execute(
        "INSERT INTO latest SELECT id, now(), 86, 0 FROM points ON CONFLICT (point_id) DO UPDATE SET value = 86"
    )
    alarm = await mixer.api.ask(ALARM % mixer.high, "viewer")
    assert alarm == {
        "id": mixer.high, "source": "LIMIT", "kind": "high", "priority": "MEDIUM", "state": "UNACKNOWLEDGED", "active": True,
        "acknowledged": False, "latched": False, "uncertain": False, "calls": True, "activeSince": START.isoformat(), "clearedAt": None,
        "value": 85.0, "quality": "GOOD", "threshold": 80.0, "valueNow": {"value": 86.0}, "detail": "Level is 85, above its limit of 80",
        "cause": "The outlet is blocked", "consequence": "", "action": "Open valve 7", "respondWithinSeconds": None, "note": None,
        "acknowledgedBy": None, "shelf": None, "suppressedBy": None, "outOfService": None, "deviceId": mixer.device, "deviceName": "Mixer 1",
        "pointId": "pt_1", "pointName": "Level", "limitId": "lim_1", "limitKey": "high", "endpoint": "tcp://127.0.0.1:1",
        "device": {"name": "Mixer 1"}, "point": {"key": "level"}, "limit": {"threshold": 80.0}, "connection": {"endpoint": "tcp://127.0.0.1:1"},
    }  # fmt: skip


async def test_an_alarm_that_is_not_there_is_null_and_an_id_of_another_kind_is_refused(mixer: Mixer):
    assert await mixer.api.ask(ALARM % "alm_999", "viewer") is None
    assert await mixer.api.code(ALARM % "dev_1", "viewer") == "INVALID"


@pytest.mark.parametrize(
    ("limit", "values", "sentence"),
    [
        ({"kind": "low", "threshold": 10}, [5], "Level is 5, below its limit of 10"),
        ({"kind": "high", "threshold": 80}, [85, 70], "Level is back at 70, its limit is 80"),
        ({"kind": "rate", "threshold": 10, "period_s": 5}, [50] * 5 + [70], "Level changed by 20 in 5 s, more than 10"),
        ({"kind": "bit", "threshold": None, "bit": 1}, [2], "Level is 2, which is an alarm"),
        ({"kind": "value", "threshold": None, "alarm_values": [7]}, [7, 8], "Level is back at 8"),
        ({"kind": "high", "threshold": 80}, [], "Level was never beyond this limit"),
    ],
)
async def test_each_kind_has_its_sentence(mixer: Mixer, owner, limit, values, sentence):
    await owner.execute("DELETE FROM limits")
    limit = await add_limit(owner, mixer.point.device_id, **limit)
    await mixer.point.configure()
    await mixer.point.reads(*values)
    number = await owner.fetchval("SELECT id FROM alarms WHERE limit_id = $1", limit)
    assert (await mixer.api.ask(f'{{ alarm(id: "alm_{number}") {{ detail }} }}'))["detail"] == sentence


async def test_sentences_come_in_the_language_that_is_asked_for(mixer: Mixer):
    await mixer.point.reads(85)
    headers = mixer.api.headers("viewer") | {"Accept-Language": "zh"}
    body = {"query": "{ alarms { nodes { detail } } }"}
    answer = (await mixer.api.client.post(f"{mixer.api.url}/graphql", json=body, headers=headers)).json()
    assert answer["data"]["alarms"]["nodes"] == [{"detail": "Level 为 85，高于限值 80"}]


async def test_alarms_of_devices_and_of_the_system_say_what_to_do_in_both_languages(mixer: Mixer, owner):
    await mixer.point.is_told("offline")
    await owner.execute(
        "INSERT INTO alarms (source, kind, subject, priority, active, acknowledged, active_since, detail) VALUES ('system', 'collector_silent', 'line 4', 'critical', true, false, now(), 'last heard of at noon')"
    )
    said = {}
    for language in ("en", "zh"):
        headers = mixer.api.headers("viewer") | {"Accept-Language": language}
        body = {"query": "{ alarms { nodes { detail cause consequence action } } }"}
        answer = (await mixer.api.client.post(f"{mixer.api.url}/graphql", json=body, headers=headers)).json()
        said[language] = answer["data"]["alarms"]["nodes"]
    assert [one["detail"] for one in said["en"]] == [
        "the collector line 4 is silent: last heard of at noon", "Mixer 1 does not answer: no answer",
    ]  # fmt: skip
    assert all(all(one.values()) for each in said.values() for one in each)
    assert all(
        english[name] != chinese[name] for english, chinese in zip(*said.values(), strict=True) for name in english
    )


async def test_the_list_has_what_is_not_normal_and_what_is_hidden_the_worst_first(mixer: Mixer):
    assert await kinds(mixer) == []
    await mixer.point.reads(85, 95)
    assert await kinds(mixer) == ["high_high", "high"]
    assert await kinds(mixer, descending=True) == ["high", "high_high"]
    assert await kinds(mixer, by="RAISED") == ["high", "high_high"]
    assert await kinds(mixer, states=["NORMAL"]) == ["offline", "offline"]


async def test_the_list_is_filtered_as_operators_look_for_things(mixer: Mixer, owner, make_device):
    await make_device("Mixer 2", port=2)
    await mixer.point.reads(95)
    await mixer.do(ACKNOWLEDGE, mixer.high_high)
    await mixer.do(SHELVE, mixer.high, hours=1)
    group = await owner.fetchval("INSERT INTO groups (name) VALUES ('hall 1') RETURNING id")
    await owner.execute("INSERT INTO device_groups VALUES ($1, $2)", group, mixer.point.device_id)
    await mixer.point.is_told("offline")
    found = {
        "states": ({"states": ["ACKNOWLEDGED"]}, ["high_high"]),
        "priorities": ({"priorities": ["CRITICAL", "LOW"]}, ["high_high"]),
        "sources": ({"sources": ["DEVICE"]}, ["offline"]),
        "group": ({"group": f"grp_{group}", "sources": ["LIMIT"]}, ["high_high", "high"]),
        "another group": ({"group": "grp_999"}, []),
        "device": ({"device": mixer.device}, ["high_high", "offline", "high"]),
        "point": ({"point": "pt_1"}, ["high_high", "high"]),
        "text": ({"text": "lEVel"}, ["high_high", "high"]),
        "calls": ({"calls": True}, ["offline"]),
        "hidden": ({"hidden": True}, ["high_high", "high"]),
        "shelved": ({"shelved": True}, ["high"]),
        "suppressed": ({"suppressed": True}, ["high_high", "high"]),
        "out of service": ({"out": True}, []),
    }
    assert {name: await kinds(mixer, **filters) for name, (filters, _) in found.items()} == {
        name: kinds_ for name, (_, kinds_) in found.items()
    }


@pytest.mark.parametrize("order", ["PRIORITY", "RAISED", "CHANGED"])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_walk_over_pages_meets_each_alarm_once_in_the_order_of_one_large_page(
    mixer: Mixer, owner, order, descending
):
    await owner.execute(
        "INSERT INTO limits (point_id, key, kind, alarm_values, priority) SELECT p.id, 'v' || n, 'value', '{7}', (ARRAY['critical', 'low'])[1 + n % 2] FROM points p, generate_series(1, 7) n"
    )
    await mixer.point.configure()
    await mixer.point.reads(7, 8, 7, 95)
    asked = {"by": order, "descending": descending}
    whole = [one["id"] for one in (await mixer.api.ask(LIST, "viewer", **asked))["nodes"]]
    assert len(whole) == 9
    walked, after = [], None
    while True:
        page = await mixer.api.ask(LIST, "viewer", first=2, after=after, **asked)
        walked += [one["id"] for one in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert walked == whole


async def test_devices_and_groups_say_how_many_alarms_they_have_and_the_worst(mixer: Mixer, owner, make_device):
    other = await make_device("Mixer 2", port=2)
    group = await owner.fetchval("INSERT INTO groups (name) VALUES ('hall 1') RETURNING id")
    await owner.execute("INSERT INTO device_groups SELECT $1, id FROM devices", group)
    await mixer.point.reads(95)
    await mixer.do(SHELVE, mixer.high, hours=1)
    summary = "alarmSummary { active calling hidden critical high medium low worst { kind } }"
    counts = {
        "active": 2,
        "calling": 1,
        "hidden": 1,
        "critical": 1,
        "high": 0,
        "medium": 0,
        "low": 0,
        "worst": {"kind": "high_high"},
    }
    none = dict.fromkeys(counts, 0) | {"worst": None}
    devices = await mixer.api.ask(f"{{ devices {{ nodes {{ id alarms {{ kind }} {summary} }} }} }}", "viewer")
    assert devices["nodes"] == [
        {"id": mixer.device, "alarms": [{"kind": "high_high"}, {"kind": "high"}], "alarmSummary": counts},
        {"id": f"dev_{other}", "alarms": [], "alarmSummary": none},
    ]
    assert (await mixer.api.ask(f"{{ groups {{ nodes {{ {summary} }} }} }}", "viewer"))["nodes"] == [
        {"alarmSummary": counts}
    ]


async def test_a_page_with_all_that_belongs_to_its_alarms_asks_the_database_once_for_each_kind(mixer: Mixer, owner):
    await mixer.point.reads(95)
    document = "{ alarms { nodes { device { name } point { key } limit { key } connection { endpoint } suppressedBy { id } } } }"
    asked = []
    for second in range(2):
        await mixer.api.ask(document, "viewer")  # so that everybody is known
        before = statements()
        page = await mixer.api.ask(document, "viewer")
        asked.append(
            {name: count - before.get(name, 0) for name, count in statements().items() if count != before.get(name)}
        )
        await owner.execute(
            "INSERT INTO limits (point_id, key, kind, alarm_values) SELECT p.id, 'v' || n, 'value', '{95}' FROM points p, generate_series(1, 30) n ON CONFLICT DO NOTHING"
        )
        await mixer.point.configure()
        await mixer.point.reads(95, at=second + 1)
    assert len(page["nodes"]) == 32
    few, many = asked
    assert many == few


async def test_the_journal_tells_what_happened_the_newest_first_with_each_filter(mixer: Mixer, owner, make_device):
    await make_device("Mixer 2", port=2)
    group = await owner.fetchval("INSERT INTO groups (name) VALUES ('hall 1') RETURNING id")
    await owner.execute("INSERT INTO device_groups VALUES ($1, $2)", group, mixer.point.device_id)
    await mixer.point.reads(85, 95, 70)
    await mixer.do(NOTE, note="pump was stuck")
    noon = (START + timedelta(seconds=1)).isoformat()
    high = ["high noted", "high cleared", "high raised"]
    whole = ["high noted", "high_high cleared", "high cleared", "high_high raised", "high raised"]
    found = {
        "none": ({}, whole),
        "the oldest first": ({"descending": False}, whole[::-1]),
        "alarm": ({"alarm": mixer.high}, high),
        "device": ({"device": mixer.device}, whole),
        "another device": ({"device": "dev_2"}, []),
        "alarm and another device": ({"device": "dev_2", "alarm": mixer.high}, []),
        "group": ({"group": f"grp_{group}"}, whole),
        "group and another device": ({"group": f"grp_{group}", "device": "dev_2"}, []),
        "point": ({"point": "pt_1"}, whole),
        "priority": ({"priorities": ["CRITICAL"]}, ["high_high cleared", "high_high raised"]),
        "priorities": ({"priorities": ["CRITICAL", "MEDIUM"]}, whole),
        "event": ({"events": ["RAISED"]}, ["high_high raised", "high raised"]),
        "rare events of a group": ({"events": ["NOTED", "SHELVED"], "group": f"grp_{group}"}, ["high noted"]),
        "actor": ({"who": "THE ADMIN'S"}, ["high noted"]),
        "since": ({"from": noon}, whole[:-1]),
        "until": ({"to": noon}, ["high raised"]),
    }
    assert {name: await told(mixer, **filters) for name, (filters, _) in found.items()} == {
        name: events for name, (_, events) in found.items()
    }


@pytest.mark.parametrize("filters", [{}, {"device": "dev_1"}, {"group": "grp_1"}, {"events": ["RAISED", "CLEARED"]}])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_walk_over_the_journal_meets_each_entry_once(mixer: Mixer, owner, filters, descending):
    await owner.execute(
        "INSERT INTO groups (name) VALUES ('hall 1'); INSERT INTO device_groups SELECT 1, id FROM devices"
    )
    await mixer.point.reads(*[95, 70] * 4)
    asked = {"descending": descending} | filters
    whole = [one["id"] for one in (await mixer.api.ask(JOURNAL, "viewer", **asked))["nodes"]]
    assert len(whole) == 16
    walked, after = [], None
    while True:
        page = await mixer.api.ask(JOURNAL, "viewer", first=3, after=after, **asked)
        walked += [one["id"] for one in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert walked == whole


async def test_a_group_that_is_too_large_for_lanes_has_the_same_journal(mixer: Mixer, owner):
    await owner.execute(
        f"INSERT INTO devices (name, connection_id, unit_id) SELECT 'D' || n, 1, 2 FROM generate_series(1, {MOST_LANES}) n"
    )
    await owner.execute(
        "INSERT INTO groups (name) VALUES ('hall 1'); INSERT INTO device_groups SELECT 1, id FROM devices"
    )
    await mixer.point.reads(95, 70)
    assert await told(mixer, group="grp_1") == await told(mixer)


async def test_the_journal_names_the_cause_of_what_is_suppressed_and_the_connection_of_a_group(mixer: Mixer, owner):
    await owner.execute(
        "INSERT INTO devices (name, connection_id, unit_id) VALUES ('Mixer 2', 1, 2); INSERT INTO groups (name) VALUES ('hall 1'); INSERT INTO device_groups VALUES (1, 2);"
        "INSERT INTO points (device_id, key, name, register_table, address, data_type) VALUES (2, 'level', 'Level', 'holding', 0, 'uint16')"
    )
    await mixer.point.configure()
    await mixer.point.is_told("offline", mixer.point.device_id, 2)
    entries = (await mixer.api.ask(JOURNAL, "viewer", group="grp_1"))["nodes"]
    assert sorted((one["event"], one["deviceName"], one["cause"]) for one in entries if one["event"] != "RAISED") == [
        ("SUPPRESSED", "Mixer 2", {"kind": "offline"})
    ]
    assert {one["deviceName"] for one in entries} == {"Mixer 2", None}


async def test_what_was_deleted_stays_in_the_journal_under_its_name(mixer: Mixer, owner):
    await mixer.point.reads(85)
    await mixer.api.ask(
        f'mutation {{ deleteDevice(id: "{mixer.device}", keepHistory: false) {{ errors {{ code }} }} }}'
    )
    page = await mixer.api.ask(JOURNAL, "viewer", device=mixer.device)
    assert [(one["event"], one["deviceName"], one["alarm"]["id"]) for one in page["nodes"]] == [
        ("WITHDRAWN", "Mixer 1", mixer.high), ("RAISED", "Mixer 1", mixer.high),
    ]  # fmt: skip
    assert await kinds(mixer) == []
    asked = f'{{ alarm(id: "{mixer.high}") {{ device {{ id }} point {{ id }} removedAt deviceName }} }}'
    gone = await mixer.api.ask(asked, "viewer")
    assert (gone["device"], gone["point"], gone["deviceName"]) == (None, None, "Mixer 1")
    assert gone["removedAt"]


async def test_a_device_in_maintenance_says_so(mixer: Mixer):
    await mixer.api.ask(OUT, "admin", devices=[mixer.device], hours=1)
    alarm = await mixer.api.ask(ALARM % mixer.high, "viewer")
    assert (alarm["outOfService"]["by"], alarm["outOfService"]["reason"], alarm["shelf"]) == (
        "the admin's", "new seals", None,
    )  # fmt: skip


async def test_a_list_of_alarms_is_priced_by_its_ids(mixer: Mixer, owner):
    async def price(count: int) -> int:
        body = {"query": ACKNOWLEDGE, "variables": {"ids": [f"alm_{n}" for n in range(1, count + 1)]}}
        answer = await mixer.api.client.post(f"{mixer.api.url}/graphql", json=body, headers=mixer.api.headers("admin"))
        return answer.json()["extensions"]["cost"]["requested"]

    assert await price(400) > 3 * await price(100)
    assert await the_alarm(owner)
