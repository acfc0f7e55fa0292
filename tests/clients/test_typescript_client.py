"""The TypeScript client: it compiles, its README works as pasted, and a restart of the API costs a follower nothing."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.flushing import Collector
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"
MODULES = ROOT / "examples" / "typescript" / "node_modules"
pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.skipif(
        shutil.which("node") is None or not (MODULES / ".bin" / "tsc").exists(),
        reason="node is not here, or run `make examples` first",
    ),
]
FOLLOW = """
import { WebSocket } from "ws";
import { Client } from "./index.js";
for await (const { kind, readings } of new Client({ webSocket: WebSocket }).live({ points: [process.argv[2]!] })) {
  for (const { time, value } of readings) console.log(JSON.stringify([kind, time.getTime(), value]));
}
"""
SIGN_IN = """
import { Client, DdmsError } from "./index.js";
const CREATE = 'mutation { createToken(name: "robot", role: VIEWER, days: 1) { errors { message } secret } }';
const told = await new Client().execute(CREATE);
console.log(told.createToken.secret);
const wrong = 'mutation { signIn(name: "nobody", password: "wrong-password") { errors { code message } secret } }';
await new Client({ token: "" }).execute(wrong).catch((error) => console.log(error instanceof DdmsError && error.code));
"""
ALONE = """
import { WebSocket, WebSocketServer } from "ws";
import { Client, DdmsError } from "./index.js";
const asked: string[] = [];
const pages = [
  { time: [1, 2], value: [5, 6], text: [] },
  { time: [3], value: [7], text: ["9007199254740993"] },
];
const answer = (body: any) => {
  if (!body.query.includes("series(")) return {};
  const [columns] = pages.splice(0, 1);
  return { series: [{ point: { id: "pt_1" }, columns, continueFrom: pages.length ? "2026-03-01T00:00:00Z" : null }] };
};
const fetch: any = async (url: string, { headers, body }: any) => {
  asked.push(`${new URL(url).pathname} ${"Idempotency-Key" in headers} ${JSON.parse(body).variables.ids?.length ?? 0}`);
  return new Response(JSON.stringify({ data: answer(JSON.parse(body)) }));
};
const ddms = new Client({ url: "http://127.0.0.1:1/graphql/", fetch });
const [one] = await ddms.series({ points: ["pt_1"], from: new Date(), raw: true, columns: ["value", "text"] });
await ddms.execute("# by hand\\nmutation { disableDevice }");
await ddms.execute("fragment F on Device { id } mutation { disableDevice }");
await ddms.execute("{ mutations }");
await ddms.acknowledge(Array(150).fill("alm_1"));
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("connection", (socket) => socket.on("message", (text) => {
  const { type, id } = JSON.parse(String(text));
  if (type === "connection_init") socket.send('{"type": "connection_ack"}');
  else socket.send(JSON.stringify({ type: "error", id, payload: [{ message: "there is no point pt_9", extensions: { code: "NOT_FOUND" } }] }));
}));
await new Promise((listening) => server.once("listening", listening));
const { port } = server.address() as any;
let refused: unknown;
try {
  for await (const _ of new Client({ url: `http://127.0.0.1:${port}`, webSocket: WebSocket }).live({ points: ["pt_9"] })) break;
} catch (error) { refused = error instanceof DdmsError && error.code; }
for await (const _ of ddms.live({ signal: AbortSignal.abort() })) refused = "followed";
let nowhere: unknown;
try {
  for await (const _ of new Client({ url: "http://127.0.0.1:1", webSocket: WebSocket, retries: 1 }).live({})) break;
} catch (error) { nowhere = error instanceof DdmsError && error.message; }
console.log(JSON.stringify({ columns: one!.columns, asked, refused, nowhere }));
process.exit();
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client and the programs of its README, compiled where the packages are that it needs."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "node_modules").symlink_to(MODULES)
    shutil.copytree(CLIENT, folder / "client", ignore=shutil.ignore_patterns("dist", "node_modules"))
    for number, block in enumerate(re.findall(r"```ts\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)):
        (folder / f"client/src/readme{number}.ts").write_text(block.replace('"ddms-client"', '"./index.js"'))
    (folder / "client/src/follow.ts").write_text(FOLLOW)
    (folder / "client/src/sign_in.ts").write_text(SIGN_IN)
    (folder / "client/src/alone.ts").write_text(ALONE)
    (folder / "client/generate.py").write_text(
        (CLIENT / "generate.py").read_text().replace("HERE.parents[1]", f'Path("{ROOT}")')
    )
    subprocess.run([sys.executable, folder / "client/generate.py"], check=True)
    made = subprocess.run(
        [MODULES / ".bin/tsc", "-p", "."], cwd=folder / "client", capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout
    return folder / "client" / "dist"


async def run(program: Path, url: str, token: str, *arguments: str) -> asyncio.subprocess.Process:
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "DDMS_URL": url, "DDMS_TOKEN": token}
    node = shutil.which("node") or "node"
    return await asyncio.create_subprocess_exec(node, program, *arguments, env=environment, stdout=-1, stderr=-1)


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_what_the_readme_says_works_as_pasted(api: Api, owner: asyncpg.Connection, built: Path, number: int):
    pump = await add(api, "Pump")
    await api.read(owner, {pump["points"]["flow"]: 4.5})
    program = await run(built / f"readme{number}.js", api.url, api.tokens["admin"])
    told = asyncio.create_task(program.communicate())
    async with asyncio.timeout(60):
        while not told.done():  # one of them waits for a change
            await api.read(owner, {pump["points"]["flow"]: 5.5})
            await asyncio.wait([told], timeout=0.2)
    said, errors = (text.decode() for text in told.result())
    assert program.returncode == 0, errors
    assert ["Pump m³/h", "CHANGES pt_", "Pump UNKNOWN 3"][number] in said, said
    if number == 2:
        assert re.search(r"^\w+ \w+: .+\[\n? *\{", said, re.MULTILINE), said


async def test_what_makes_or_takes_a_secret_is_sent_without_a_key(api: Api, built: Path):
    program = await run(built / "sign_in.js", api.url, api.tokens["owner"])
    async with asyncio.timeout(60):
        said, errors = (text.decode() for text in await program.communicate())
    assert program.returncode == 0, errors
    assert re.fullmatch(r"ddms_\S+\nUNAUTHENTICATED\n", said)


async def test_pages_keep_their_rows_changes_their_keys_and_what_is_refused_is_an_error(built: Path):
    program = await run(built / "alone.js", "", "")
    async with asyncio.timeout(60):
        said, errors = (text.decode() for text in await program.communicate())
    assert program.returncode == 0, errors
    told = json.loads(said)
    assert told["columns"] == {"time": [1, 2, 3], "value": [5, 6, 7], "text": [None, None, "9007199254740993"]}
    pages, changes = ["/graphql false 0"] * 2, ["/graphql true 0"] * 2
    assert told["asked"] == [*pages, *changes, "/graphql false 0", "/graphql true 100", "/graphql true 50"]
    assert told["refused"] == "NOT_FOUND"
    assert told["nowhere"] == "UNREACHABLE: http://127.0.0.1:1 cannot be followed: connect ECONNREFUSED 127.0.0.1:1"


async def test_a_follower_misses_nothing_of_what_came_while_the_api_was_away_and_hears_nothing_twice(
    settings: Settings, owner: asyncpg.Connection, tokens, make_device, built: Path
):
    await make_device()
    point, port = await owner.fetchval("SELECT id FROM points"), free_port()
    collector = await Collector.started(owner)
    told: list[list[Any]] = []

    async def listen(program: asyncio.subprocess.Process) -> None:
        while line := await program.stdout.readline():
            told.append(json.loads(line))

    async def flush_until(value: float, seen: float) -> None:
        """Flush values from the next one on, until one was told."""
        async with asyncio.timeout(60):
            while not any(heard >= seen for _, _, heard in told):
                await collector.flush((point, value))
                value += 1
                await asyncio.sleep(0.05)

    async with serving(settings, port=port) as (url, _):
        program = await run(built / "follow.js", url, tokens["viewer"], f"pt_{point}")
        listening = asyncio.create_task(listen(program))
        await flush_until(1.0, 3.0)
    before = collector.sequence
    await collector.flush((point, 1000.0))
    await collector.flush((point, 1001.0))
    async with serving(settings, port=port):
        await flush_until(1002.0, 1004.0)
    program.kill()
    await listening
    assert before > 0
    values = [value for kind, _, value in told if kind != "SNAPSHOT"]
    assert values == sorted(set(values)), "none twice, none in another order"
    assert {1000.0, 1001.0} <= {value for kind, _, value in told if kind == "RESUMED"}
