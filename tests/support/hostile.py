"""Documents that are meant to hurt, by what they are made of; tests and `bench.hostile` send them."""

HOSTILE = {
    "ten thousand fields": "{ " + "a " * 10_000 + "}",
    "two thousand braces": "{" * 2_000,
    "a deep list type": "query ($a: " + "[" * 1900 + "Int" + "]" * 1900 + ") { __typename }",
    "a deep value": "{ devices(first: " + "[" * 1900 + "1" + "]" * 1900 + ") { nodes { id } } }",
    "a cycle": "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "doubling fragments": "{ ...f0 } "
    + " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(60))
    + " fragment f60 on Query { __typename me { name } }",
    "aliases": "{ " + " ".join(f"a{i}: me {{ name }}" for i in range(300)) + " }",
    "directives": "{ " + " ".join("me { name } @include(if: true)" for _ in range(100)) + " }",
    "directives on one field": "{ me " + "@skip(if: false) " * 300 + "{ name } }",
    "introspection in circles": "{ __schema { types " + "{ fields { type " * 9 + "{ name }" + " } }" * 9 + " } }",
    "the schema fifty times": "{ " + " ".join(f"a{i}: __schema {{ types {{ name fields {{ name type {{ name }} }} }} }}" for i in range(50)) + " }",
    "conflicting fields": "{ " + " ".join(f"a{i % 7}: device(id: \"{i}\") {{ id }}" for i in range(120)) + " }",
    "variables": "query (" + " ".join(f"$a{i}: Int" for i in range(600)) + ") { __typename }",
}  # fmt: skip
