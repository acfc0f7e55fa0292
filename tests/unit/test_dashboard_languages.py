"""The dashboards are there in each language: the same panels at the same places, no text left in another one."""

import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from api.ground.audit import ACTIONS
from ddms import system_alarms
from grafana import (
    inner_texts,
    sentences,
    texts,
    texts_alarms,
    texts_api,
    texts_audit,
    texts_backups,
    texts_collector,
    texts_jobs,
    texts_plant,
    texts_wall,
)
from grafana.__main__ import BOARDS, dashboards
from grafana.languages import CHINESE, LANGUAGES

JSON: dict[str, Any] = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}
PLACES = len(LANGUAGES)
TABLES = (
    inner_texts,
    sentences,
    texts,
    texts_alarms,
    texts_api,
    texts_audit,
    texts_backups,
    texts_jobs,
    texts_plant,
    texts_wall,
    texts_collector,
)
# Names of products, of formats and of the measures that a control room knows by them; signs; names of languages.
TECHNICAL = re.compile(
    r"`[^`]*`|\$\{[^}]*\}|\$\w+|\{\{\w+\}\}|[\w/-]+\.md\b|/metrics\b"
    r"|\b(API|CPU|DDMS|EEMUA|English|GraphQL|HTTP|ISA|MB|Modbus|nginx|NTP|Prometheus|UTC|WebSocket)\b"
)
LATIN = re.compile(r"[A-Za-z]{2,}")
CHINESE_SIGN = re.compile("[一-龥]")


def entries(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Give each text of a module of texts with where it stands."""
    for name, value in vars(module).items():
        if name == "MEASURE_NAMES":  # of each measure two texts: its name, and what it is beside
            yield from (
                (f"{name}[{key}][{place}]", one) for key, both in value.items() for place, one in enumerate(both)
            )
        elif name.isupper() and not name.startswith("_") and isinstance(value, tuple | dict):
            yield from (
                ((f"{name}[{key}]", one) for key, one in value.items()) if isinstance(value, dict) else [(name, value)]
            )


def strings(text: Any) -> list[str]:
    return [text] if isinstance(text, str) else [one for each in text for one in strings(each)]


@pytest.mark.parametrize("module", TABLES, ids=lambda module: module.__name__)
def test_each_text_is_there_in_each_language(module: ModuleType):
    found = dict(entries(module))
    assert len(found) > 3
    assert [name for name, text in found.items() if not isinstance(text, tuple) or len(text) != PLACES] == []
    kinds = [name for name, text in found.items() if len({type(one) for one in text}) != 1]
    lengths = [name for name, text in found.items() if len({len(strings(one)) for one in text}) != 1]
    assert kinds + lengths == []
    assert [name for name, text in found.items() if len({tuple(map(bool, strings(one))) for one in text}) != 1] == []


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_the_same_panels_at_the_same_places_in_each_language(name: str):
    def bones(board: Any) -> Any:
        panels = [(p["id"], p["type"], p["gridPos"], [t["refId"] for t in p["targets"]], len(p["fieldConfig"]["overrides"])) for p in board["panels"]]  # fmt: skip
        variables = [(one["name"], one["type"]) for one in board["templating"].get("list", [])]
        return panels, variables, board["time"], board["refresh"], len(board.get("annotations", {}).get("list", []))

    assert len({json.dumps(bones(JSON[name + language.suffix])) for language in LANGUAGES}) == 1


def read(board: Any) -> Iterator[str]:
    """Give each text of a dashboard that a person may read, also those of mappings, buttons, links and choices."""
    yield from (board["title"], board["description"])
    yield from (link["title"] for link in board["links"])
    for variable in board["templating"].get("list", []):
        yield from (variable["label"], variable["description"])
        if variable["type"] == "custom":
            yield from (choice.partition(" : ")[0] for choice in variable["query"].split(","))
    yield from (layer["name"] for layer in board.get("annotations", {}).get("list", []))
    for panel in board["panels"]:
        yield from (panel["title"], panel["description"], panel["fieldConfig"]["defaults"]["noValue"])
        yield from (target["legendFormat"] for target in panel["targets"] if "legendFormat" in target)
        defaults = panel["fieldConfig"]["defaults"]
        yield from said("mappings", defaults.get("mappings", []))
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                yield from said(one["id"], one.get("value"))


def said(kind: str, value: Any) -> Iterator[str]:
    """Give the texts of a property."""
    if kind in {"displayName", "noValue"}:
        yield value
    elif kind == "links":
        yield from (link["title"] for link in value)
    elif kind == "actions":
        for one in value:
            yield from (one["title"], one["confirmation"], *(asked["name"] for asked in one.get("variables") or []))
    elif kind == "mappings":
        for mapping in value:
            options = mapping["options"]
            results = [options["result"]] if "result" in options else list(options.values())
            yield from (result["text"] for result in results if "text" in result)


@pytest.mark.parametrize("name", BOARDS)
def test_no_english_is_left_in_a_chinese_dashboard(name: str):
    texts_read = list(read(JSON[name + CHINESE.suffix]))
    assert len(texts_read) > 15
    assert [text for text in texts_read if LATIN.search(TECHNICAL.sub("", text))] == []


@pytest.mark.parametrize("name", BOARDS)
def test_no_chinese_stands_in_an_english_dashboard_but_for_the_way_to_the_other(name: str):
    assert [text for text in read(JSON[name]) if CHINESE_SIGN.search(text)] == [CHINESE.name]


@pytest.mark.parametrize("name", [f"{name}{language.suffix}" for name in BOARDS for language in LANGUAGES])
def test_every_link_stays_in_the_language(name: str):
    board, suffix = JSON[name], "-zh" if name.endswith("-zh") else ""
    others = {f"/d/ddms-{name.removesuffix('-zh')}{language.suffix}" for language in LANGUAGES} - {f"/d/ddms-{name}"}
    everywhere = re.findall(r"/d/[\w-]+", json.dumps(board))
    assert {url.removeprefix("/d/ddms-") for url in everywhere} <= JSON.keys()
    assert {url for url in everywhere if url.endswith("-zh") != bool(suffix)} == others


@pytest.mark.parametrize("name", [f"{name}{language.suffix}" for name in BOARDS for language in LANGUAGES])
def test_each_dashboard_leads_to_itself_in_the_other_language_with_its_choices_and_its_time(name: str):
    other = name.removesuffix("-zh") if name.endswith("-zh") else f"{name}-zh"
    (link,) = (one for one in JSON[name]["links"] if one["url"] == f"/d/ddms-{other}")
    assert (link["includeVars"], link["keepTime"]) == (True, True)


def test_every_action_of_the_plant_has_a_name_in_each_language():
    of_the_plant = {action for action in ACTIONS if action.partition(".")[0] in texts_audit.NOUNS}
    assert texts_audit.ACTIONS.keys() == of_the_plant


def test_a_sentence_that_is_part_of_a_longer_one_is_told_within_it():
    told = sentences.told(CHINESE, "last_error")
    for english, pair in sentences.EXPLANATIONS.items():
        assert english == pair[0]
        assert f"'{english.replace(chr(39), chr(39) * 2)}', '{pair[1]}'" in told


def test_every_sentence_that_ddms_itself_measures_is_told():
    """Each `detail` of a system alarm that is put together in SQL: its words stand in a pattern."""
    patterns = " ".join(sentences.DETAILS)
    for kind in system_alarms.KINDS.values():
        for literal in re.findall(r"'([^']*[a-z]{2,} [a-z]{2,}[^']*)'", kind.measured):
            assert literal.strip() in patterns or re.fullmatch(r"\d+ \w+", literal), literal
