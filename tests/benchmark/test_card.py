import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.card import Card, CardError, card_toml, parse_card, read_card
from hint.errors import InputError

FULL = """
title = "Net é \\"2\\\\\\""
paper = "https://example.org/paper"
code = "http://example.org/code"
authors = ["A", "B"]
licence = "MIT"
training_data = ["FreiHAND", "HInt"]
trained_on_hint = true
parameters = 672_000_000
hands_per_second = 41
device = "one GPU"
"""


def test_a_card_says_what_it_was_told_and_nothing_it_was_not(tmp_path) -> None:
    (tmp_path / "card.toml").write_text("\ufeff" + FULL, encoding="utf-8")
    card = read_card(tmp_path / "card.toml")
    assert (card.title, card.trained_on_hint, card.parameters, card.authors) == (
        'Net é "2\\"', "yes", 672_000_000, ("A", "B"),
    )  # fmt: skip
    bare = parse_card(b'title = "Net"')
    assert (bare.trained_on_hint, bare.training_data, bare.parameters, bare.paper) == ("not stated", (), None, None)
    with pytest.raises(InputError, match="nowhere"):
        read_card(tmp_path / "nowhere.toml")


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=100), st.floats(1e-6, 1e6))
def test_a_card_survives_being_written(text, speed) -> None:
    card = Card(title=text, authors=(text,), hands_per_second=speed, device=text, parameters=7)
    assert parse_card(card_toml(card).encode()) == card


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ('titel = "a"\npaper = "javascript:alert(1)"\nparameters = -3', ["title", "titel", "paper", "parameters"]),
        ('title = "a"\ncode = "https://user:word@example.org"', ["code"]),
        ('title = "a"\ncode = "https://example.org/\\"onclick"', ["code"]),
        ('title = "a\\u202e"', ["title"]),
        (f'title = "{"a" * 101}"', ["title"]),
        (f'title = "a"\nparameters = 1{"0" * 400}', ["parameters"]),
        ('title = "a"\nparameters = true', ["parameters"]),
        ('title = "a"\nhands_per_second = inf\ndevice = "a"', ["hands_per_second"]),
        ('title = "a"\nhands_per_second = 3.0', ["device"]),
        ('title = "a"\ntraining_data = ["hint"]\ntrained_on_hint = "no"', ["trained_on_hint"]),
        ('title = "a"\ntrained_on_hint = "maybe"', ["trained_on_hint"]),
        (f"parameters = 1{'0' * 5000}", ["TOML"]),
        (f"a = {'[' * 8000}", ["TOML"]),
        ("\ud800", ["TOML"]),
        (f"{'.'.join('a' * 4000)} = 1", ["title"]),
        ("\n".join(f"k{i} = 1" for i in range(1000)), ["title", "more"]),
        ("#" * 20_000, ["bytes"]),
    ],
)
def test_a_card_that_is_none_is_refused_with_all_that_is_wrong(content, facts) -> None:
    with pytest.raises(CardError) as refused:
        parse_card(content.encode("utf-8", "surrogatepass"))
    assert all(fact in str(refused.value) for fact in facts)
    assert len(str(refused.value)) < 5_000
