"""What the API tells its callers, read out of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from api.graphql.messages import key_of

ROOT = Path(__file__).parents[2]
WORDS = {
    "the parameter variables",
    "backup",
    "a control character",
    "token",
    "the body",
    "scan",
    "a number of directives",
    "a number of aliases",
    "alarm",
    "group",
    "limit",
    "point",
    "profile",
    "event of an alarm",
    "annotation",
    "webhook",
    "delivery of a webhook",
    "user",
    "restore",
    "device",
    "connection",
    "the parameter extensions",
    "a number of fields",
    "more than 10^9",
    "a depth",
    "write tcp://host:port, udp://, tls://, rtu+tcp://, rtu+udp:// (RTU frames), ascii+tcp://, ascii+udp:// (ASCII frames), serial:///dev/ttyUSB0, ascii+serial:///dev/ttyUSB0, or tcp-listen://0.0.0.0:port?id=text for a device that dials in; the port is 502 if omitted, of tls 802",
}
"""What is put into sentences, and is a word of the language as well."""
SENTENCE_AT = {"DdmsError": 1, "TryLater": 1, "GraphQLError": 0, "Refused": 1, "_check": 1, "_wrong": 0, "ValueError": 0,
               "add": 2, "stop": 2, "Stopped": 1}  # fmt: skip
"""Which argument of these calls is a sentence for a caller."""
NOT_FOR_CALLERS = {
    "ddms/settings.py",
    "ddms/setting_values.py",
    "ddms/nkeys.py",
    "ddms/openid_file.py",
    "ddms/database.py",
    "api/ground/database.py",
    "api/ground/tracing.py",
}


def templates(node: ast.expr) -> Iterator[str]:
    """Return a sentence as the catalogue has it: what is put in is {}."""
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.JoinedStr():
            raise AssertionError(
                f"`{ast.unparse(node)}` has no translation: make it a Sentence, a template and its values"
            )
        case ast.IfExp(_, one, other):
            yield from templates(one)
            yield from templates(other)


def sentences(path: Path) -> Iterator[str]:
    """Return what a module says to callers: in its errors, in variables called `sentence`, in pairs of field and sentence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(ast.Name("Sentence"), [ast.Constant(str() as template), *_]):
                yield key_of(template)
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name), args) if name in SENTENCE_AT:
                for argument in args[SENTENCE_AT[name] :][:1]:
                    yield from map(key_of, templates(argument))
            case ast.Assign([ast.Name("sentence")], value):
                yield from templates(value)
            case ast.Yield(ast.Tuple([_, value])) | ast.Return(ast.Tuple([_, value])):
                yield from (text for text in templates(value) if " " in text)
            case ast.FunctionDef("_reference", body=[*_, ast.Return(value)]) if value:
                yield from templates(value)


def sentences_of_callers() -> dict[str, str]:
    """Return all sentences for callers, with the module of each."""
    modules = sorted([*(ROOT / "api").rglob("*.py"), *(ROOT / "ddms").glob("*.py"), ROOT / "ddms/backups/sealed.py"])
    names = {str(path.relative_to(ROOT)): path for path in modules}
    found = {text: name for name, path in names.items() if name not in NOT_FOR_CALLERS for text in sentences(path)}
    return {text: name for text, name in found.items() if re.search("[a-z]{2}", text.replace("{}", ""))}
