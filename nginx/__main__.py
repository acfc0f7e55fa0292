"""`python -m nginx` writes the edge's pages and `languages.conf` of the texts in `ddms/languages`; `--check` only says which lag behind.

Here they stand in English, each text in «…». A page has a section in each language: first the one of the person's account, where
the edge knows it, else of the browser. nginx puts them in order (SSI), since the pages are there when all else is away.
"""

import json
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

from ddms.languages import ENGLISH, Language, Product, languages

FOLDER = Path(__file__).parent
_NUMBER = '<p class="number">«Number for whoever helps:» <b><!--# echo var="ddms_reference" --></b></p>'
_AGAIN = '<p><a class="on" href="">«Try again»</a></p>'
_BROWSERS = {
    "Chrome, Chromium": "110",
    "Microsoft Edge": "110",
    "Firefox": "115",
    "Safari (macOS, iPad, iPhone)": "16.4",
    "Samsung Internet": "21",
}
_FEATURES = (
    "lookbehind in regular expressions", "Object.hasOwn", "structuredClone", "Array.prototype.findLast",
    "Array.prototype.toSorted", "ResizeObserver", "CSS layers", "websockets",
)  # fmt: skip
"""In the order in which pages/browser.js tries them."""
SECTIONS = {
    "closed": f"""<h1>«This is not open to you here»</h1>
<p>«The rights of your account say what is. An owner of DDMS can change them.»</p>
<p><a class="on" href="/">«To the start page»</a></p>
{_NUMBER}""",
    "database": f"""<h1>«The database does not answer»</h1>
<p>«Devices are read on: readings wait on the collectors' disks and are stored when it is back. If that takes longer than a minute, tell whoever runs DDMS.»</p>
{_AGAIN}
{_NUMBER}""",
    "too_many": f"""<h1>«Too many requests»</h1>
<p>«This address has asked for more than is allowed in a minute. Wait ten seconds, then load the page again. If many people share this address, whoever runs DDMS can allow more.»</p>
{_NUMBER}""",
    "unavailable": f"""<h1>«DDMS is starting or being updated»</h1>
<p>«Try again in a few seconds; nothing that was measured is lost meanwhile. If it stays like this, tell whoever runs DDMS.»</p>
{_AGAIN}
{_NUMBER}""",
    "browser": f"""<h1>«This browser may be too old for the dashboards»</h1>
<p>«The dashboards are Grafana’s, which works in these browsers or newer ones. In older ones its page stays white. The newest version of each is what Grafana is tested with.»</p>
<table>
<tr><th>«Browser»</th><th>«from version»</th></tr>
{"".join(f"<tr><td>{name}</td><td>{version}</td></tr>{chr(10)}" for name, version in _BROWSERS.items())}</table>
<noscript><p class="missing">«This browser runs no scripts (JavaScript is off, or not there). Grafana needs them: allow scripts for this address.»</p></noscript>
<ul class="missing"><li>«Missing here:»</li>{"".join(f"<li>«{name}»</li>" for name in _FEATURES)}<li>«This browser keeps no cookies. DDMS needs them for the sign-in: allow them for this address.»</li></ul>
<p>«What works without it:» <a href="/">«the start page»</a>«, exports, and the API.»</p>
<p><a class="on" href="/edge/on?<!--# echo var="request_uri" encoding="entity" -->">«Go on anyway»</a></p>""",
}
"""A section of each page."""
_TITLES = {"closed": "403", "database": "503", "too_many": "429", "unavailable": "503"}
_PAGE = """<!doctype html>
<html lang="<!--# echo var="ddms_tag" -->">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · DDMS</title>
<link rel="stylesheet" href="/edge/page.css">
</head>
<body>
<main>
{sections}
</main>{script}
</body>
</html>
"""
_WALL = """<!doctype html>
<html lang="en" data-tongues="{tongues}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DDMS</title>
<link rel="stylesheet" href="/edge/wall.css">
<script src="/edge/wall.js" defer></script>
</head>
<body data-state="waiting">
<header>
<h1></h1>
<p role="status">
{states}
</p>
<time></time>
</header>
<main></main>
<noscript>{script}</noscript>
</body>
</html>
"""
WALL = {
    "waiting": "Starting …",
    "fresh": "Data is {} old",
    "late": "Data is {} old|late",
    "old": "OLD: data is {} old",
    "empty": "No readings yet: add devices, start a collector",
    "unreached": "Data is {} old: no connection to DDMS",
    "starting": "Data is {} old: DDMS is starting",
    "database": "Data is {} old: the database is away",
    "grafana": "Data is {} old: Grafana does not answer",
}
"""What the wall says of its data, by its state."""
NO_SCRIPT = "The wall turns its pages by a script: allow scripts in this browser."
PANELS = {
    "closed": "this is not open to you here: the rights of your account say what is",
    "too_many": "too many requests from this address: wait a few seconds",
    "database_away": "the database does not answer: readings are kept and stored later; what stands here is old",
    "unavailable": "DDMS is starting or being updated: try again in a few seconds",
}
"""What Grafana shows in the corner of each panel: in all languages, since a script asks, whose person may not be known."""


