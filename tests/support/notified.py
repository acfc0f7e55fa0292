"""A Grafana that notifies: the real one with the provisioning of DDMS, a mail server and a receiver of webhooks that count."""

import contextlib
import email
import email.policy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller

from ddms.cli.notifying.files import write
from ddms.cli.notifying.wishes import read
from tests.support import grafana
from tests.support.ports import free_port


@dataclass
class Mail:
    """A mail that came, and when."""

    at: float
    subject: str
    to: list[str]
    text: str
    html: str


@dataclass
class Received:
    """What came, in order."""

    mails: list[Mail] = field(default_factory=list)
    posts: dict[str, list[dict]] = field(default_factory=dict)

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        text, html = (message.get_body([kind]) for kind in ("plain", "html"))
        assert text
        assert html
        mail = Mail(time.time(), message["subject"], envelope.rcpt_tos, text.get_content(), html.get_content())
        self.mails.append(mail)
        return "250 OK"

    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.mails]

    def posted(self, path: str) -> list[dict]:
        return self.posts.get(path, [])


@dataclass
class Notifying:
    """What runs."""

    grafana: str
    received: Received
    hook: str
    log: Path


@contextlib.contextmanager
def receiving() -> Iterator[tuple[Received, str, str]]:
    """Run a mail server and a receiver of webhooks; give what came, and their addresses."""
    received = Received()
    mail = Controller(received, hostname="127.0.0.1", port=free_port())

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.posts.setdefault(self.path, []).append(json.loads(body) | {"at": time.time()})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=hook.serve_forever, args=(0.05,))
    mail.start()
    thread.start()
    try:
        yield received, f"127.0.0.1:{mail.port}", f"http://127.0.0.1:{hook.server_address[1]}"
    finally:
        mail.stop()
        hook.shutdown()
        thread.join()
        hook.server_close()


@contextlib.contextmanager
def notifying(
    folder: Path,
    database_url: str,
    wishes: Callable[[str], dict[str, str]],
    *,
    repeat: str | None = None,
    began: tuple[Received, str, str] | None = None,
    **settings: str,
) -> Iterator[Notifying]:
    """Run Grafana with the settings of compose.yaml, its admin may sign in; `wishes` makes NOTIFY_* of the hook's address.

    `settings`: other variables of Grafana. `repeat`: all is said again after this time, in place of minutes and hours. `began`: who receives, else somebody new.
    """
    with contextlib.ExitStack() as stack:
        received, smtp, hook = began or stack.enter_context(receiving())
        provisioning = folder / "provisioning"
        if not provisioning.exists():
            grafana.provisioned(folder)
        write(provisioning / "alerting", read(wishes(hook)))
        if repeat:
            policies = provisioning / "alerting/ddms_policies.json"
            policies.write_text(
                re.sub(r'"repeat_interval": "\w+"', f'"repeat_interval": "{repeat}"', policies.read_text())
            )
        more = {
            "GF_PATHS_PROVISIONING": str(provisioning),
            "GF_EMAILS_TEMPLATES_PATTERN": f"emails/*.html, emails/*.txt, {'../' * 12}{provisioning}/emails/*",
            "GF_SMTP_ENABLED": "true",
            "GF_SMTP_HOST": smtp,
            "GF_AUTH_JWT_ENABLED": "false",
            "GF_AUTH_BASIC_ENABLED": "true",
        }
        with grafana.running(folder, None, free_port(), database_url, **more | settings) as own:
            log = folder / "grafana/log.txt"
            _until(lambda: "finished to provision alerting" in log.read_text())
            yield Notifying(own, received, hook, log)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + grafana.PATIENCE
    while not done():
        assert time.monotonic() < end, "Grafana did not read its provisioning"
        time.sleep(0.1)


def complaints(log: Path) -> list[str]:
    """Return what Grafana complained of about notifications."""
    about = ("logger=ngalert", "logger=provisioning", "logger=notif", "logger=alertmanager")
    lines = log.read_text().splitlines()
    return [line for line in lines if line.startswith(about) and "level=error" in line]
