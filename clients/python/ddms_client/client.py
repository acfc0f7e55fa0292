"""The clients: one waits, one is for asyncio."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import httpx2

from ddms_client import _questions as questions
from ddms_client._asking import Pause, Post, Reply, Steps, ask, listed
from ddms_client._version import VERSION
from ddms_client.live import Event, Follower
from ddms_client.schema import (
    AlarmOutcome,
    Device,
    DevicesArguments,
    LatestArguments,
    ManualReading,
    Point,
    PointsArguments,
)
from ddms_client.series import LatestReading, SeriesList

T = TypeVar("T")
AGENT = f"ddms-client/{VERSION}"


class _Place:
    """Where DDMS is, and who asks."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        ca: str | Path | None = None,
        timeout: float = 30,
        patience: float = 30,
    ) -> None:
        url = url or os.environ.get("DDMS_URL")
        if not url:
            raise ValueError("where is DDMS? Give `url`, or set DDMS_URL: https://ddms.example")
        self._url = url.rstrip("/").removesuffix("/graphql") + "/graphql"
        if not self._url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address: it begins with https:// or http://")
        self._token = (token or os.environ.get("DDMS_TOKEN", "")).strip() or None
        self._trust = ssl.create_default_context(cafile=ca) if self._url.startswith("https") else None
        self._timeout, self._patience = timeout, patience

    def _options(self) -> dict[str, Any]:
        """Return what httpx2's clients take."""
        headers = {"User-Agent": AGENT} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        return {"headers": headers, "timeout": self._timeout, "verify": self._trust or False}


class Client(_Place):
    """DDMS, for programs without asyncio.

    Its `url` is `https://ddms.example`, else DDMS_URL; the `token` begins with `ddms_`, else DDMS_TOKEN; `ca` is a file with the
    certificates to trust in place of the system's; `timeout` is for one answer, `patience` for all tries of one request, in seconds.
    """

    @cached_property
    def _http(self) -> httpx2.Client:
        return httpx2.Client(**self._options())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def execute(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask anything; return the data, or raise `DdmsError`, also for the `errors` of a change."""
        return self._run(ask(query, variables, self._patience))

    def series(self, **asked: Unpack[questions.SeriesAsked]) -> SeriesList:
        """Return histories of `points`, `devices`, `groups`, `keys`, from `start` to `end`: all of them, however many requests it takes."""
        return self._run(questions.series(asked, self._patience))

    def latest(self, **asked: Unpack[LatestArguments]) -> list[LatestReading]:
        """Return the newest reading of each point."""
        return self._run(questions.latest(dict(asked), self._patience))

    def devices(self, **asked: Unpack[DevicesArguments]) -> Iterator[Device]:
        """Give devices, page by page."""
        return self._pages("devices", Device, dict(asked))

    def points(self, **asked: Unpack[PointsArguments]) -> Iterator[Point]:
        """Give points, page by page."""
        return self._pages("points", Point, dict(asked))

    def write_readings(self, readings: Iterable[ManualReading], *, replace: bool = False) -> questions.Written:
        """Write readings by hand, a thousand at a time: all of these or none. Twice the same is no mistake."""
        return self._run(questions.write_readings(readings, replace, self._patience))

    def acknowledge_alarms(self, ids: Iterable[str], note: str | None = None) -> list[AlarmOutcome]:
        """Take note of alarms. What could not be done is raised after the others were."""
        return self._run(questions.acknowledge_alarms(ids, note, self._patience))

    def _pages(self, name: str, kind: type[T], asked: dict[str, Any]) -> Iterator[T]:
        after: str | None = None
        while True:
            found, after = self._run(questions.page(name, kind, asked, after, self._patience))
            yield from found
            if after is None:
                return

    def _run(self, steps: Steps[T]) -> T:
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            reply = self._do(step)

    def _do(self, step: Post | Pause) -> Reply:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.post(self._url, content=step.content, headers=step.headers)
        except httpx2.TransportError as error:
            return error


class AsyncClient(_Place):
    """DDMS, for asyncio, with what comes live.

    Its `url` is `https://ddms.example`, else DDMS_URL; the `token` begins with `ddms_`, else DDMS_TOKEN; `ca` is a file with the
    certificates to trust in place of the system's; `timeout` is for one answer, `patience` for all tries of one request, in seconds.
    """

    @cached_property
    def _http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(**self._options())

    @cached_property
    def _following(self) -> set[Follower]:
        return set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections; what is followed comes to its end."""
        for follower in list(self._following):
            await follower.close()
        await self._http.aclose()

    async def execute(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask anything; return the data, or raise `DdmsError`, also for the `errors` of a change."""
        return await self._run(ask(query, variables, self._patience))

    async def series(self, **asked: Unpack[questions.SeriesAsked]) -> SeriesList:
        """Return histories of `points`, `devices`, `groups`, `keys`, from `start` to `end`: all of them, however many requests it takes."""
        return await self._run(questions.series(asked, self._patience))

    async def latest(self, **asked: Unpack[LatestArguments]) -> list[LatestReading]:
        """Return the newest reading of each point."""
        return await self._run(questions.latest(dict(asked), self._patience))

    def devices(self, **asked: Unpack[DevicesArguments]) -> AsyncIterator[Device]:
        """Give devices, page by page."""
        return self._pages("devices", Device, dict(asked))

    def points(self, **asked: Unpack[PointsArguments]) -> AsyncIterator[Point]:
        """Give points, page by page."""
        return self._pages("points", Point, dict(asked))

    async def write_readings(self, readings: Iterable[ManualReading], *, replace: bool = False) -> questions.Written:
        """Write readings by hand, a thousand at a time: all of these or none. Twice the same is no mistake."""
        return await self._run(questions.write_readings(readings, replace, self._patience))

    async def acknowledge_alarms(self, ids: Iterable[str], note: str | None = None) -> list[AlarmOutcome]:
        """Take note of alarms. What could not be done is raised after the others were."""
        return await self._run(questions.acknowledge_alarms(ids, note, self._patience))

    async def live(
        self,
        *,
        points: Sequence[str] | None = None,
        devices: Sequence[str] | None = None,
        minimum_interval: float = 0,
        resume_from: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Follow readings for ever, over broken connections and restarts: first the newest ones, then each as it comes, once.

        What the stream cannot give is in an event's `gaps`. A token that ends or is wrong raises `DdmsError`.
        """
        options: dict[str, Any] = {"user_agent_header": AGENT, "ssl": self._trust}
        follower = Follower(self._url.replace("http", "ws", 1), self._token, options, self._timeout, self._patience)
        variables = {
            "points": listed(points),
            "devices": listed(devices),
            "minimumInterval": minimum_interval,
            "resumeFrom": resume_from,
        }
        self._following.add(follower)
        try:
            async with aclosing(follower.follow(variables)) as events:
                async for event in events:
                    yield event
        finally:
            self._following.discard(follower)

    async def _pages(self, name: str, kind: type[T], asked: dict[str, Any]) -> AsyncIterator[T]:
        after: str | None = None
        while True:
            found, after = await self._run(questions.page(name, kind, asked, after, self._patience))
            for one in found:
                yield one
            if after is None:
                return

    async def _run(self, steps: Steps[T]) -> T:
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            reply = await self._do(step)

    async def _do(self, step: Post | Pause) -> Reply:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.post(self._url, content=step.content, headers=step.headers)
        except httpx2.TransportError as error:
            return error
