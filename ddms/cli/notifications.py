"""`ddms notifications`: whom Grafana notifies of alarms, from the variables NOTIFY_*."""

import os
from pathlib import Path

import click

from ddms.cli.notifying.files import write as write_files
from ddms.cli.notifying.wishes import Contact, Wishes, read


@click.group
def notifications() -> None:
    """Write what Grafana needs to notify people of alarms, or show who would be notified.

    Mail, webhook, Teams, Slack, Telegram and PagerDuty come from variables NOTIFY_*: docs/notifications.md.
    """


@notifications.command
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def write(folder: Path) -> None:
    """Write the files into FOLDER, which is `alerting` in the provisioning of Grafana; it reads them at its start."""
    wishes = read(os.environ)
    write_files(folder, wishes)
    _say(wishes)


@notifications.command
def show() -> None:
    """Say who would be notified, and when, without an address."""
    _say(read(os.environ))


def _say(wishes: Wishes) -> None:
    click.echo(f"alarms: {_ways(wishes.contact) or 'nobody is notified (no NOTIFY_… names anybody)'}")
    minutes = ((wishes.escalate_critical, "critical"), (wishes.escalate_high, "high"))
    after = ", ".join(f"{name} after {number} min" for number, name in minutes if number)
    click.echo(
        f"nobody acknowledges: {_ways(wishes.escalation) or 'no escalation'}{f' ({after})' * bool(wishes.escalation)}"
    )
    quiet = "; ".join(f"{one.begin}-{one.end} on {len(one.days)} days" for one in wishes.quiet) or "none"
    click.echo(f"quiet times: {quiet}; language {wishes.language}, times in {wishes.time_zone}")
    click.echo(f"heartbeat: {'to a webhook' if wishes.heartbeat_url else 'none'}")


def _ways(contact: Contact) -> str:
    """Say which ways there are, with no secret in it."""
    ways = [f"mail to {len(contact.mail_to)}"] if contact.mail_to else []
    named = {"webhook": contact.webhook_url, "Teams": contact.teams_url, "Slack": contact.slack_url}
    named |= {"Telegram": contact.telegram_token, "PagerDuty": contact.pagerduty_key}
    return ", ".join([*ways, *(name for name, given in named.items() if given)])
