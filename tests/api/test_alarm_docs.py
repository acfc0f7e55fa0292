"""The examples of docs/alarms.md about what operators ask and do, run as they stand."""

import re
from pathlib import Path

import pytest

from tests.support.alarm_room import Mixer, mixer_fixture  # noqa: F401 - a fixture
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures

TEXT = (Path(__file__).parents[2] / "docs/alarms.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## In GraphQL\n")[2].partition("\n## ")[0]
EXAMPLES = re.findall(r"```graphql\n(.*?)```", SECTION, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_does_what_is_said(mixer: Mixer, owner, example):
    await owner.execute("INSERT INTO groups (name) VALUES ('hall 1'); INSERT INTO device_groups VALUES (1, 1)")
    await mixer.point.reads(85)
    asked = {"ids": [mixer.high]} if "$ids" in example else {}
    done = await mixer.api.ask(example, "admin", **asked)
    assert done.get("nodes") or done.get("pageInfo") or [one["result"] for one in done["results"]] == ["DONE"]


def test_there_are_examples_of_each_kind():
    assert len(EXAMPLES) == 5
