"""How the values of settings are written: each function reads one kind; what does not fit is a `ValueError` that says why."""

import re
import ssl
from collections.abc import Collection
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from ddms.endpoints import SITE
from ddms.openid import Provider, is_safe
from ddms.targets import Targets

MQTT_TOPIC = "ddms/{group}/{device}/{point}"
"""The topic of a point when the settings name none."""


def whole(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
        raise ValueError("it is a whole number, written in digits")
    return int(text)


def port(text: str) -> int:
    """Return a port."""
    port = whole(text)
    if not 0 <= port <= 65535:
        raise ValueError("a port is 0 to 65535")
    return port


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise ValueError("it must be at least 1")
    return number


def interval(text: str) -> float:
    """Return seconds, from 0 to 60."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 60.0:
        raise ValueError("it is a number of seconds from 0 to 60")
    return seconds


def host(text: str) -> str:
    """Return the name or address of a machine."""
    host = text.strip().removeprefix("[").removesuffix("]")
    if not host or re.search(r"[\s/\[\]@]", host):
        raise ValueError("it is a host name or an address such as 0.0.0.0 or ::1, without a port")
    return host


def name(text: str) -> str:
    """Return a name that people see."""
    if not 1 <= len(text) <= 64 or text != text.strip() or not text.isprintable():
        raise ValueError("a name has 1 to 64 characters that can be seen, and no space at its ends")
    return text


def site(text: str) -> str:
    """Return the name of a site."""
    if not text or not SITE.fullmatch(text):
        raise ValueError("a site is named by lower-case letters, digits and -, at most 32")
    return text


def sites(text: str) -> tuple[str, ...]:
    """Return the names of sites."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if len({site(one.removesuffix("@leaf")) for one in found}) < len(found):
        raise ValueError("each site is named once")
    return found


def nats_url(text: str) -> str:
    """Return the URL of a NATS server."""
    if not is_url(text, {"nats", "tls"}) or not urlsplit(text).hostname:
        raise ValueError("it looks like nats://127.0.0.1:4222, or tls://ddms.example:4222")
    return text


def folder(text: str) -> Path:
    """Return a path."""
    if not text.strip():
        raise ValueError("it is the path of a folder")
    return Path(text)


def optional_file(text: str) -> Path | None:
    """Return the path of a file, None for none: containers say so by an empty value."""
    return Path(text) if text.strip() else None


def copy(text: str) -> str:
    """Return a folder, or a bucket of an S3-compatible store."""
    if not text.strip() or (
        text.startswith("s3:") and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[^\s?#]*)?", text)
    ):
        raise ValueError("it is a folder, or a bucket as s3://bucket/folder")
    return text


def files(text: str) -> tuple[Path, ...]:
    """Return several paths."""
    return tuple(folder(part.strip()) for part in text.split(",") if part.strip())


def origins(text: str) -> tuple[str, ...]:
    """Return origins of browsers' pages."""
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if urlsplit(origin).scheme not in {"http", "https"}:
            raise ValueError(f"{origin!r} is not an origin such as https://plant.example")
    return origins


def proxies(text: str) -> tuple[str, ...]:
    """Return addresses or networks of proxies, or *."""
    proxies = tuple(part.strip() for part in text.split(",") if part.strip())
    for proxy in proxies:
        if proxy != "*":
            ip_network(proxy)
    return proxies


def targets(text: str) -> tuple[str, ...]:
    """Return networks and names of hosts."""
    targets = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in Targets.of(targets).names:
        if not re.fullmatch(r"(\*|(\*\.)?[\w-]+(\.[\w-]+)*)", name) or name[-1].isdigit():
            raise ValueError(f"{name!r} is no network such as 10.1.0.0/16, and no name such as hooks.example.com")
    return targets


def mqtt_url(text: str) -> str | None:
    """Return the URL of a broker; nothing: none."""
    if not text.strip():
        return None
    if not is_url(text, {"mqtt", "mqtts"}) or not urlsplit(text.strip()).hostname:
        raise ValueError("it looks like mqtts://user@broker.example:8883, or mqtt:// without encryption")
    return text.strip()


def authorities(text: str) -> str | None:
    """Return certificates as PEM; nothing: none."""
    if not text.strip():
        return None
    try:
        ssl.create_default_context(cadata=text)
    except ssl.SSLError as error:
        raise ValueError("it holds certificates as PEM, -----BEGIN CERTIFICATE----- and so on") from error
    return text


def mqtt_topic(text: str) -> str:
    """Return a topic with places for device and point; nothing: the usual one."""
    if not text.strip():
        return MQTT_TOPIC
    named = re.findall(r"\{(.*?)\}", text)
    if not {"device", "point"} <= set(named) <= {"group", "device", "point"} or len(named) > len(set(named)):
        raise ValueError("it has {device} and {point}, and {group} if you like: " + MQTT_TOPIC)
    if re.search(r"[{}]", re.sub(r"\{.*?\}", "", text)):
        raise ValueError("each { has its }, as in " + MQTT_TOPIC)
    if re.search(r"[+#\x00-\x1f]|^\$", text) or len(text) > 1_000:
        raise ValueError("a topic has no + and no #, and does not begin with $")
    return text


def mqtt_node(text: str) -> str:
    """Return a group and a node of Sparkplug."""
    if not re.fullmatch(r"[^/+#\x00-\x1f\s]{1,100}/[^/+#\x00-\x1f\s]{1,100}", text):
        raise ValueError("it looks like group/node, without spaces, + and #")
    return text


def qos(text: str) -> int:
    """Return 0 or 1."""
    if text.strip() not in {"0", "1"}:
        raise ValueError("it is 0 or 1")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Return several words."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def budget(text: str) -> int:
    """Return a cost."""
    cost = int(text)
    if cost < 1_000:
        raise ValueError("it must be at least 1000")
    return cost


def http_url(text: str) -> str:
    """Return an address of http or https."""
    if not is_url(text, {"http", "https"}) or not urlsplit(text).hostname:
        raise ValueError("it looks like http://127.0.0.1:4318")
    return text


def public_url(text: str) -> str:
    """Return where browsers find DDMS."""
    url = text.strip().removesuffix("/")
    parts = urlsplit(url)
    if not is_safe(url) or parts.path or parts.query or parts.fragment:
        raise ValueError("it looks like https://ddms.example, without a path; http is for this machine alone")
    return url


def providers(text: str) -> tuple[Provider, ...]:
    """Return providers of OpenID Connect."""
    from ddms.openid_file import parse  # noqa: PLC0415 - most programs have none to read

    return parse(text)


def database_url(text: str) -> str:
    """Return the URL of a PostgreSQL server, or of several."""
    if not is_url(text, {"postgresql", "postgres"}):
        raise ValueError(
            "it looks like postgresql://user@host:5432/database, with an address of IPv6 in brackets; a password with "
            "signs such as / @ : # is better given as DDMS_DATABASE_PASSWORD"
        )
    return text


def replica_urls(text: str) -> tuple[str, ...]:
    """Return URLs of servers, each a replica."""
    urls = tuple(database_url(part) for part in re.split(r"[\s,]+(?=postgres(?:ql)?:)", text.strip()) if part)
    if any("," in url for url in urls):
        raise ValueError("each URL names one server: postgresql://db2.example/ddms,postgresql://db3.example/ddms")
    return urls


def seconds(text: str) -> float:
    """Return a number of seconds above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise ValueError("it is a number of seconds above 0")
    return number


def is_url(text: str, schemes: Collection[str]) -> bool:
    """Whether a text is a URL of one of these schemes, whose ports and user can be read."""
    try:
        url = urlsplit(text.strip())
        user, _, hosts = url.netloc.rpartition("@")
        ports = [urlsplit(f"//{host}").port for host in hosts.split(",")]  # PostgreSQL takes several
    except ValueError:  # a port or an address that is none
        return False
    return url.scheme in schemes and 0 not in ports and "@" not in user
