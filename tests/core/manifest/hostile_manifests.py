"""Documents that are not manifests, each with its expected problem."""

from __future__ import annotations

from collections.abc import Callable

HEAD = "version: 1\nname: salary-svc\nregister: {file: m.joblib}\n"
MIB = 2**20


def bomb(anchor: str, reference: str) -> str:
    levels = [f"a0: &a0 {anchor}"]
    levels += [f"a{n}: &a{n} {reference.replace('*', f'*a{n - 1}')}" for n in range(1, 12)]
    return "\n".join(levels)


GROWING: dict[str, Callable[[int], str]] = {
    "values": lambda size: HEAD + "a: [" + "1," * size + "]",
    "duplicates": lambda size: HEAD + "a: 1\n" * size,
    "unknown keys": lambda size: HEAD + "\n".join(f"kye{n}: 1" for n in range(size)),
    "targets": lambda size: (
        HEAD
        + "targets:\n"
        + "\n".join(f"  t{n}: {{plugin: local, service_name: svc-{n}, prot: 1}}" for n in range(size))
    ),
    "equal services": lambda size: HEAD + "targets:\n" + "\n".join(f"  t{n}: {{plugin: local}}" for n in range(size)),
    "connections": lambda size: (
        HEAD
        + "connections:\n"
        + "\n".join(f"  connection{n}: {{}}" for n in range(size))
        + f"\ntrack: [{'conection,' * size}]"
    ),
    "gates": lambda size: HEAD + "gates: [" + "{plugin: approval, evrey: 1}," * size + "]",
    "samples": lambda size: HEAD + "package: {samples: [" + "{request: 1, respond: 1}," * size + "]}",
    "tags": lambda size: HEAD.replace("}", f", tags: {{{', '.join(f'k{n}: [1]' for n in range(size))}}}}}"),
    "wrong scalars": lambda size: HEAD + "track: [" + "no," * size + "]",
    "anchors": lambda size: HEAD + "a:\n" + "\n".join(f"- &a{n} 1" for n in range(size)),
    "references": lambda size: HEAD + "track: [" + "'${', " * size + "]",
    "merges": lambda size: HEAD + "a: &a {x: 1}\nb: [" + "{<<: *a}, " * size + "]",
}
"""Hostile documents of any size, with one problem per value."""

HARMLESS = f"{HEAD}package: {{samples: [{{request: [{'value, ' * 38_000}], response: 1}}]}}\n"
"""A document without a problem, near the maximum size."""

DOCUMENTS = {
    "flow nesting": ("[" * 50_000, "nested deeper than 64 levels"),
    "flow nesting over a mebibyte": ("{a: " * (MIB // 4), "nested deeper than 64 levels"),
    "closed nesting": (HEAD + "train: " + "[" * 50_000 + "]" * 50_000, "nested deeper than 64 levels"),
    "dashes": ("- " * 50_000, "nested deeper than 64 levels"),
    "question marks": ("? " * 50_000, "nested deeper than 64 levels"),
    "indentation": ("\n".join(" " * n + "a:" for n in range(1_400)), "nested deeper than 64 levels"),
    "nesting through aliases": (
        HEAD + "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5_000)),
        "nested deeper than 64 levels",
    ),
    "nesting through merges": (
        HEAD + "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 5_000)),
        "nested deeper than 64 levels",
    ),
    "alias bomb": (HEAD + bomb("[x]", "[*,*,*,*,*,*,*,*,*,*]"), "more than 40000 values"),
    "merge bomb": (HEAD + bomb("{x: 1}", "{<<: [*,*,*,*,*,*,*,*,*,*]}"), "more than 40000 values"),
    "empty merge bomb": (HEAD + bomb("{}", "{<<: [*,*,*,*,*,*,*,*,*,*]}"), "more than 40000 values"),
    "text alias bomb": (
        HEAD + f"a: &a {'x' * 500_000}\nb: [{'*a,' * 30_000}]",
        "more than 40000 values",
    ),
    "recursive list": (HEAD + "a: &a [*a]", "an alias that refers to itself"),
    "recursive mapping": (HEAD + "a: &a {b: *a}", "an alias that refers to itself"),
    "recursive merge": (HEAD + "a: &a {<<: *a}", "nested deeper than 64 levels"),
    "recursive root": ("&a\nversion: 1\nb: *a", "an alias that refers to itself"),
    "huge": (HEAD + "# " + "x" * MIB, "larger than 1 MiB"),
    "many values": (GROWING["values"](400_000), "more than 40000 values"),
    "many empty values": (HEAD + "?\n" * 400_000, "more than 40000 values"),
    "many duplicates": (GROWING["duplicates"](19_000), "duplicate key"),
    "many unknown keys": (GROWING["unknown keys"](19_000), "unknown key"),
    "many targets": (GROWING["targets"](4_500), "unknown key"),
    "many connections": (GROWING["connections"](8_000), "no connection"),
    "many wrong scalars": (GROWING["wrong scalars"](35_000), "read as a boolean"),
    "many directives": ("".join(f"%TAG !a{n}! x\n" for n in range(60_000)) + "---\n" + HEAD, "16 directives"),
    "many anchors": (GROWING["anchors"](39_000), "unknown key"),
    "many control characters": ("\0" * MIB, "U+0000"),
    "many lines": (HEAD + "a: |\n" + "\n" * (MIB - 100), "unknown key"),
    "many colons": (HEAD + ":" * 1_000_000, "not YAML"),
    "many references": (HEAD + "track: ['" + "${" * 400_000 + "']", "malformed reference"),
    "long key": (HEAD + "? " + "k" * 1_000_000 + "\n: 1", "unknown key"),
    "long integer": (HEAD + "track: [" + "9" * 5_000 + "]", "an integer of more than 64 bits"),
    "longer integer": (HEAD + "track: [" + "9" * 1_000_000 + "]", "an integer of more than 64 bits"),
    "long float": (HEAD + "track: [" + "9" * 1_000_000 + ".0]", "too large for a float"),
    "impossible date": (HEAD + "track: [2024-02-30]", "is not a date"),
    "impossible time": (HEAD + "track: [2024-13-45 99:99:99]", "is not a date"),
    "infinity": (HEAD + "track: [.inf, -.INF, .nan, 1e999]", "not a number that JSON has"),
    "python object": (HEAD + "track: !!python/object/apply:os.system ['false']", "is not allowed"),
    "python name": (HEAD + "track: [!!python/name:os.system '']", "is not allowed"),
    "escaped control": (HEAD + r'track: ["\e[31m\0"]', "U+001B"),
}
