"""The file of OpenID Connect providers: YAML or JSON, read strictly, its mistakes told with their line."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from ddms.openid import ROLES, GroupRule, Provider, RoleRule, is_safe

MOST_BYTES = 100_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_HOST = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
)

T = TypeVar("T")


def parse(text: str) -> tuple[Provider, ...]:
    """Read the configuration; raises `ValueError` with the line of the mistake."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has at most {MOST_BYTES} characters")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}this is not YAML or JSON: {getattr(error, 'problem', None) or 'too deep'}") from error
    if root is None:
        return ()
    providers = tuple(_listed(root, _provider))
    for what in ("name", "title"):
        values = [getattr(provider, what) for provider in providers]
        if len(set(values)) < len(values):
            raise ValueError(f"two providers have the same {what}: each has its own")
    if sum(provider.auto_redirect for provider in providers) > 1:
        raise ValueError("auto_redirect is for one provider: leave it out at the others")
    return providers


def _fault(node: yaml.Node, sentence: str) -> ValueError:
    return ValueError(f"line {node.start_mark.line + 1}: {sentence}")


def _listed(node: yaml.Node, read: Callable[[yaml.Node], T]) -> list[T]:
    if not isinstance(node, yaml.SequenceNode):
        raise _fault(node, "here is a list: begin each entry with `- `")
    return [read(one) for one in node.value]


def _mapped(node: yaml.Node, what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _fault(node, f"{what} is written as names with values")
    named: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key)
        if name in named:
            raise _fault(key, f"{name} stands twice")
        named[name] = value
    return named


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        raise _fault(node, "here is a text")
    text = str(node.value).strip()
    if not 1 <= len(text) <= 2000 or not text.isprintable():
        raise _fault(node, "it is a line of 1 to 2000 characters that can be seen")
    return text


def _texts(node: yaml.Node) -> tuple[str, ...]:
    return (_text(node),) if isinstance(node, yaml.ScalarNode) else tuple(_listed(node, _text))


def _switch(node: yaml.Node) -> bool:
    if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:bool":
        raise _fault(node, "it is true or false")
    return str(node.value).lower() in {"true", "yes", "on"}


def _one_of(*words: str) -> Callable[[yaml.Node], str]:
    def read(node: yaml.Node) -> str:
        word = _text(node)
        if word not in words:
            raise _fault(node, f"it is one of {', '.join(words)}")
        return word

    return read


def _fitting(form: re.Pattern[str], sentence: str) -> Callable[[yaml.Node], str]:
    def read(node: yaml.Node) -> str:
        text = _text(node)
        if not form.fullmatch(text):
            raise _fault(node, sentence)
        return text

    return read


def _issuer(node: yaml.Node) -> str:
    url = _text(node)
    if not is_safe(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise _fault(node, "an issuer looks like https://id.example/realms/plant; http is for this machine alone")
    return url


def _file(node: yaml.Node) -> Path:
    path = Path(_text(node))
    if not path.is_absolute():
        raise _fault(node, "it is the whole path of a file, from / on")
    if not path.is_file():
        raise _fault(node, f"there is no file {str(path)!r}")
    return path


def _secret(node: yaml.Node) -> str:
    try:
        text = _file(node).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(node, f"the file cannot be read ({type(error).__name__})") from error
    if not text or not text.isprintable():
        raise _fault(node, "the file holds the secret and nothing else, in one line")
    return text


def _scopes(node: yaml.Node) -> tuple[str, ...]:
    scopes = _texts(node)
    if "openid" not in scopes or any(" " in scope for scope in scopes):
        raise _fault(node, "scopes are a list, and openid is one of them")
    return scopes


def _devices(node: yaml.Node) -> Mapping[str, tuple[str, ...]]:
    return {value: _texts(names) for value, names in _mapped(node, "devices").items()}


_ROLE_RULE: dict[str, Callable[[yaml.Node], Any]] = {"claim": _text, **dict.fromkeys(ROLES, _texts)}
_GROUP_RULE: dict[str, Callable[[yaml.Node], Any]] = {"claim": _text, "devices": _devices, "everything": _texts}
_PROVIDER: dict[str, Callable[[yaml.Node], Any]] = {
    "name": _fitting(_NAME, "a provider's name has 1 to 32 of a-z, 0-9 and -"),
    "title": _text,
    "issuer": _issuer,
    "client_id": _text,
    "client_secret": _text,
    "client_secret_file": _secret,
    "client_auth": _one_of("basic", "post"),
    "scopes": _scopes,
    "hosts": lambda node: tuple(_listed(node, _fitting(_HOST, "a host is written as login.example or login.example:8443"))),
    "ca_file": _file,
    "roles": lambda node: _made(RoleRule, node, _ROLE_RULE),
    "groups": lambda node: _made(GroupRule, node, _GROUP_RULE),
    "default_role": _one_of(*ROLES),
    "new_accounts": _switch,
    "name_claim": _text,
    "auto_redirect": _switch,
    "sign_out": _switch,
}  # fmt: skip


def _made(kind: type[T], node: yaml.Node, readers: Mapping[str, Callable[[yaml.Node], Any]]) -> T:
    """Make a record of a mapping whose names are the record's fields."""
    given: dict[str, Any] = {}
    for name, value in _mapped(node, "this").items():
        if name not in readers:
            raise _fault(value, f"{name} is not known here: there are {', '.join(readers)}")
        given[name] = readers[name](value)
    if "client_secret_file" in given:
        if "client_secret" in given:
            raise _fault(node, "client_secret and client_secret_file are both there: keep one of them")
        given["client_secret"] = given.pop("client_secret_file")
    _complete(kind, node, given)
    return kind(**given)


def _complete(kind: Any, node: yaml.Node, given: Mapping[str, Any]) -> None:
    for one in fields(kind):
        if one.default is MISSING and one.default_factory is MISSING and one.name not in given:
            raise _fault(node, f"{one.name} is missing")


def _provider(node: yaml.Node) -> Provider:
    provider = _made(Provider, node, _PROVIDER)
    if provider.roles is None and provider.default_role is None:
        raise _fault(node, "nobody could come in: give roles, or a default_role, or both")
    return provider
