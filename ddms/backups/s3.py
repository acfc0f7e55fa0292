"""An S3-compatible store, as much of it as copies of backups need: put in parts, look, remove; signed by AWS's version 4.

The store has a file whole or not at all: its parts become one with the last request. The rules are those of the
Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)" and "Multipart upload".
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

PART_BYTES = 32 * 1024**2
MOST_PARTS = 10_000  # of S3
TRIES = 4
_SECONDS = 300.0
_BROKEN = {408, 429, 500, 502, 503, 504}


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    content_sha256: str,
    access_key: str,
    secret_key: str,
    region: str,
    service: str,
    moment: datetime,
) -> str:
    """Return the header Authorization for a request."""
    parts = urlsplit(url)
    names = sorted(name.lower() for name in headers)
    values = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    asked = "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in parts.query.split("&") if pair))
    canonical = "\n".join(
        [
            method,
            parts.path or "/",
            asked,
            *(f"{name}:{values[name]}" for name in names),
            "",
            ";".join(names),
            content_sha256,
        ]
    )
    day = f"{moment:%Y%m%d}"
    scope = f"{day}/{region}/{service}/aws4_request"
    told = "\n".join(
        ["AWS4-HMAC-SHA256", f"{moment:%Y%m%dT%H%M%SZ}", scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{secret_key}".encode()
    for piece in (day, region, service, "aws4_request"):
        key = hmac.digest(key, piece.encode(), "sha256")
    signature = hmac.digest(key, told.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"


class Store:
    """The bucket and folder that DDMS_BACKUP_COPY names."""

    def __init__(self, settings: Settings) -> None:
        if not settings.backup_s3_access_key or not settings.backup_s3_secret_key:
            sentence = "copies into a store need DDMS_BACKUP_S3_ACCESS_KEY and DDMS_BACKUP_S3_SECRET_KEY"
            raise DdmsError(Code.SETTINGS, sentence, field="DDMS_BACKUP_S3_ACCESS_KEY")
        bucket, _, folder = (settings.backup_copy or "").removeprefix("s3://").partition("/")
        region = settings.backup_s3_region
        where = settings.backup_s3_endpoint or f"https://s3.{region}.amazonaws.com"
        self._base = f"{where.rstrip('/')}/{bucket}/" + quote(f"{folder.strip('/')}/".lstrip("/"))
        self._key, self._secret, self._region = settings.backup_s3_access_key, settings.backup_s3_secret_key, region
        self._client = httpx2.AsyncClient(timeout=_SECONDS)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def put(self, path: Path, name: str) -> None:
        """Store a file; when this is cut off nothing of it is there."""
        size = (await asyncio.to_thread(path.stat)).st_size
        if size <= PART_BYTES:
            await self._ask("PUT", name, content=await asyncio.to_thread(path.read_bytes))
            return
        number = _found(await self._ask("POST", name, "uploads="), "UploadId")
        upload = f"uploadId={quote(number, safe='')}"
        try:
            await self._put_parts(path, name, upload, max(PART_BYTES, -(-size // MOST_PARTS)))
        except BaseException:
            with suppress(DdmsError):
                await asyncio.shield(self._ask("DELETE", name, upload))
            raise

    async def _put_parts(self, path: Path, name: str, upload: str, size: int) -> None:
        told: list[str] = []
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, size):
                number = len(told) + 1
                answer = await self._ask("PUT", name, f"partNumber={number}&{upload}", content=piece)
                told.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.headers['etag']}</ETag></Part>")
        whole = f"<CompleteMultipartUpload>{''.join(told)}</CompleteMultipartUpload>".encode()
        answer = await self._ask("POST", name, upload, content=whole)
        if b"<Error>" in answer.content:  # it may fail after it said 200
            raise _refused(answer)

    async def size(self, name: str) -> int | None:
        """Return the size of a file; None when it is not there."""
        answer = await self._ask("HEAD", name, right={200, 404})
        return int(answer.headers["content-length"]) if answer.status_code == 200 else None

    async def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        await self._ask("DELETE", name, right={200, 204, 404})

    async def _ask(
        self, method: str, name: str, query: str = "", *, content: bytes = b"", right: Any = frozenset({200, 204})
    ) -> httpx2.Response:
        url = self._base + quote(name) + (f"?{query}" if query else "")
        digest = (
            hashlib.sha256(content).hexdigest()
            if len(content) < PART_BYTES
            else await asyncio.to_thread(_sha256, content)
        )
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._client.request(
                    method, url, content=content, headers=self._headers(method, url, digest)
                )
            except httpx2.HTTPError as error:
                if attempt == TRIES:
                    sentence = Sentence(
                        "the store does not answer ({}): is DDMS_BACKUP_S3_ENDPOINT right?",
                        str(error) or type(error).__name__,
                    )
                    raise DdmsError(Code.UNAVAILABLE, sentence) from error
            else:
                if answer.status_code in right:
                    return answer
                if answer.status_code not in _BROKEN or attempt == TRIES:
                    raise _refused(answer)
            await asyncio.sleep(0.5 * 2**attempt)
        raise AssertionError

    def _headers(self, method: str, url: str, digest: str) -> dict[str, str]:
        moment = datetime.now(UTC)
        headers = {
            "host": urlsplit(url).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": f"{moment:%Y%m%dT%H%M%SZ}",
        }
        authorization = signed(
            method, url, headers, content_sha256=digest, access_key=self._key, secret_key=self._secret,
            region=self._region, service="s3", moment=moment,
        )  # fmt: skip
        return headers | {"authorization": authorization}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _found(answer: httpx2.Response, tag: str) -> str:
    match = re.search(f"<{tag}>([^<]+)</{tag}>", answer.text)
    if not match:
        raise _refused(answer)
    return match[1]


def _refused(answer: httpx2.Response) -> DdmsError:
    code, message = (re.search(f"<{tag}>([^<]*)</{tag}>", answer.text) for tag in ("Code", "Message"))
    words = ": ".join(found[1] for found in (code, message) if found) or f"status {answer.status_code}"
    return DdmsError(
        Code.UNAVAILABLE, Sentence("the store refuses ({}): check DDMS_BACKUP_COPY and DDMS_BACKUP_S3_…", words)
    )
