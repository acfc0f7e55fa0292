"""OpenID Connect: sign-ins under way, and the issuers of providers."""

from migrations.sql import run_file

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_file("0028_openid")
