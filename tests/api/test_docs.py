"""docs/api.md does not lag behind the schema."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.execution.extent import DocumentLimits
from api.ground.limits import PAGE_SIZE
from api.schema import build
from ddms.errors import Code

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example):
    assert validate(build()._schema, parse(example)) == []


def test_every_code_and_limit_is_told():
    for name in (code.value for code in Code if code not in {Code.SETTINGS, Code.SCHEMA_VERSION}):
        assert f"`{name}`" in TEXT, name
    limits = DocumentLimits()
    for number in (
        f"{limits.tokens:,} tokens",
        f"depth {limits.depth}",
        f"{limits.aliases} aliases",
        f"{PAGE_SIZE} rows",
    ):
        assert number in TEXT
