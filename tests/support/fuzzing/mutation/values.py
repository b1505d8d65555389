"""Changes to JSON: other values, keys and depths."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

#: What replaces a value, as text of JSON, or nearly.
# fmt: off
RAW = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "1e-320", "-0.0", "0.5", "-1", "0", "1", "21", "255",
    "2147483648", "-2147483649", "9223372036854775808", "18446744073709551616", "1" + "0" * 40, "1" * 400, "9" * 5000,
    "true", "false", "null", '""', r'"\ud800"', r'"\u0000"', r'"a\nb"', r'"\u001b[31m"', '"../../x"', '"/etc/passwd"',
    '"%s"', '"nan"', '"inf"', '"1"', '"left"', '"con"', '"."', f'"{"a" * 300}"', f'"{"é" * 5000}"',
    "[]", "{}", "[[]]", "[{}]", '{"a": 1}', "[null]", "[1, 2]", "[NaN, NaN]", '{"a":' * 5000 + "1" + "}" * 5000,
    *("[" * depth + "]" * depth for depth in (20, 900, 100_000)),
)
# fmt: on

_MARK = "\u2063hostile"


def mutate_json(content: bytes, random: Random) -> bytes:
    """Change one value, key or list of a JSON text."""
    value = json.loads(content)
    holders: list[Any] = []
    _holders([value], holders)
    raw = random.choice(RAW)
    root = [value]
    _change(random.choice([root, *holders]), random)
    return json.dumps(root[0] if root else None).replace(json.dumps(_MARK), raw).encode()


def mutate_json_lines(content: bytes, random: Random) -> bytes:
    """Change one line, or the order of lines."""
    lines = content.splitlines()
    place = random.randrange(len(lines))
    kind = random.randrange(8)
    if kind == 0:
        lines.insert(place, random.choice(lines))
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        lines[place] = random.choice(RAW).encode()
    else:
        lines[place] = mutate_json(lines[place], random)
    return b"\n".join(lines) + b"\n"


def _holders(value: Any, found: list[Any]) -> None:
    """Collect everything that holds other values."""
    if isinstance(value, dict | list) and value:
        found.append(value)
        for part in value.values() if isinstance(value, dict) else value:
            _holders(part, found)


def _change(holder: Any, random: Random) -> None:
    keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key, other = random.choice(keys), random.choice(keys)
    changes: list[Callable[[], object]] = [
        *[lambda: holder.__setitem__(key, _MARK)] * 6,
        lambda: holder.__setitem__(key, holder[other]),
        lambda: holder.__delitem__(key),
        lambda: holder.__setitem__(key, [holder[key]]),
        lambda: holder.__setitem__(key, {"a": holder[key]}),
        lambda: holder.__setitem__(key, str(holder[key])),
    ]
    if isinstance(holder, dict):
        changes += [lambda: holder.__setitem__(_MARK, 1), lambda: holder.__setitem__(f"{key}x", holder.pop(key))]
    else:
        changes += [lambda: holder.append(holder[key]), lambda: holder.extend(holder[:1] * 40), lambda: holder.clear()]
    random.choice(changes)()
