"""A walk over a SunSpec device: where its map begins, which models follow, and what their registers hold now.

The map begins with `SunS`; a model is its id, the length of what follows, and that; 0xFFFF ends the list (SunSpec Device
Information Model Specification, section 6). What was found before something went wrong is kept, and a note says what it was.
"""

from collections.abc import Callable, Mapping
from typing import Any

from collector.field.scan import NOBODY, REFUSALS, readable
from collector.line.tcp import Reader, ReadError
from ddms.quality import Reason
from ddms.registers import ADDRESSES, MAX_WORDS, RegisterTable
from ddms.sunspec.models import HEAD, known, usual_length

BASES = (40_000, 0, 50_000)
_ASTRAY = (39_999, 40_001, 1, 49_999, 50_001)  # of a device, or a gateway, that counts otherwise
MARK = 0x53756E53  # SunS
_TURNED = {0x7553536E: "the bytes of each register", 0x6E535375: "its registers", 0x536E7553: "all its bytes"}
END = 0xFFFF
MOST_MODELS = 100
MOST_REGISTERS = 20_000
SILENCES = 2  # requests in a row that nobody answered, after which no more are sent
_LINE_FAILURES = frozenset({Reason.REFUSED, Reason.UNREACHABLE, Reason.NO_PORT})


async def sunspec(
    link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
) -> dict[str, Any]:
    """Walk over the device `unit_id`, from `base` or from where SunSpec begins.

    Returns `{base, models: [{id, address, length, words}], notes, requests}`: `base` is null without `SunS`, and the notes
    say what was there; `words` are those of a model that is known, id and length included, null where one cannot be read.
    `report` is given the same while it grows. Raises `ReadError` when nobody answers.
    """
    walk = _Walk(link, parameters, report)
    await walk.run(BASES + _ASTRAY if parameters.get("base") is None else (parameters["base"],))
    return walk.result


class _Walk:
    def __init__(
        self, link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
    ) -> None:
        self._link, self._report = link, report
        self._unit, self._timeout = parameters["unit_id"], parameters["timeout_ms"] / 1000
        self._silences = self._registers = 0
        self.result: dict[str, Any] = {"base": None, "models": [], "notes": [], "requests": 0}

    async def run(self, bases: tuple[int, ...]) -> None:
        base = await self._find(bases)
        if base is None:
            return
        self.result["base"] = base
        if base in _ASTRAY:
            self._note(f"the map begins at {base}: this device counts otherwise than SunSpec says")
        address: int | None = base + HEAD
        while address is not None:
            address = await self._model(address)
            self._report(min(0.95, len(self.result["models"]) / 10), self.result)

    def _note(self, sentence: str) -> None:
        self.result["notes"].append(sentence)

    async def _read(self, address: int, count: int) -> bytes:
        self.result["requests"] += 1
        try:
            data = await self._link.read(self._unit, RegisterTable.HOLDING.function, address, count, self._timeout)
        except ReadError as error:
            self._silences = self._silences + 1 if error.reason in NOBODY else 0
            raise
        self._silences = 0
        return data

    async def _find(self, bases: tuple[int, ...]) -> int | None:
        """Return where `SunS` stands; a note says what stands elsewhere. Raises `ReadError` when nobody answers."""
        heard = []
        for base in bases:
            try:
                mark = int.from_bytes(await self._read(base, HEAD), "big")
            except ReadError as error:
                if error.reason in _LINE_FAILURES or self._silences == min(SILENCES, len(bases)):
                    raise
                heard.append(f"{base}: {error.reason.explanation}")
                continue
            if mark == MARK:
                return base
            turned = f" (SunS with {_TURNED[mark]} turned around: no SunSpec)" if mark in _TURNED else ""
            heard.append(f"{base}: {mark:08x}{turned}")
        self._note(f"no SunS in holding registers of unit {self._unit}: {'; '.join(heard)}")
        return None

    async def _model(self, address: int) -> int | None:
        """Read the model at an address; return where the next one begins, None at the end."""
        head = await self._head(address)
        if head is None or head[0] == END:
            return None
        number, length = head
        end = address + HEAD + length
        if number == 0:
            self._note(f"address {address} holds model 0, which is none: the list has no end (65535), or a length before was wrong")  # fmt: skip
            return None
        model: dict[str, Any] = {"id": number, "address": address, "length": length, "words": []}
        self.result["models"].append(model)
        if end > ADDRESSES:
            self._note(f"model {number} at {address} says that it is {length} registers long, which is beyond the last address: it was not read")  # fmt: skip
            return None
        group = known().get(number)
        if group is None:
            self._note(f"model {number} at {address}, {length} registers long, is not known here: left out")
        elif not group.points:
            self._note(f"model {number} at {address} ({group.label}) holds no measurements: left out")
        else:
            if problem := usual_length(group, length):
                self._note(f"model {number} at {address} {problem}")
            model["words"] = await self._words(address, HEAD + length)
        if self._silences >= SILENCES or len(self.result["models"]) == MOST_MODELS or self._registers > MOST_REGISTERS:
            self._note(f"the walk was ended behind model {number} at {address}: too many models, or no answers")
            return None
        return end

    async def _head(self, address: int) -> tuple[int, int] | None:
        """Read the id and the length of a model; the last register of some devices is the id that ends the list."""
        for count in (HEAD, 1):
            if address + count > ADDRESSES:
                continue
            try:
                data = await self._read(address, count)
            except ReadError as error:
                if error.reason in REFUSALS and count == HEAD:
                    continue
                self._note(f"the list of models ends without its mark (65535) at {address}: {error.reason.explanation}")
                return None
            number = int.from_bytes(data[:2], "big")
            if number == END or count == HEAD:
                return number, int.from_bytes(data[2:4], "big")
        self._note(f"the list of models ends without its mark (65535) at {address}")
        return None

    async def _words(self, address: int, count: int) -> list[int | None]:
        """Read registers, as many of them as there are."""
        words: list[int | None] = [None] * count
        self._registers += count
        for start in range(address, address + count, MAX_WORDS):
            size = min(MAX_WORDS, address + count - start)
            try:
                spans = await readable(self._read, start, size)
            except ReadError as error:
                self._note(f"registers {start} – {start + size - 1}: {error.reason.explanation}")
                if self._silences >= SILENCES:
                    break
                continue
            for (first, n), data in spans:
                for i in range(min(n, address + count - first)):
                    words[first - address + i] = int.from_bytes(data[2 * i : 2 * i + 2], "big")
        if missing := words.count(None):
            self._note(f"{missing} of {count} registers from {address} cannot be read")
        return words
