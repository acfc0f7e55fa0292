"""An archive: a folder with a file of readings for each month, and a manifest that says what is in each of them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from ddms import VERSION
from ddms.database import SCHEMA_VERSION, Connection
from ddms.errors import Code, DdmsError
from ddms.history.archive_files import ArchivedPoint, Part, read_parts, write_file
from ddms.stream import to_datetime, to_microseconds

MANIFEST = "manifest.json"
FORM = 1

READ_POINTS = """-- ddms:read_archived_points
SELECT p.id, p.key, p.name, p.unit, p.data_type, d.id AS device_id, d.name AS device, d.deleted_at IS NOT NULL AS deleted
  FROM points p JOIN devices d ON d.id = p.device_id WHERE $1::int[] IS NULL OR p.id = any($1)
 ORDER BY lower(d.name), d.id, p.key
"""
READ_FIRST = """-- ddms:read_first_archived
SELECT min(least(r.time, t.time)) FROM unnest($1::int[]) AS p (id)
  LEFT JOIN LATERAL (SELECT time FROM readings WHERE point_id = p.id ORDER BY time LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT time FROM texts WHERE point_id = p.id ORDER BY time LIMIT 1) t ON true
"""
COUNT = """-- ddms:count_archived
SELECT point_id, count(*) AS rows, min(time) AS first, max(time) AS last FROM {} WHERE point_id = any($1) AND time >= $2 AND time < $3 GROUP BY 1
"""
BEGIN = "-- ddms:begin_archive\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
PREPARE = "-- ddms:prepare_archive\nSELECT set_config('plan_cache_mode', 'force_custom_plan', false), set_config('statement_timeout', '4h', false)"

Span = tuple[datetime, datetime]
Content = dict[str, list[int]]
"""What a file has of each point, and of its texts (`pt_12`, `pt_12 text`): rows, first and last time in microseconds."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What an archive is to hold; a folder keeps to one choice."""

    by_device: bool
    form: str
    chosen: dict[str, list[str]]


@dataclass(kw_only=True)
class Told:
    """What was done with a part of the archive: written, renewed, same, erased (the database has less of it now), late."""

    file: str
    done: str
    rows: int
    bytes: int = 0


class Manifest:
    """What is in the folder, as it is written there; renewed after each file."""

    def __init__(self, folder: Path, choice: Choice) -> None:
        self.folder, self._choice = folder, choice
        self.files: list[dict[str, Any]] = []
        if (folder / MANIFEST).exists():
            self.files = self._read()

    def _read(self) -> list[dict[str, Any]]:
        known, choice = read_manifest(self.folder), self._choice
        if (known["by"], known["form"], known["chosen"]) != (_by(choice), choice.form, choice.chosen):
            told = f"{self.folder} holds an archive of another choice (by {known['by']}, {known['form']}, {known['chosen'] or 'all devices'}): take another folder"
            raise DdmsError(Code.CONFLICT, told, field="folder")
        files: list[dict[str, Any]] = known["files"]
        return files

    def put(self, entry: dict[str, Any], points: Iterable[ArchivedPoint]) -> None:
        """Add a file, or what it is now."""
        self.files = sorted(
            [one for one in self.files if one["file"] != entry["file"]] + [entry], key=lambda one: one["file"]
        )
        content = {
            "archive": FORM, "ddms": VERSION, "schema": SCHEMA_VERSION, "written": _iso(datetime.now(UTC)), "by": _by(self._choice),
            "form": self._choice.form, "chosen": self._choice.chosen, "points": [_described(point) for point in points], "files": self.files,
        }  # fmt: skip
        unfinished = self.folder / f".{MANIFEST}.part"
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        unfinished.replace(self.folder / MANIFEST)

    def free_name(self, name: str, ending: str) -> str:
        """Return a name of which there is no file: 2026-03.parquet, then 2026-03.2.parquet."""
        taken = {one["file"] for one in self.files}
        names = [f"{name}.{ending}", *(f"{name}.{number}.{ending}" for number in range(2, len(taken) + 3))]
        return next(one for one in names if one not in taken)


