"""docs/security.md names the test that shows each row; here they are looked for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)))
ROWS = [line.split(" | ") for line in TEXT.splitlines() if re.match(r"\| \d+\.\d+\.\d+", line)]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(file, name):
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_page_names_tests_for_most_of_what_it_says_is_met():
    met = [row for row in ROWS if row[2].startswith("yes")]
    assert len(ROWS) > 50
    assert len([row for row in met if "::test_" in row[3]]) > len(met) * 0.6


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("| "))
def test_a_row_says_whether_it_is_met(row):
    assert re.match(r"(yes|no|partly|almost|\*\*no\*\*|–)", row[2]), row
