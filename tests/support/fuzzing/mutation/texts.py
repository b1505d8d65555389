"""Changes to texts of lines and words: plain ones, TOML, YAML and XML."""

from __future__ import annotations

import re
from random import Random

_WORD = re.compile(rb"[^\s,|=:;<>\"'\[\]{}]+")

_WORDS = (
    *b"nan inf -inf 1e400 -1 0 1 0.5 1e308 1e-320 99999999999999999999 None null true left +1 0x1F 1_000 1-1".split(),
    *b"../../x /etc/passwd \0 \xff \xed\xa0\x80 \xe2\x80\xa8 \x1b[31m \xd9\xa1".split(b" "),
    *(b"", b"a\rb", b"\x0b", b"a" * 300, b"9" * 400, b"9" * 5000),
)
_TOML = (
    *rb"""[] {} nan inf 1979-05-27 07:32:00 'x' "" "\u0000" "a\nb" "../x" [[1]] {a=1} 0x10 true -1 0 1e400""".split(),
    *(b"1" + b"0" * 30, b"9" * 5000, b"[" * 2000 + b"]" * 2000),
)
_YAML = (
    *b"*a 2001-12-14 .nan .inf {} [] ~ 0o17 1:30 9999-99-99 1e400 '../x'".split(),
    *(b"&a [*a, *a]", b"!!python/object/apply:os.system ['true']", b"!!binary aGk=", b"!!set {a, b}", b"|\n  x"),
    *(b"? [a]\n: b", b"- - -", b"!!float x", b"!!int x", b"!!timestamp x", b"<<: {a: 1}", b"[" * 3000, b"9" * 5000),
)
_XML = (
    b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>',
    *b"&c; <a/> </a> <![CDATA[x]]> <!----> &#0; &#x110000;".split(),
    *(b"<?a b?>", b"<a>" * 3000),
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
