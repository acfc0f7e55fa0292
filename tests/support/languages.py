"""A language made of English for the tests, and what a person reads on a dashboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ddms.languages import FOLDER, Language, Product
from ddms.languages import read as read_file

# Names of products, of formats and of the measures that a control room knows by them; signs; names of languages.
TECHNICAL = re.compile(
    r"`[^`]*`|\$\{[^}]*\}|\$\w+|\{\{\w+\}\}|[\w/-]+\.md\b|/metrics\b"
    r"|\b(API|CPU|DDMS|EEMUA|English|GraphQL|HTTP|ISA|MB|Modbus|NATS|nginx|NTP|Prometheus|SunSpec|TLS|UTC|WebSocket)\b"
)
LATIN = re.compile(r"[A-Za-z]{2,}")
_KEPT = re.compile(TECHNICAL.pattern + r"|\{[^}]*\}|%d|<[^>]*>")
_LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "абцдефгхийклмнопярстувшхызАБЦДЕФГХИЙКЛМНОПЯРСТУВШХЫЗ"
)


def disguised(english: str) -> str:
    """Return a text in letters that no English has, but for what stays in each language."""
    text, told, end = english.partition("|")[0], "", 0
    for kept in _KEPT.finditer(text):
        told += text[end : kept.start()].translate(_LETTERS) + kept[0]
        end = kept.end()
    return told + text[end:].translate(_LETTERS)


def third_language(folder: Path) -> Language:
    """Return a language made of the texts that the Chinese one has, from a file of its own."""
    content = json.loads((FOLDER / "zh.json").read_text(encoding="utf-8"))
    content |= {product: {english: disguised(english) for english in content[product]} for product in Product}
    content |= {"name": "Ынглиш", "tag": "xx", "grafana": "xx-XX", "region": "xx", "space": " "}
    file = folder / "xx.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return read_file(file)


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
