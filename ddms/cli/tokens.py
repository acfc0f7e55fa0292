"""`ddms token`: API tokens, straight in the database."""

from dataclasses import asdict

import click

from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction


@click.group
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command
@click.option("--name", required=True, help="What the token is for: 'SCADA export'.")
@click.option("--role", type=click.Choice(["owner", "admin", "viewer"]), default="viewer", show_default=True)
@click.option("--days", default=365, show_default=True, help="How long it is valid, 1 to 3650.")
@click.option("--trusted-only", is_flag=True, help="Its bearer may send registered documents only (`ddms documents`).")
@AS_JSON
def create(name: str, role: str, days: int, trusted_only: bool, as_json: bool) -> None:
    """Make a token; it is shown this once."""
    from api.access import tokens  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.roles import Role  # noqa: PLC0415

    lifetime = tokens.lifetime(days, "--days")
    made, secret = in_transaction(
        lambda s: tokens.create(
            s, COMMAND_LINE, name=name, role=Role(role), lifetime=lifetime, trusted_only=trusted_only
        )
    )
    if as_json:
        print_json({"token": secret, **asdict(made)})
        return
    click.echo(secret)
    click.echo(f"{made.id} ({role}) is valid until {made.expires_at:%Y-%m-%d}. It is not shown again.", err=True)


@token.command("list")
@click.option("--all", "include_invalid", is_flag=True, help="Also those that expired or were revoked.")
@AS_JSON
def list_(include_invalid: bool, as_json: bool) -> None:
    """List tokens, newest first; their texts are not known."""
    from api.access.tokens import LIST_TOKENS, Token  # noqa: PLC0415 - GraphQL is slow to import

    found = [Token.of(row) for row in in_transaction(lambda s: s.rows(LIST_TOKENS, include_invalid))]
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = ((t.id, t.role.value, "revoked" if t.revoked_at else t.expires_at, t.last_used_at, t.name) for t in found)
    empty = "No tokens yet: make one with `ddms token create --name …`."
    table(("token", "role", "valid until", "last used (UTC)", "name"), rows, empty=empty, colours={"revoked": "red"})


@token.command
@click.argument("token_id")
@AS_JSON
def revoke(token_id: str, as_json: bool) -> None:
    """Make the token TOKEN_ID (as `ddms token list` shows it) invalid, at once."""
    from api.access import tokens  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.ids import IdKind, from_id  # noqa: PLC0415

    number = from_id(IdKind.TOKEN, token_id, "TOKEN_ID")
    revoked = in_transaction(lambda s: tokens.revoke(s, COMMAND_LINE, number))
    if as_json:
        print_json(asdict(revoked))
    else:
        click.echo(f"{revoked.id} ({revoked.name}) is revoked.")