def _by(choice: Choice) -> str:
    return "device" if choice.by_device else "month"


def _described(point: ArchivedPoint) -> dict[str, Any]:
    return {
        "point": f"pt_{point.number}", "key": point.key, "name": point.name, "unit": point.unit, "type": point.data_type,
        "device": point.device, "device_id": f"dev_{point.device_number}", "deleted": point.deleted,
    }  # fmt: skip


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what is in a folder; raises `DdmsError` when it is no archive that this version can read."""
    try:
        known: Any = orjson.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise DdmsError(Code.NOT_FOUND, f"{folder} is no archive: there is no {MANIFEST}", field="folder") from None
    except ValueError as error:
        raise DdmsError(Code.INVALID, f"{folder / MANIFEST} is damaged: {error}", field="folder") from error
    if not isinstance(known, dict) or known.get("archive") != FORM:
        raise DdmsError(
            Code.INVALID,
            f"{folder} was written by another version of DDMS ({known.get('ddms', '?') if isinstance(known, dict) else '?'})",
            field="folder",
        )
    return known


def damaged(folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Return what is not as it was written: files that are gone, shorter, or have another checksum."""
    wrong = []
    for entry in read_manifest(folder)["files"]:
        file = folder / entry["file"]
        tell(entry["file"])
        if not file.exists():
            wrong.append(f"{entry['file']} is gone")
        elif file.stat().st_size != entry["bytes"]:
            wrong.append(f"{entry['file']} has {file.stat().st_size:,} bytes instead of {entry['bytes']:,}")
        elif _sum(file) != entry["sha256"]:
            wrong.append(f"{entry['file']} has another checksum than it was written with")
    return wrong


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


async def read_points(connection: Connection, chosen: Sequence[int] | None) -> list[ArchivedPoint]:
    """Read the points with these numbers, or all: of deleted devices too, as long as their history is kept."""
    rows = await connection.fetch(READ_POINTS, None if chosen is None else list(chosen))
    return [
        ArchivedPoint(
            row["id"],
            row["key"],
            row["name"],
            row["unit"],
            row["data_type"],
            row["device_id"],
            row["device"],
            row["deleted"],
        )
        for row in rows
    ]


