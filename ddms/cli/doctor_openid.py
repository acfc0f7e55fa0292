"""What `ddms doctor` sees of the OpenID Connect providers: are they there, and what do they expect of DDMS?"""

import asyncio
import time

from api.access.openid import Providers
from api.access.openid_provider import ProviderClient
from ddms.cli.findings import Finding, Verdict
from ddms.errors import DdmsError
from ddms.settings import Settings


async def examine_providers(settings: Settings) -> list[Finding]:
    """Ask each provider for its discovery document and its keys, all at once."""
    return list(await asyncio.gather(*map(_examined, Providers(settings).clients.values())))


async def _examined(client: ProviderClient) -> Finding:
    name, began = client.provider.name, time.monotonic()
    registered = f"registered there must be {client.redirect_uri}"
    try:
        metadata, keys = await client.metadata(), await client.keys()
    except DdmsError:
        advice = f"people with a password of DDMS still sign in. Look at {client.provider.issuer} from this machine"
        return Finding("openid", Verdict.BAD, f"{name}: {client.trouble}", advice)
    if not keys:
        return Finding(
            "openid", Verdict.BAD, f"{name}: it has no public key that DDMS trusts", "RSA of 2048 bits, or ECDSA"
        )
    if not metadata.algorithms:
        return Finding(
            "openid", Verdict.BAD, f"{name}: it signs by no algorithm that DDMS trusts", "RS256 or ES256, not HS256"
        )
    took = 1000 * (time.monotonic() - began)
    return Finding(
        "openid", Verdict.OK, f"{name}: answers in {took:.0f} ms, the issuer fits, {len(keys)} keys; {registered}"
    )
