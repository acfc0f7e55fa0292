"""Every field of the schema asked with arguments nobody thought of: no server error, no answer that takes long.

`make fuzz` asks a running API (URL=…, TOKEN=… of an owner, of a database that may be filled with rubbish) in three ways:
documents that fit the schema, made by schemathesis, with ids of rows that are there; the same documents with characters
lost, doubled and put in; and every root field, subscriptions too, with variables of any shape.
"""

import argparse
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    introspection_from_schema,
    is_leaf_type,
    is_required_argument,
)

SCHEMA = Path(__file__).parent.parent / "schema.graphql"
KINDS = {
    "profile": "prof", "device": "dev", "point": "pt", "group": "grp", "token": "tok", "connection": "con", "scan": "req",
}  # fmt: skip
"""The first of these words that an argument, its field or its type is named by, says whose id it wants."""
SLOW_SECONDS = 5.0
WAITING = re.compile(r"\b(?:testConnection|probe)\b")
"""Fields that wait for a collector on purpose."""
OWN_END = re.compile(r"\b(?:signOut|revokeToken)\b")
"""Fields that would end the token in use."""
ODD = [
    "\0",
    "\ud800",
    "{",
    "}",
    '"',
    '"""',
    "$",
    "@",
    "...",
    "#",
    "\\u0000",
    "1e999",
    "9" * 40,
    "null",
    "\U0001f600",
    "é",
]
CHANCE = random.Random()
"""Our own: hypothesis winds the module's back for each example."""
RENEW_AFTER = 250
ROWS = """mutation ($d: DeviceInput!, $g: GroupInput!, $p: ProfileInput!) {
  createDevice(input: $d) { errors { message } } createGroup(input: $g) { errors { message } }
  createProfile(input: $p) { errors { message } } createToken(name: "fuzz", role: VIEWER) { errors { message } } }"""
IDS = """{ devices(last: 30) { nodes { id points { id } } } groups(last: 20) { nodes { id } } profiles(last: 20) { nodes { id } }
  tokens(last: 5) { nodes { id } } connections { id } }"""

ids: dict[str, list[str]] = {prefix: [f"{prefix}_1"] for prefix in KINDS.values()}


ID_TYPES = {prefix: GraphQLScalarType(f"Id_{prefix}") for prefix in ids}


def an_id(prefix: str, number: int) -> str:
    """Return an id that is there, mostly."""
    known = ids[prefix]
    return known[number % len(known)] if number % 10 else f"{prefix}_{number}"


