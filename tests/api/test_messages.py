"""Messages in the caller's language; that no sentence lacks is held by tests/unit/test_languages.py."""

import re

import pytest

from api.files.mistakes import Place, mistake
from api.graphql.messages import LANGUAGE, language_of, translated
from api.ground.ids import IdKind, from_id
from ddms.errors import DdmsError, Sentence
from ddms.languages import Product, languages
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures


def chinese(message: str) -> str:
    return translated(message, languages()["zh"])


def test_each_chinese_sentence_is_chinese_with_chinese_signs():
    for sentence, translation in languages()["zh"].tables[Product.MESSAGES].items():
        assert re.search("[\u4e00-\u9fff]", translation) or sentence == "webhook", sentence
        done = translation.format(*(f"<{place}>" for place in range(sentence.count("{}"))))
        assert not re.search(
            "[,;:] |[a-z]: ", re.sub("`[^`]*`|<.>|removePoints: true|[a-z]+: [A-Z][a-z]+", "", done)
        ), done


def test_each_sentence_is_translated_with_its_values():
    for sentence, translation in languages()["zh"].tables[Product.MESSAGES].items():
        values = [f"v{place}" for place in range(1, 1 + sentence.count("{}"))]
        assert chinese(Sentence(sentence, *values)) == translation.format(*values), sentence


def test_a_sentence_in_a_sentence_is_translated_too():
    assert chinese(mistake(Place(7, 2), "endpoint", "this is needed").message) == "第 7 行第 2 列：endpoint：此项必填"
    assert chinese(mistake(Place(7, 2), "", "this is needed").message) == "第 7 行第 2 列：此项必填"
    with pytest.raises(DdmsError) as refused:
        from_id(IdKind.DEVICE, "x")
    assert str(refused.value) == "'x' is not the id of a device: such an id looks like dev_12"
    assert chinese(refused.value.message) == "'x' 不是设备的 id：其形式如 dev_12"
    assert chinese("what nobody has written down") == "what nobody has written down"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("ZH-hant-TW", "zh"), ("en-US,en;q=0.9", "en"),
        ("en;q=0.4, zh;q=0.5", "zh"), ("de, fr;q=0.5", "en"), ("de, zh;q=0.1", "zh"), ("zh;q=0", "en"), ("*", "en"),
        ("zh;q=x", "en"), (",;=" * 3000, "en"), ("zh;q=1..1", "en"),
    ],
)  # fmt: skip
def test_the_language_is_what_the_header_prefers(header, language):
    assert language_of(header) == language


GROUP = 'mutation { createGroup(input: {name: ""}) { errors { code field message } } }'


async def test_a_caller_is_told_in_the_language_of_the_request(api: Api):
    async def ask(query: str, actor: str = "owner", language: str = "zh-CN,zh;q=0.9"):
        headers = api.headers(actor) | {"Accept-Language": language}
        return await api.client.post(f"{api.url}/graphql", json={"query": query}, headers=headers)

    answer = await ask(GROUP)
    assert "Accept-Language" in answer.headers["vary"]
    (error,) = answer.json()["data"]["createGroup"]["errors"]
    assert (error["code"], error["message"]) == ("INVALID", "须有 1 到 120 个字符")
    (error,) = (await ask(GROUP, language="en")).json()["data"]["createGroup"]["errors"]
    assert error["message"] == "it has 1 to 120 characters"
    assert (await ask(GROUP, "viewer")).json()["errors"][0]["message"] == "此操作需要角色 admin，而您的角色是 viewer"
    assert (await ask("{ devices(first: 101) { totalCount } }")).json()["errors"][0]["message"] == "一页有 1 到 100 行"
    deep = "{ devices { nodes { points { device { points { device { points { key } } } } } } } }"
    assert "开销" in (await ask(deep)).json()["errors"][0]["message"]
    times = '{ series(points: ["pt_1"], from: "x") { count } }'
    assert "不是时间" in (await ask(times)).text
    assert LANGUAGE.get() == "en"


async def test_a_websocket_is_told_in_the_language_of_its_connection_init_or_handshake(api: Api):
    unknown = 'subscription { readings(devices: ["dev_99"]) { kind } }'
    for init, header, expected in (
        ({"Accept-Language": "zh"}, {}, "没有设备 dev_99"),
        ({}, {"Accept-Language": "zh-CN"}, "没有设备 dev_99"),
        ({}, {}, "there is no device dev_99"),
    ):
        async with api.raw_socket(additional_headers=header) as socket:
            await socket.send(type="connection_init", payload=api.headers("viewer") | init)
            assert (await socket.receive())["type"] == "connection_ack"
            await socket.subscribe(unknown)
            assert (await socket.receive())["payload"][0]["message"] == expected
