"""Changes to texts of lines and words: plain ones, TOML, YAML and XML."""

from __future__ import annotations

import re
from random import Random

_WORD = re.compile(rb"[^\s,|=:;<>\"'\[\]{}]+")

_WORDS = (
    *(b"nan", b"inf", b"-inf", b"1e400", b"-1", b"0", b"1", b"0.5", b"1e308", b"1e-320", b"99999999999999999999"),
    *(
        b"9" * 400,
        b"9" * 5000,
        b"",
        b"None",
        b"null",
        b"true",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"1_000",
    ),
    *(
        b"\x1b[31m",
        b"a" * 300,
        b"../../x",
        b"/etc/passwd",
        b"left",
        b"+1",
        b"0x1F",
        b"\xd9\xa1",
        b"1-1",
        b"a\rb",
        b"\x0b",
    ),
)
_TOML = (
    *(
        b"[]",
        b"{}",
        b"nan",
        b"inf",
        b"1979-05-27",
        b"07:32:00",
        b"'x'",
        b'""',
        b'"\\u0000"',
        b"[[1]]",
        b"{a = 1}",
        b"0x10",
    ),
    *(b"1" + b"0" * 30, b"[" * 2000 + b"]" * 2000, b"true", b"-1", b"0", b"1e400", b'"a\\nb"', b"9" * 5000, b'"../x"'),
)
_YAML = (
    *(
        b"&a [*a, *a]",
        b"*a",
        b"!!python/object/apply:os.system ['true']",
        b"!!binary aGk=",
        b"2001-12-14",
        b".nan",
        b".inf",
    ),
    *(
        b"!!set {a, b}",
        b"{}",
        b"[]",
        b"~",
        b"0o17",
        b"1:30",
        b"|\n  x",
        b"? [a]\n: b",
        b"- - -",
        b"!!float x",
        b"!!int x",
    ),
    *(b"9999-99-99", b"!!timestamp x", b"[" * 3000, b"<<: {a: 1}", b"9" * 5000, b"1e400", b"'../x'"),
)
_XML = (
    b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>',
    *(b"&c;", b"<a/>", b"</a>", b"<![CDATA[x]]>", b"<!-- -->", b"<?a b?>", b"&#0;", b"&#x110000;"),
    b"<a>" * 3000,
)


def mutate_text(content: bytes, random: Random) -> bytes:
    """Change a word or a line."""
    return _changed(content, random, _WORDS)


def mutate_toml(content: bytes, random: Random) -> bytes:
    """Change a value, or as :func:`mutate_text`."""
    if random.random() < 0.6:
        found = list(re.finditer(rb"(?m)=[ \t]*([^\n#]+)", content))
        if found:
            match = random.choice(found)
            return content[: match.start(1)] + random.choice(_TOML) + content[match.end(1) :]
    return _changed(content, random, _WORDS)


def mutate_yaml(content: bytes, random: Random) -> bytes:
    """Change a value, or as :func:`mutate_text`."""
    return _changed(content, random, (*_WORDS, *_YAML))


def mutate_xml(content: bytes, random: Random) -> bytes:
    """Change the value of an attribute, insert markup, or as :func:`mutate_text`."""
    kind = random.random()
    if kind < 0.5:
        match = random.choice(list(re.finditer(rb'"([^"]*)"', content)))
        word = random.choice(_WORDS).replace(b'"', b"").replace(b"<", b"")
        return content[: match.start(1)] + word + content[match.end(1) :]
    if kind < 0.7:
        place = random.choice([match.start() for match in re.finditer(rb"<|>\n?", content)])
        return content[:place] + random.choice(_XML) + content[place:]
    return _changed(content, random, _WORDS)


def _changed(content: bytes, random: Random, words: tuple[bytes, ...]) -> bytes:
    if random.random() < 0.6 and (found := list(_WORD.finditer(content))):
        match = random.choice(found)
        return content[: match.start()] + random.choice(words) + content[match.end() :]
    lines = content.split(b"\n")
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.randrange(5)
    if kind == 0:
        lines.insert(place, lines[other])
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3:
        lines[place] = b" ".join([lines[place]] * 2)
    else:
        lines[place] = random.choice(words)
    return b"\n".join(lines)