def typed_ids(schema: GraphQLSchema) -> None:
    """Give each argument that takes an id the scalar of what it identifies, so that most ids are of the right kind."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            for name, of in kind.fields.items():
                _type_id(of, name, kind.name)
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for field_name, field in kind.fields.items():
                for name, argument in field.args.items():
                    _type_id(argument, name, field_name)


def _type_id(of: GraphQLArgument | GraphQLInputField, *names: str) -> None:
    if get_named_type(of.type).name == "ID":
        found = next((prefix for name in names for word, prefix in KINDS.items() if word in name.lower()), "dev")
        of.type = _with(of.type, ID_TYPES[found])


def _with(kind: Any, named: GraphQLScalarType) -> Any:
    if isinstance(kind, GraphQLNonNull | GraphQLList):
        return type(kind)(_with(kind.of_type, named))
    return named


def documents() -> Any:
    """Return what makes up whole documents that fit the schema."""
    import schemathesis  # noqa: PLC0415 - a tool that not everybody has
    from hypothesis import strategies as st  # noqa: PLC0415
    from schemathesis.graphql import nodes, scalar  # noqa: PLC0415

    for prefix in ids:
        made = st.builds(an_id, st.just(prefix), st.integers(0, 1000))
        scalar(f"Id_{prefix}", st.one_of(made, made, made, st.text(max_size=12)).map(nodes.String))
    times = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    scalar("DateTime", st.one_of(times, times, st.text(max_size=12)).map(nodes.String))
    scalar("Duration", st.sampled_from(["PT10S", "PT1H", "P1D", "P1M", "P1Y", "PT0S", "P", "x"]).map(nodes.String))
    scalar("BigInt", st.integers(-(2**60), 2**60).map(nodes.Int))
    scalar("JSON", st.text(max_size=12).map(nodes.String))
    text = re.sub(r"\n(?:\"\"\"[^\"]*\"\"\"\n)?type Subscription \{.*?\n\}\n", "\n", SCHEMA.read_text(encoding="utf-8"), flags=re.DOTALL)  # fmt: skip
    parsed = build_schema(text)
    typed_ids(parsed)
    parsed = GraphQLSchema(query=parsed.query_type, mutation=parsed.mutation_type)
    schema = schemathesis.graphql.from_dict(introspection_from_schema(parsed))
    return st.one_of([operation.ok().as_strategy() for operation in schema.get_all_operations()])


def values(depth: int = 0) -> Any:
    """Return anything that JSON can hold, with what is hard to bear more often than what is not."""
    roll = CHANCE.random()
    if roll < 0.25 and depth < 4:
        if roll < 0.12:
            return [values(depth + 1) for _ in range(CHANCE.choice([0, 1, 2, 150]))]
        keys = ["name", "endpoint", "points", "key", "id", "dataType", "x", "\0"]
        return {CHANCE.choice(keys): values(depth + 1) for _ in range(3)}
    numbers = [0, -1, 1, 2**31, 2**53 + 1, 2**64, 2**70, -(2**63), 1.5, -0.0, 1e308, 5e-324]
    texts = ["", "\0", "a" * 5000, "'; --", "NaN", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-14:00", "P1D", "PT1S", "P999999999Y", "WzFd", "tcp://x", "\U0001f600"]  # fmt: skip
    return CHANCE.choice([None, True, False, *numbers, *texts, an_id(CHANCE.choice([*ids]), CHANCE.randrange(1000))])


def asked_with_variables(schema: GraphQLSchema) -> list[tuple[str, str, list[str]]]:
    """Return for each root field its kind of operation, a document with variables for all arguments, and their names."""
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    found = []
    for kind, root in roots.items():
        for name, field in root.fields.items():
            declared = ", ".join(f"${n}: {a.type}" for n, a in field.args.items())
            given = ", ".join(f"{n}: ${n}" for n in field.args)
            if declared and not OWN_END.search(name):
                document = f"{kind} ({declared}) {{ {name}({given}) {{ {' '.join(leaves(field))} }} }}"
                found.append((kind, document, list(field.args)))
    return found


def leaves(field: GraphQLField, depth: int = 2) -> Iterator[str]:
    """Give what can be asked of a field without arguments, some levels deep."""
    kind = get_named_type(field.type)
    for name, child in kind.fields.items():
        if any(map(is_required_argument, child.args.values())):
            continue
        if is_leaf_type(get_named_type(child.type)):
            yield name
        elif depth:
            yield f"{name} {{ {' '.join(leaves(child, depth - 1))} __typename }}"


def broken(document: str) -> str:
    """Return a document with some characters lost, doubled or put in."""
    for _ in range(CHANCE.randint(1, 4)):
        at = CHANCE.randrange(len(document) + 1)
        document = (
            document[:at] + CHANCE.choice([*ODD, "", document[at : at + 9]]) + document[at + CHANCE.randint(0, 3) :]
        )
    return document


class Asker:
    """Asks, and keeps what was wrong."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/graphql"
        self.client = httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self.asked = 0
        self.answers: Counter[str] = Counter()
        self.found: dict[str, str] = {}

    def ask(self, way: str, document: str, variables: Any = None, accept: str = "application/json") -> None:
        """Send one document."""
        if OWN_END.search(document):
            return
        if self.asked % RENEW_AFTER == 0:
            self.renew()
        self.asked += 1
        body = json.dumps({"query": document, "variables": variables})
        headers = {"Content-Type": "application/json", "Accept": accept}
        began = time.monotonic()
        with self.client.stream("POST", self.url, content=body, headers=headers) as response:
            live = "event-stream" in response.headers.get("content-type", "")
            answer = _first(response.iter_lines()) if live else json.loads(response.read())
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        self.answers[f"{way}: {response.status_code} {codes[0] if codes else 'answered'}"] += 1
        if wrong := self._problem(response.status_code, codes, answer, time.monotonic() - began, document):
            known = re.sub(r"[0-9a-f]{12}|[\d.]+ s", "…", wrong) + str(re.findall(r"\w+", document)[:1])
            self.found.setdefault(known, f"{wrong}\n{body}")
            print(f"{wrong}\n{body[:3000]}\n", file=sys.stderr)

    @staticmethod
    def _problem(status: int, codes: list[str], answer: Any, seconds: float, document: str) -> str | None:
        if status >= 500 or "INTERNAL" in codes:
            return f"{status} {answer['errors'][0]['message']}"
        slow = seconds > SLOW_SECONDS and not WAITING.search(document)
        return f"{seconds:.1f} s" if slow else None

    def renew(self) -> None:
        """Make some rows, for others were deleted meanwhile, and learn their ids."""
        number = f"{time.time_ns()}"
        points = [{"key": f"k{n}", "registerTable": "HOLDING", "address": n, "dataType": "INT16"} for n in range(3)]
        rows = {
            "d": {"name": f"fuzz {number}", "endpoint": f"tcp://10.0.0.{self.asked % 250}", "points": points},
            "g": {"name": f"fuzz {number}"},
            "p": {"name": f"fuzz {number}", "points": points},
        }
        self.client.post(self.url, json={"query": ROWS, "variables": rows})
        found = self.client.post(self.url, json={"query": IDS}).json()["data"]
        nodes = [*(node for name in ("devices", "groups", "profiles", "tokens") for node in found[name]["nodes"]), *found["connections"]]  # fmt: skip
        for prefix in ids:
            all_ids = [node["id"] for node in nodes] + [p["id"] for node in nodes for p in node.get("points", [])]
            ids[prefix] = [id_ for id_ in all_ids if id_.startswith(f"{prefix}_")] or [f"{prefix}_1"]