def _told(language: Language, template: str) -> str:
    return language.html(Product.EDGE, template, strict=True)


def _if(language: Language, condition: str, html: str) -> str:
    return f'<!--# if expr="$ddms_speaks {condition} {language.code}" -->{html}<!--# endif -->'


def _page(name: str, spoken: Iterable[Language]) -> str:
    sections = [(each, f'<section lang="{each.tag}">\n{_told(each, SECTIONS[name])}\n</section>') for each in spoken]
    ordered = [_if(each, condition, html) for condition in ("=", "!=") for each, html in sections]
    title = _TITLES.get(name) or " / ".join(_told(each, "«Browser»") for each in spoken)
    script = f'\n<script src="/edge/{name}.js"></script>' if name == "browser" else ""
    return _PAGE.format(title=title, sections="\n".join(ordered), script=script)


def _wall(spoken: Iterable[Language]) -> str:
    states = [
        f'<span lang="{each.tag}" data-state="{state}">{_told(each, f"«{text}»").replace("{}", "<b></b>")}</span>'
        for state, text in WALL.items()
        for each in spoken
    ]
    tongues = json.dumps({each.code: [each.tag, each.suffix] for each in spoken})
    script = "".join(f'<p lang="{each.tag}">{_told(each, f"«{NO_SCRIPT}»")}</p>' for each in spoken)
    return _WALL.format(tongues=escape(tongues), states="\n".join(states), script=script)


def _map(source: str, name: str, lines: Iterable[tuple[str, str]]) -> str:
    return f"map {source} ${name} {{\n" + "".join(f"    {key}  {value};\n" for key, value in lines) + "}\n"


def _configuration(spoken: Iterable[Language]) -> str:
    english, others = languages()[ENGLISH], [each for each in spoken if each.code != ENGLISH]
    parts = [
        "# Written by `python -m nginx`: what nginx knows of the languages in ddms/languages.\n",
        "# By what times like \"a minute ago\" are told: Grafana's regionalFormat.\n"
        + _map("$ddms_language", "ddms_region", [*((each.grafana, each.region) for each in others), ("default", english.region)]),
        "# The language of the account, where it has one, else the browser's.\n"
        + _map('"$ddms_language $http_accept_language"', "ddms_speaks",
               [*((f'"~*^{named}"', each.code) for each in others for named in (f"{each.grafana} ", f" {each.code}\\b")), ("default", ENGLISH)]),
        _map("$ddms_speaks", "ddms_tag", [*((each.code, each.tag) for each in others), ("default", english.tag)]),
        "# The first page is the fleet.\n"
        + _map('"$ddms_speaks $uri"', "ddms_asked",
               [*((f'"{each.code} /grafana/api/dashboards/home"', f"/grafana/api/dashboards/uid/ddms-fleet{each.suffix}") for each in others), ("default", "$request_uri")]),
        "# What panels say.\n"
        + "".join(_map('""', f"ddms_says_{name}", [("default", _quoted(" / ".join(each.text(Product.EDGE, text, strict=True) for each in spoken)))]) for name, text in PANELS.items()),
    ]  # fmt: skip
    return "\n".join(parts)


def _quoted(text: str) -> str:
    """Return a text that stands in JSON in a string of nginx."""
    return json.dumps(json.dumps(text, ensure_ascii=False)[1:-1].replace("$", ""), ensure_ascii=False)


def files() -> dict[str, str]:
    """Return each file by its path below this folder."""
    spoken = list(languages().values())
    pages = {f"pages/{name}.html": _page(name, spoken) for name in SECTIONS}
    return pages | {"pages/wall.html": _wall(spoken), "languages.conf": _configuration(spoken)}


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    lagging = [name for name, text in files().items() if not _is(FOLDER / name, text)]
    for name in lagging:
        if arguments == ["--check"]:
            sys.stderr.write(f"nginx/{name} is not what the code says: run `python -m nginx`\n")
        else:
            (FOLDER / name).write_text(files()[name], encoding="utf-8")
    return int(bool(lagging) and arguments == ["--check"])


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
