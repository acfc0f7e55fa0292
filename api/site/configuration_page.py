"""The table of docs/configuration.md, written from the record: `python -m api.site.configuration_page` puts it in.

A test holds that it is up to date.
"""

from collections.abc import Iterator
from pathlib import Path

from api.graphql.payloads import camel
from api.site.record import DEFAULTS, MEANINGS, bounds

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_BEGIN, _END = (
    "<!-- Written by `python -m api.site.configuration_page`; edit api/site/record.py instead. -->\n",
    "<!-- end -->",
)


def written(page: str) -> str:
    """Return the page with the table of now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n".join(_lines()) + "\n" + _END + after


def _lines() -> Iterator[str]:
    yield "| in files | in GraphQL | default | takes | means | in force |"
    yield "|---|---|---|---|---|---|"
    for name, meaning in MEANINGS.items():
        default = meaning.kind.written(DEFAULTS[name])
        told = f"`{default}`" if default else "empty"
        cells = f"`{name}`", f"`{camel(name)}`", told, bounds(meaning.kind), meaning.means, meaning.effect
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
