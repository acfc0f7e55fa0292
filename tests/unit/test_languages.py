"""Each language has all that is said, and nothing that nobody says; a third one is one file."""

from functools import cache

import pytest

from ddms.languages import ENGLISH, Language, Product, languages
from grafana.__main__ import dashboards_in
from grafana.languages import Language as OfDashboards
from tests.support.languages import LATIN

OTHERS = [each for code, each in languages().items() if code != ENGLISH]


class Asked(dict[str, str]):
    """A table that has every text, and remembers which were asked for."""

    def get(self, text: str, default: object = None) -> str:  # type: ignore[override]
        return self.setdefault(text, text)


@cache
def said() -> dict[Product, set[str]]:
    """Return all texts by what is made of them."""
    table = Asked()
    tables = dict.fromkeys(Product, table)
    asking = Language(code="xx", name="", tag="", grafana="", region="", duration="s", space="", tables=tables)
    dashboards_in(OfDashboards(asking))
    return {Product.DASHBOARDS: set(table)}


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.code)
@pytest.mark.parametrize("product", [Product.DASHBOARDS])
def test_a_language_has_each_text_and_none_that_nobody_says(language: Language, product: Product):
    wanted, found = said()[product], language.tables[product]
    lacks = {text for text in wanted - found.keys() if LATIN.search(text.partition("|")[0])}
    assert not lacks, f'ddms/languages/{language.code}.json lacks in "{product}": {sorted(lacks)}'
    assert not found.keys() - wanted, f"nobody says this any more: remove it from ddms/languages/{language.code}.json"
    assert all(text and text == text.rstrip("\n") for text in found.values())
