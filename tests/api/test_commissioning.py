"""testConnection: the API asks, a collector reads, the engineer sees raw words and values before saving."""

import asyncpg
import pytest

from api.field import trial as commissioning
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.field import POINTS, TEST, collector_fixture, meter_fixture  # noqa: F401 - fixtures
from tests.support.ports import free_port


async def test_a_device_is_read_before_it_is_saved(api: Api, collector, meter: str, owner: asyncpg.Connection):
    answer = await api.ask(TEST, "admin", endpoint=meter, points=POINTS)
    assert answer["errors"] == []
    (request,) = answer["requests"]
    assert (request["registerTable"], request["address"], request["count"]) == ("HOLDING", 0, 5)
    assert (request["words"], request["reason"]) == ([0x0000, 0x4148, 777, 0x4142, 0x4300], "GOOD")
    values = {value["key"]: value for value in answer["values"]}
    assert (values["power"]["raw"], values["power"]["value"]) == (12.5, 26.0)
    assert values["count"]["value"] == 777
    assert values["name"]["text"] == "ABC"
    assert await owner.fetchval("SELECT count(*) FROM devices") == 0


async def test_what_does_not_answer_is_told_with_its_reason(api: Api, collector):
    answer = await api.ask(TEST, endpoint=f"tcp://127.0.0.1:{free_port()}", points=POINTS, timeoutMs=300)
    told = [value["reason"] for value in answer["values"]] or [error["message"] for error in answer["errors"]]
    assert told
    assert all("REFUSED" in reason or "refused" in reason for reason in told)


async def test_without_a_collector_it_says_so_at_once(api: Api, owner: asyncpg.Connection):
    answer = await api.ask(TEST, endpoint="tcp://10.0.0.1", points=POINTS)
    assert answer["errors"][0]["code"] == "UNAVAILABLE"
    assert "ddms collector" in answer["errors"][0]["message"]
    assert await owner.fetchval("SELECT count(*) FROM field_requests") == 0


@pytest.mark.parametrize(
    ("endpoint", "site", "expected"),
    [
        ("tcp://10.0.0.1", "mine", ("UNAVAILABLE", None, "the site mine")),
        ("tcp://10.0.0.2", None, ("UNAVAILABLE", None, "the site plant")),
        ("tcp://10.0.0.2", "mine", ("CONFLICT", "site", "with the site 'plant'")),
        ("tcp://10.0.0.1", "My Mine", ("INVALID", "site", "lower-case")),
    ],
)
async def test_a_site_that_cannot_reach_the_device_is_told_at_once(api: Api, owner, endpoint, site, expected):
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('here', '1')")
    await owner.execute("INSERT INTO connections (endpoint, site) VALUES ('tcp://10.0.0.2:502', 'plant')")
    (error,) = (await api.ask(TEST, endpoint=endpoint, site=site, points=POINTS))["errors"]
    code, field, said = expected
    assert (error["code"], error["field"]) == (code, field)
    assert said in error["message"]
    assert await owner.fetchval("SELECT count(*) FROM field_requests") == 0


async def test_a_collector_that_does_not_answer_is_not_waited_for_for_ever(api: Api, owner, monkeypatch):
    monkeypatch.setattr(commissioning, "ANSWER_SECONDS", 0.3)
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('asleep', '1')")
    answer = await api.ask(TEST, endpoint="tcp://10.0.0.1", points=POINTS)
    assert answer["errors"][0]["code"] == "TIMEOUT"
    assert await owner.fetchval("SELECT state FROM field_requests") == "cancelled"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"endpoint": "somewhere"}, "endpoint"),
        ({"unitId": 256}, "unitId"),
        ({"timeoutMs": 1}, "timeoutMs"),
        ({"points": []}, "points"),
        ({"points": [POINTS[0] | {"address": 65535}]}, "points.0.address"),
    ],
)
async def test_a_test_that_cannot_be_is_refused(api: Api, changed, field):
    answer = await api.ask(TEST, **({"endpoint": "tcp://10.0.0.1", "points": POINTS} | changed))
    assert [(error["code"], error["field"]) for error in answer["errors"]] == [("INVALID", field)]
