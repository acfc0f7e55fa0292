"""Every field of the schema asked with arguments nobody thought of: no server error, no answer that takes long.

`make fuzz` asks a running API (URL=…, TOKEN=…, of a database that may be filled with rubbish); needs schemathesis
(`pip install schemathesis`). Ids are those of rows that are there as well as inventions, so that resolvers get to work.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

SCHEMA = Path(__file__).parent.parent / "schema.graphql"
PREFIXES = ("dev", "pt", "grp", "prof", "tok", "con", "usr", "req")
SLOW_SECONDS = 5.0
WAITING = re.compile(r"\b(?:testConnection|probe)\b")
"""Fields that wait for a collector on purpose."""
OWN_END = re.compile(r"\b(?:signOut|revokeToken)\b")
"""Fields that would end the token in use."""


def strategy() -> Any:
    """Return what makes up queries and mutations, whole documents."""
    import schemathesis  # noqa: PLC0415 - a tool that not everybody has
    from hypothesis import strategies as st  # noqa: PLC0415
    from schemathesis.graphql import nodes, scalar  # noqa: PLC0415

    ids = st.builds("{}_{}".format, st.sampled_from(PREFIXES), st.integers(0, 4))
    scalar("AnyId", st.one_of(ids, ids, ids, st.text(max_size=12)).map(nodes.String))
    times = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    scalar("DateTime", st.one_of(times, times, st.text(max_size=12)).map(nodes.String))
    scalar("Duration", st.sampled_from(["PT10S", "PT1H", "P1D", "P1M", "P1Y", "PT0S", "P", "x"]).map(nodes.String))
    scalar("BigInt", st.integers(-(2**60), 2**60).map(nodes.Int))
    scalar("JSON", st.text(max_size=12).map(nodes.String))
    text = re.sub(r"\bID\b", "AnyId", SCHEMA.read_text(encoding="utf-8")) + "\nscalar AnyId\n"
    text = re.sub(r"\n(?:\"\"\"[^\"]*\"\"\"\n)?type Subscription \{.*?\n\}\n", "\n", text, flags=re.DOTALL)
    schema = schemathesis.graphql.from_dict(_introspected(text))
    return st.one_of([operation.ok().as_strategy() for operation in schema.get_all_operations()])


def _introspected(text: str) -> Any:
    from graphql import build_schema, introspection_from_schema  # noqa: PLC0415

    return introspection_from_schema(build_schema(text))


def problem(response: httpx2.Response, seconds: float, document: str) -> str | None:
    """Return what is wrong with an answer, or None."""
    if response.status_code >= 500:
        return f"status {response.status_code}"
    answer = response.json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    if "INTERNAL" in codes:
        return next(error["message"] for error in answer["errors"] if error["extensions"]["code"] == "INTERNAL")
    if seconds > SLOW_SECONDS and not WAITING.search(document):
        return f"{seconds:.1f} s"
    return None


def main() -> None:
    """Ask `--examples` documents; end with 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("URL", "http://127.0.0.1:8000"))
    parser.add_argument("--token", default=os.environ.get("TOKEN"), required="TOKEN" not in os.environ)
    parser.add_argument("--examples", type=int, default=2_000)
    asked = parser.parse_args()
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    statuses: Counter[str] = Counter()
    found: dict[str, str] = {}
    with httpx2.Client(headers={"Authorization": f"Bearer {asked.token}"}, timeout=60) as client:

        @given(strategy())
        @settings(max_examples=asked.examples, deadline=None, phases=[Phase.generate], database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        def ask(case: Any) -> None:
            document = str(case.body["query"] if isinstance(case.body, dict) else case.body)
            if OWN_END.search(document):
                return
            began = time.monotonic()
            response = client.post(f"{asked.url}/graphql", json={"query": document})
            answer = response.json()
            codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
            statuses[f"{response.status_code} {codes[0] if codes else 'answered'}"] += 1
            if wrong := problem(response, time.monotonic() - began, document):
                found[re.sub(r"[0-9a-f]{12}", "…", wrong) + re.sub(r"\W.*", "", document.strip("{ \n"))] = (
                    f"{wrong}\n{document}"
                )

        ask()
    print(f"{asked.examples:,} documents: {dict(statuses.most_common())}")
    for wrong in found.values():
        print(f"\n{wrong}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
