"""`ddms token`: API tokens, straight in the database."""

from dataclasses import asdict

import click
import orjson

from ddms.cli.transaction import in_transaction


@click.group
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command
@click.option("--name", required=True, help="What the token is for: 'SCADA export'.")
@click.option("--role", type=click.Choice(["owner", "admin", "viewer"]), default="viewer", show_default=True)
@click.option("--days", default=365, show_default=True, help="How long it is valid, 1 to 3650.")
@click.option("--trusted-only", is_flag=True, help="Its bearer may send registered documents only (`ddms documents`).")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
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
        click.echo(orjson.dumps({"token": secret, **asdict(made)}).decode())
        return
    click.echo(secret)
    click.echo(f"{made.id} ({role}) is valid until {made.expires_at:%Y-%m-%d}. It is not shown again.", err=True)


@token.command("list")
@click.option("--all", "include_invalid", is_flag=True, help="Also those that expired or were revoked.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def list_(include_invalid: bool, as_json: bool) -> None:
    """List tokens, newest first; their texts are not known."""
    from api.access.tokens import LIST_TOKENS, Token  # noqa: PLC0415 - GraphQL is slow to import

    found = [Token.of(row) for row in in_transaction(lambda s: s.rows(LIST_TOKENS, include_invalid))]
    if as_json:
        click.echo(orjson.dumps([asdict(one) for one in found]).decode())
        return
    for one in found:
        used = f"last used {one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never used"
        state = "revoked" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
        click.echo(f"{one.id:<10} {one.role.value:<7} {state:<17} {used:<27} {one.name}")
    if not found:
        click.echo("No tokens yet: make one with `ddms token create --name …`.", err=True)


@token.command
@click.argument("token_id")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def revoke(token_id: str, as_json: bool) -> None:
    """Make the token TOKEN_ID (as `ddms token list` shows it) invalid, at once."""
    from api.access import tokens  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.ids import IdKind, from_id  # noqa: PLC0415

    number = from_id(IdKind.TOKEN, token_id, "TOKEN_ID")
    revoked = in_transaction(lambda s: tokens.revoke(s, COMMAND_LINE, number))
    click.echo(orjson.dumps(asdict(revoked)).decode() if as_json else f"{revoked.id} ({revoked.name}) is revoked.")
