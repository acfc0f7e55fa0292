"""GraphiQL: the page on which people try the API; all its files are our own."""

from pathlib import Path

from starlette.responses import FileResponse, Response

_PAGE = Path(__file__).parent.parent / "static" / "graphiql" / "index.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; report-uri errors"
)


def page() -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return FileResponse(_PAGE, headers=headers, media_type="text/html")
