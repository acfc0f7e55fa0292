"""The dashboards are there in each language: the same panels at the same places, no text left in another one."""

import json
import re
from typing import Any

import pytest

from api.ground.audit import ACTIONS
from ddms import system_alarms
from ddms.languages import sentences
from grafana import texts_audit
from grafana.__main__ import BOARDS, dashboards, dashboards_in
from grafana.languages import Language, known
from tests.support.languages import LATIN, TECHNICAL, read, third_language

JSON: dict[str, Any] = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}
LANGUAGES = known()
CHINESE = LANGUAGES[1]
CHINESE_SIGN = re.compile("[一-龥]")


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_the_same_panels_at_the_same_places_in_each_language(name: str):
    def bones(board: Any) -> Any:
        panels = [(p["id"], p["type"], p["gridPos"], [t["refId"] for t in p["targets"]], len(p["fieldConfig"]["overrides"])) for p in board["panels"]]  # fmt: skip
        variables = [(one["name"], one["type"]) for one in board["templating"].get("list", [])]
        return panels, variables, board["time"], board["refresh"], len(board.get("annotations", {}).get("list", []))

    assert len({json.dumps(bones(JSON[name + language.suffix])) for language in LANGUAGES}) == 1


@pytest.mark.parametrize("name", BOARDS)
def test_no_english_is_left_in_a_chinese_dashboard(name: str):
    texts_read = list(read(JSON[name + CHINESE.suffix]))
    assert len(texts_read) > 15
    assert [text for text in texts_read if LATIN.search(TECHNICAL.sub("", text))] == []


def test_no_english_is_left_in_a_third_language_of_one_file(tmp_path):
    boards = dashboards_in(Language(third_language(tmp_path)))
    assert boards.keys() == {f"{name}-xx.json" for name in BOARDS}
    for name, text in boards.items():
        left = [one for one in read(json.loads(text)) if LATIN.search(TECHNICAL.sub("", one))]
        assert set(left) <= {each.of.name for each in LANGUAGES}, name


@pytest.mark.parametrize("name", BOARDS)
def test_no_chinese_stands_in_an_english_dashboard_but_for_the_way_to_the_other(name: str):
    assert [text for text in read(JSON[name]) if CHINESE_SIGN.search(text)] == [CHINESE.of.name]


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
    for english in sentences.EXPLANATIONS:
        assert f"'{english.replace(chr(39), chr(39) * 2)}', '{CHINESE.says(english)}'" in told


def test_every_sentence_that_ddms_itself_measures_is_told():
    """Each `detail` of a system alarm that is put together in SQL: its words stand in a pattern."""
    patterns = " ".join(sentences.DETAILS)
    for kind in system_alarms.KINDS.values():
        for literal in re.findall(r"'([^']*[a-z]{2,} [a-z]{2,}[^']*)'", kind.measured):
            assert literal.strip() in patterns or re.fullmatch(r"\d+ \w+", literal), literal
