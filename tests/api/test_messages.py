"""Messages in Chinese: every sentence that a caller may get has its translation, found by reading the code."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.files.mistakes import Place, mistake
from api.graphql.messages import LANGUAGE, catalogue, key_of, language_of, translated
from api.ground.ids import IdKind, from_id
from ddms.errors import DdmsError, Sentence
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "api/graphql/messages_zh.json"
SENTENCE_AT = {"DdmsError": 1, "TryLater": 1, "GraphQLError": 0, "Refused": 1, "_check": 1, "_wrong": 0, "ValueError": 0,
               "add": 2, "stop": 2, "Stopped": 1}  # fmt: skip
"""Which argument of these calls is a sentence for a caller."""
NOT_FOR_CALLERS = {
    "ddms/settings.py",
    "ddms/openid_file.py",
    "ddms/database.py",
    "api/ground/database.py",
    "api/ground/tracing.py",
}


def templates(node: ast.expr) -> Iterator[str]:
    """Return a sentence as the catalogue has it: what is put in is {}."""
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.JoinedStr():
            raise AssertionError(
                f"`{ast.unparse(node)}` has no translation: make it a Sentence, a template and its values"
            )
        case ast.IfExp(_, one, other):
            yield from templates(one)
            yield from templates(other)


def sentences(path: Path) -> Iterator[str]:
    """Return what a module says to callers: in its errors, in variables called `sentence`, in pairs of field and sentence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(ast.Name("Sentence"), [ast.Constant(str() as template), *_]):
                yield key_of(template)
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name), args) if name in SENTENCE_AT:
                for argument in args[SENTENCE_AT[name] :][:1]:
                    yield from map(key_of, templates(argument))
            case ast.Assign([ast.Name("sentence")], value):
                yield from templates(value)
            case ast.Yield(ast.Tuple([_, value])) | ast.Return(ast.Tuple([_, value])):
                yield from (text for text in templates(value) if " " in text)
            case ast.FunctionDef("_reference", body=[*_, ast.Return(value)]) if value:
                yield from templates(value)


def said() -> dict[str, str]:
    """Return all sentences for callers, with the module of each."""
    modules = sorted([*(ROOT / "api").rglob("*.py"), *(ROOT / "ddms").glob("*.py"), ROOT / "ddms/backups/sealed.py"])
    names = {str(path.relative_to(ROOT)): path for path in modules}
    found = {text: name for name, path in names.items() if name not in NOT_FOR_CALLERS for text in sentences(path)}
    return {text: name for text, name in found.items() if re.search("[a-z]{2}", text.replace("{}", ""))}


def test_every_sentence_for_callers_has_its_translation_and_no_translation_is_left_over():
    known, found = json.loads(CATALOGUE.read_text(encoding="utf-8"))["sentences"], said()
    assert len(found) > 150
    missing = {text: name for text, name in found.items() if text not in known}
    assert not missing, "add to api/graphql/messages_zh.json:\n" + "\n".join(
        f'{json.dumps(text)}: "…",  ({name})' for text, name in missing.items()
    )
    left_over = known.keys() - found.keys()
    assert not left_over, "nobody says this any more: remove it from api/graphql/messages_zh.json"


def test_each_translation_puts_in_what_its_sentence_does_and_is_chinese():
    read = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    for sentence, translation in read["sentences"].items():
        values = [f"<{place}>" for place in range(sentence.count("{}"))]
        done = translation.format(*values)
        assert all(value in done for value in values), sentence
        assert re.search("[\u4e00-\u9fff]", done), sentence
        assert not re.search(
            "[,;:] |[a-z]: ", re.sub("`[^`]*`|<.>|removePoints: true|[a-z]+: [A-Z][a-z]+", "", done)
        ), done
    assert all(re.search("[\u4e00-\u9fff]", word) for word in read["words"].values())


def test_each_sentence_is_translated_with_its_values():
    for sentence, translation in json.loads(CATALOGUE.read_text(encoding="utf-8"))["sentences"].items():
        values = [f"v{place}" for place in range(1, 1 + sentence.count("{}"))]
        assert translated(Sentence(sentence, *values)) == translation.format(*values), sentence


def test_a_sentence_in_a_sentence_is_translated_too():
    assert (
        translated(mistake(Place(7, 2), "endpoint", "this is needed").message) == "第 7 行第 2 列：endpoint：此项必填"
    )
    assert translated(mistake(Place(7, 2), "", "this is needed").message) == "第 7 行第 2 列：此项必填"
    with pytest.raises(DdmsError) as refused:
        from_id(IdKind.DEVICE, "x")
    assert str(refused.value) == "'x' is not the id of a device: such an id looks like dev_12"
    assert translated(refused.value.message) == "'x' 不是设备的 id：其形式如 dev_12"
    assert translated("what nobody has written down") == "what nobody has written down"
    assert catalogue() is catalogue()


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
