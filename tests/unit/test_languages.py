"""Each language has all that is said, and nothing that nobody says; a third one is one file, of which everything is made."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from api.export.statements import TITLES
from api.graphql.messages import LANGUAGE, language_of, told
from api.site.watch import told_in
from api.transport.browser_errors import ON_FAILURE
from api.transport.pages.texts import TEXTS, text
from ddms import languages as module
from ddms.cli.notifying import files, wishes, words
from ddms.errors import DdmsError, Sentence
from ddms.languages import ENGLISH, FOLDER, TEXT_IN_HTML, Language, Product, language_named, languages, read
from grafana.__main__ import dashboards_in
from grafana.languages import Language as OfDashboards
from nginx import __main__ as edge
from tests.support.languages import LATIN, TECHNICAL, disguised, third_language
from tests.support.sentences import WORDS, sentences_of_callers

OTHERS = [each for code, each in languages().items() if code != ENGLISH]
EXPORT = (Path(__file__).parents[2] / "api/static/export/index.html").read_text(encoding="utf-8")
PLACE = re.compile(r"\{\w*\}|%d|\$\{?\w+|`[^`]*`")


class Asked(dict[str, str]):
    """A table that has every text, and remembers which were asked for."""

    def get(self, text: str, default: object = None) -> str:  # type: ignore[override]
        return self.setdefault(text, text)


def of_dashboards() -> set[str]:
    table = Asked()
    asking = Language(code="xx", name="", english="", tag="", grafana="", region="", duration="s", space="",
                      tables=dict.fromkeys(Product, table))  # fmt: skip
    dashboards_in(OfDashboards(asking))
    return set(table)


def of_notifications() -> set[str]:
    tables = (words.KINDS, words.PRIORITIES, words.PHRASES, words.MESSAGES)
    return {each for table in tables for each in table.values()} | {
        each for told in words.WATCH.values() for each in told
    }


def of_edge() -> set[str]:
    templates = "".join(edge.SECTIONS.values())
    return {*re.findall("«(.*?)»", templates), *edge.WALL.values(), edge.NO_SCRIPT, *edge.PANELS.values()}


@cache
def said() -> dict[Product, set[str]]:
    """Return all texts by what is made of them."""
    return {
        Product.MESSAGES: sentences_of_callers().keys() | WORDS,
        Product.PAGES: {*TEXTS.values(), *TEXT_IN_HTML.findall(EXPORT), *ON_FAILURE, *TITLES.values()},
        Product.EDGE: of_edge(),
        Product.NOTIFICATIONS: of_notifications(),
        Product.DASHBOARDS: of_dashboards(),
    }


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.code)
@pytest.mark.parametrize("product", [*said()])
def test_a_language_has_each_text_with_its_values_and_none_that_nobody_says(language: Language, product: Product):
    wanted, found, file = said()[product], language.tables[product], f"ddms/languages/{language.code}.json"
    lacks = {text for text in wanted - found.keys() if LATIN.search(text.partition("|")[0])}
    assert not lacks, f'{file} lacks in "{product}": {json.dumps(sorted(lacks), indent=1)}'
    assert found.keys() - wanted == set(), f"nobody says this any more: remove it from {file}"
    for english, translation in found.items():
        assert translation.strip(), english
        places = [sorted(re.sub(r"\d", "", one) for one in PLACE.findall(each)) for each in (english, translation)]
        assert {one for one in places[0] if "`" not in one} == {one for one in places[1] if "`" not in one}, english


@pytest.fixture
def third(tmp_path, monkeypatch):
    """A third language: one file beside the others."""
    for file in FOLDER.glob("*.json"):
        shutil.copy(file, tmp_path)
    made = third_language(tmp_path)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    languages.cache_clear()
    spoken = LANGUAGE.set("xx")
    yield made
    LANGUAGE.reset(spoken)
    languages.cache_clear()


def left(text: str) -> bool:
    """Whether something English is left in a text."""
    return bool(LATIN.search(TECHNICAL.sub("", text)))


def test_the_api_and_its_pages_speak_a_third_language(third: Language):
    assert language_of("xx-YY, en;q=0.5") == "xx"
    assert told(Sentence("an action is done by {}", "POST")) == "an action is done by POST"  # nobody says this
    assert told("an action is done by POST") == disguised("an action is done by POST")
    unknown = "there is no {} {}: it may have been renamed or deleted"
    assert told(Sentence(unknown, "device", "x")) == disguised(unknown).format(disguised("device"), "x")
    assert not [key for key in TEXTS if left(text(key, *["1"] * TEXTS[key].count("{}")).replace("GraphiQL", ""))]
    page = re.sub("<[^>]*>", "", third.html(Product.PAGES, EXPORT.partition("<body>")[2]).partition('<p id="says"')[0])
    assert not left(page)
    assert not [
        one for texts in told_in(third).values() for one in (texts.title, texts.cause, texts.action) if left(one)
    ]


def test_notifications_speak_a_third_language(third: Language):
    made = files.contents(wishes.read({"NOTIFY_LANGUAGE": "xx", "NOTIFY_HEARTBEAT_URL": "https://x.example"}))
    (template,) = made["ddms_templates.json"]["templates"]
    shown = re.sub(r"\{\{.*?\}\}", "", template["template"], flags=re.DOTALL).replace("d/ddms-alarms-xx", "")
    assert not left(shown)
    for rule in made["ddms_rules.json"]["groups"][0]["rules"]:
        assert not any(
            f"'{each}'" in str(rule["data"])
            for each in words.PHRASES.values()
            if LATIN.search(each) and each not in words.PHRASES
        )
        if rule["uid"] in {"ddms-database", "ddms-standstill"}:
            assert not any(
                left(rule["annotations"][name].replace("docker compose", ""))
                for name in ("title", "word", "consequence")
            )


def test_the_edge_speaks_a_third_language(third: Language):
    made = edge.files()
    browsers = "|".join(map(re.escape, edge._BROWSERS))
    for name, html in made.items():
        parts = re.findall(r'<(section|span|p) lang="xx"[^>]*>(.*?)</\1>', html, re.DOTALL)
        assert len(parts) == {"pages/wall.html": 10, "languages.conf": 0}.get(name, 2), name
        shown = [re.sub(rf"<!--.*?-->|<[^>]*>|{browsers}", "", part) for _, part in parts]
        assert [text for text in shown if left(text)] == [], name
    assert "/grafana/api/dashboards/uid/ddms-fleet-xx;" in made["languages.conf"]
    assert made["languages.conf"].count(" / ") == 2 * len(edge.PANELS)


def test_the_pages_of_the_edge_are_what_the_code_says():
    assert edge.main(["--check"]) == 0


def test_who_speaks_a_language_whose_file_is_gone_is_told_in_english():
    assert language_named("tlh").code == ENGLISH


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("pt-BR.json", "{}", "code of ISO 639"),
        ("fr.json", "", "Expecting value"),
        ("fr.json", "[]", "no file of a language"),
        ("fr.json", "{}", "messages"),
        ("fr.json", json.dumps({product: {} for product in Product} | {"colour": 1}), "colour"),
    ],
)
def test_a_file_that_is_none_of_a_language_is_refused_with_the_reason(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(DdmsError, match=says):
        read(tmp_path / name)


def test_what_a_language_lacks_is_told_in_english_but_stops_what_writes_files(tmp_path):
    lacking = replace(third_language(tmp_path), tables={product: {} for product in Product})
    assert lacking.text(Product.PAGES, "Sign in") == "Sign in"
    with pytest.raises(LookupError, match=r'xx.json: "edge" lacks "Try again"'):
        lacking.text(Product.EDGE, "Try again", strict=True)


def test_the_schema_has_a_language_for_each_file(tmp_path):
    shutil.copy(FOLDER / "zh.json", tmp_path / "zh.json")
    shutil.copy(FOLDER / "zh.json", tmp_path / "fr.json")
    code = f"import pathlib, ddms.languages as m; m.FOLDER = pathlib.Path({str(tmp_path)!r}); from api.site.record import Language; print(*Language)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.split() == ["en", "fr", "zh"]