class Archive:
    """Writes what the folder does not have yet."""

    def __init__(
        self,
        connection: Connection,
        manifest: Manifest,
        choice: Choice,
        points: Sequence[ArchivedPoint],
        *,
        renew: bool,
    ) -> None:
        self._connection, self._manifest, self._choice, self._points, self._renew = (
            connection,
            manifest,
            choice,
            points,
            renew,
        )

    async def write(self, begin: datetime | None, end: datetime, tell: Callable[[str], None]) -> AsyncIterator[Told]:
        """Go through the months from the oldest reading up to `end`, or from a later `begin`."""
        await self._connection.fetchrow(PREPARE)
        first = await self._connection.fetchval(READ_FIRST, [point.number for point in self._points])
        if first is None:
            return
        for month, after in _months(max(first, begin) if begin else first, end):
            for name, points in self._units(month):
                tell(name)
                async for told in self._unit(name, points, month, min(after, end)):
                    yield told

    def _units(self, month: datetime) -> list[tuple[str, list[ArchivedPoint]]]:
        if not self._choice.by_device:
            return [(f"{month:%Y-%m}", list(self._points))]
        devices: dict[int, list[ArchivedPoint]] = {}
        for point in self._points:
            devices.setdefault(point.device_number, []).append(point)
        return [(f"{month:%Y-%m}.dev_{device}", points) for device, points in devices.items()]

    async def _unit(
        self, name: str, points: list[ArchivedPoint], begin: datetime, end: datetime
    ) -> AsyncIterator[Told]:
        """Compare what is there of one month (of one device), and write what is missing."""
        await self._connection.execute(BEGIN)
        try:
            entries = [one for one in self._manifest.files if one["name"] == name]
            spans = {(one["from"], one["to"]) for one in entries}
            for span in sorted(spans):
                yield await self._compared([one for one in entries if (one["from"], one["to"]) == span], points)
            begin = max([datetime.fromisoformat(upto) for _, upto in spans] + [begin])
            if begin < end and (content := await self._content(points, begin, end)):
                file = self._manifest.free_name(name, self._choice.form)
                yield await self._written(name, points, (begin, end), content, file)
        finally:
            await self._connection.execute("-- ddms:end_archive\nROLLBACK")

    async def _compared(self, entries: list[dict[str, Any]], points: list[ArchivedPoint]) -> Told:
        """Say whether files of one span have all that the database has; renew them when that is wished, and loses nothing."""
        newest = entries[-1]
        begin, end = (datetime.fromisoformat(newest[name]) for name in ("from", "to"))
        content = await self._content(points, begin, end)
        known: list[Content] = [entry["content"] for entry in entries]
        file = self._manifest.folder / newest["file"]
        is_whole = await asyncio.to_thread(_is_whole, file, newest["bytes"])
        more = sum(_is_more(has, [one.get(name) for one in known]) for name, has in content.items())
        less = any(_is_less(content.get(name), had) for one in known for name, had in one.items())
        if is_whole and not more:
            return Told(file=newest["file"], done="erased" if less else "same", rows=newest["rows"])
        if not self._renew and is_whole:
            return Told(file=newest["file"], done="late", rows=sum(has[0] for has in content.values()) - newest["rows"])
        if not is_whole and less:
            return Told(file=newest["file"], done="damaged", rows=newest["rows"])
        name = self._manifest.free_name(newest["name"], self._choice.form) if less else newest["file"]
        return await self._written(newest["name"], points, (begin, end), content, name)

    async def _content(self, points: list[ArchivedPoint], begin: datetime, end: datetime) -> Content:
        numbers = [point.number for point in points]
        with_texts = [point.number for point in points if point.has_texts]
        content: Content = {}
        for source, chosen, after in (("readings", numbers, ""), ("texts", with_texts, " text")):
            for row in await self._connection.fetch(COUNT.format(source), chosen, begin, end) if chosen else ():
                content[f"pt_{row['point_id']}{after}"] = [
                    row["rows"],
                    to_microseconds(row["first"]),
                    to_microseconds(row["last"]),
                ]
        return content

    async def _written(self, name: str, points: list[ArchivedPoint], span: Span, content: Content, file: str) -> Told:
        rows = 0

        async def counted() -> AsyncIterator[Part]:
            nonlocal rows
            wanted = [
                point for point in points if f"pt_{point.number}" in content or f"pt_{point.number} text" in content
            ]
            async for part in read_parts(self._connection, wanted, *span):
                rows += len(part.times)
                yield part

        is_new = all(one["file"] != file for one in self._manifest.files)
        written = await write_file(self._manifest.folder / file, self._choice.form, counted(), asyncio.to_thread)
        first, last = min(has[1] for has in content.values()), max(has[2] for has in content.values())
        entry = {
            "file": file, "name": name, "from": _iso(span[0]), "to": _iso(span[1]), "rows": rows, "first": _iso(to_datetime(first)), "last": _iso(to_datetime(last)),
            "bytes": written.bytes, "sha256": written.sha256, "written": _iso(datetime.now(UTC)), "content": content,
        }  # fmt: skip
        await asyncio.to_thread(self._manifest.put, entry, self._points)
        return Told(file=file, done="written" if is_new else "renewed", rows=rows, bytes=written.bytes)


def _is_whole(file: Path, size: int) -> bool:
    return file.exists() and file.stat().st_size == size


def _is_more(has: list[int], had: Sequence[list[int] | None]) -> bool:
    """Whether the database has rows of a point that no file has."""
    known = [one for one in had if one is not None]
    return has not in known and not any(has[0] < one[0] for one in known)


def _is_less(has: list[int] | None, had: list[int]) -> bool:
    return has is None or has[0] < had[0] or has[1] > had[1] or has[2] < had[2]


def _months(first: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    months = []
    month = first.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < end:
        after = (month + timedelta(days=32)).replace(day=1)
        months.append((month, after))
        month = after
    return months
