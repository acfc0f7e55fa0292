"""`python clients/typescript/generate.py` writes the types of schema.graphql for TypeScript; done before each build."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
)

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "schema.graphql"
WRITTEN = HERE / "src" / "schema.ts"
SCALARS = {
    "ID": "string",
    "String": "string",
    "Int": "number",
    "Float": "number",
    "Boolean": "boolean",
    "BigInt": "number",
    "DateTime": "string",
    "Duration": "string",
    "IdColumn": "string[]",
    "TimeColumn": "number[]",
    "NumberColumn": "(number | null)[]",
    "QualityColumn": "number[]",
    "CountColumn": "(number | null)[]",
    "TextColumn": "(string | null)[]",
    "JSON": "unknown",
}


def type_of(kind: object) -> str:
    """Return a type as TypeScript writes it."""
    if isinstance(kind, GraphQLNonNull):
        return _whole(kind.of_type)
    return f"{_whole(kind)} | null"


def _whole(kind: object) -> str:
    if isinstance(kind, GraphQLList):
        member = type_of(kind.of_type)
        return f"({member})[]" if " " in member else f"{member}[]"
    return SCALARS.get(kind.name, "unknown") if isinstance(kind, GraphQLScalarType) else kind.name


def _told(text: str | None, indent: str = "") -> str:
    said = " ".join((text or "").replace("*/", "* /").split())
    return f"{indent}/** {said} */\n" if said else ""


def types() -> str:
    """Return the module: a type for each of the schema, in its order."""
    parts = ["// Made of schema.graphql by generate.py.\n"]
    for name, kind in build_schema(SCHEMA.read_text(encoding="utf-8")).type_map.items():
        if name.startswith("__") or isinstance(kind, GraphQLScalarType):
            continue
        if isinstance(kind, GraphQLEnumType):
            values = " | ".join(f'"{value}"' for value in kind.values)
            parts.append(f"{_told(kind.description)}export type {name} = {values};\n")
        elif isinstance(kind, GraphQLUnionType):
            parts.append(
                f"{_told(kind.description)}export type {name} = {' | '.join(one.name for one in kind.types)};\n"
            )
        elif isinstance(kind, GraphQLInputObjectType | GraphQLObjectType | GraphQLInterfaceType):
            given = isinstance(kind, GraphQLInputObjectType)
            fields = "".join(
                f"{_told(field.description, '  ')}  {key}{'?' if given and (not isinstance(field.type, GraphQLNonNull) or field.default_value is not None) else ''}: {type_of(field.type)};\n"
                for key, field in kind.fields.items()
            )
            parts.append(f"{_told(kind.description)}export interface {name} {{\n{fields}}}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    WRITTEN.write_text(types(), encoding="utf-8")