def _first(lines: Iterator[str]) -> Any:
    """Return the answer in the first event of a stream."""
    return next((json.loads(line[6:]) for line in lines if line.startswith("data: {")), {})


def main() -> None:
    """Ask `--examples` documents in each of the three ways; end with 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("URL", "http://127.0.0.1:8000"))
    parser.add_argument("--token", default=os.environ.get("TOKEN"), required="TOKEN" not in os.environ)
    parser.add_argument("--examples", type=int, default=2_000)
    asked = parser.parse_args()
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    asker = Asker(asked.url, asked.token)
    fields = asked_with_variables(build_schema(SCHEMA.read_text(encoding="utf-8")))

    @given(documents())
    @settings(max_examples=asked.examples, deadline=None, phases=[Phase.generate], database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def ask(case: Any) -> None:
        document = str(case.body["query"] if isinstance(case.body, dict) else case.body)
        asker.ask("fits", document)
        asker.ask("broken", broken(document))
        kind, text, names = CHANCE.choice(fields)
        accept = "text/event-stream" if kind == "subscription" else "application/json"
        asker.ask("variables", text, {name: values() for name in names if CHANCE.random() < 0.8}, accept)

    ask()
    print(f"{asker.asked:,} documents")
    for answer, times in sorted(asker.answers.items()):
        print(f"  {answer}: {times:,}")
    for wrong in asker.found.values():
        print(f"\n{wrong}")
    sys.exit(1 if asker.found else 0)


if __name__ == "__main__":
    main()
