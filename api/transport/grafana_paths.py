"""What of Grafana is open to people whose rights reach to some groups of devices only."""

import re

from ddms.errors import Code, DdmsError

QUERY = "/grafana/api/ds/query"
"""Where dashboards ask the database; of limited people nginx brings it to `in_sight`."""

# What of Grafana a limited person may ask for. All else could run SQL, or show what others keep there.
_READ = re.compile(
    r"/grafana/(?:|public/.*|d/[\w-]+(?:/[\w-]*)?|d-solo/[\w-]+(?:/[\w-]*)?|dashboards(?:/f/[\w-]+(?:/[\w-]*)?)?|profile|bootdata|favicon\.ico"
    r"|api/frontend/(?:settings|assets)|api/user(?:/preferences|/orgs|/teams|/stars)?|api/login/ping|api/search(?:/sorting)?"
    r"|api/folders(?:/[\w-]+)?|api/dashboards/(?:uid/[\w-]+|home|tags)|api/plugins(?:/[\w-]+/settings)?|api/org(?:/preferences)?"
    r"|api/access-control/user/actions|apis/(?:dashboard|folder|features|preferences)\.grafana\.app/[\w/.-]+)"
)
EMPTY = {
    "/grafana/api/annotations": "[]",
    "/grafana/api/prometheus/grafana/api/v1/rules": '{"status":"success","data":{"groups":[]}}',
}
"""What each dashboard asks of the whole site as it opens; of limited people nginx brings it here, for an empty answer."""
_WRITTEN = {QUERY, "/grafana/api/frontend-metrics"}


def refuse_closed(method: str, address: str) -> None:
    """Refuse what a limited person may not ask of Grafana; raises FORBIDDEN."""
    path = address.partition("?")[0]
    is_plain = not any(odd in path for odd in ("%", "..", "//", "\\"))
    is_open = (
        path in EMPTY or _READ.fullmatch(path) is not None
        if method in {"GET", "HEAD"}
        else method == "POST" and path in _WRITTEN
    )
    if not (is_plain and is_open):
        raise DdmsError(
            Code.FORBIDDEN,
            "your rights reach to the devices of your groups only, and this part of Grafana shows more: the dashboards are open to you",
        )
