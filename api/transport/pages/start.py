"""The start: where a person goes from here; programs are sent to `/graphql`."""

from starlette.responses import Response

from api.transport.pages.html import Html, html, joined, page, redirect, whose
from api.transport.pages.texts import text
from api.transport.pages.visit import Page, Visit, must_change, signed_out

READ_SITE_NAME = "-- ddms:read_site_name\nSELECT site_name FROM configuration"


async def _start(visit: Visit) -> Response:
    if "text/html" not in visit.request.header(b"accept"):
        return redirect("graphql")
    if visit.caller is None:
        return signed_out(visit)
    if must_change(visit):
        return redirect("account", visit.context.cookies)
    places = [("export", "export"), ("graphql", "graphql"), ("account", "account")]
    if visit.context.settings.trusted_proxies:  # behind nginx, which has Grafana too
        places.insert(0, ("grafana/", "dashboards"))
    links = html('<ul class="links">{links}</ul>', links=joined([_link(*place) for place in places]))
    hello = whose(visit.caller.name, visit.caller.role.value)
    site = await visit.context.database.value(READ_SITE_NAME)
    return page(site or text("start"), joined([hello, links]), name=visit.caller.name, cookies=visit.context.cookies)


def _link(address: str, key: str) -> Html:
    template = '<li><a href="{address}">{title}<span>{hint}</span></a></li>'
    return html(template, address=address, title=text(key), hint=text(f"{key}_hint"))


START = Page(_start)
