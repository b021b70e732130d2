"""What a word is as a name; the frozen lists are those of the stated version of Faker."""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest

from medtune.text.identifiers.lexicon import NAMES_FOLDER, name_status
from medtune.text.words import read_words

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_name_lists.py"


@pytest.mark.parametrize(
    ("word", "given", "surname", "unambiguous", "sufficient"),
    [
        ("Thandiwe", True, False, True, True),
        ("José", True, False, True, True),
        ("Sørensen", False, True, True, False),
        ("Paris", True, True, False, False),
        ("Grace", True, True, False, False),
        ("Mary-Ann", True, True, True, True),
        ("Lee-Wong", True, True, False, False),
        ("Treatment", False, False, False, False),
        ("Monday", False, False, False, False),
        ("Parkinson", False, True, False, False),
    ],
)
def test_what_a_word_is_as_a_name(word, given, surname, unambiguous, sufficient):
    assert name_status(word) == (given, surname, unambiguous, sufficient)


def test_name_lists_are_those_of_their_stated_version():
    head = (NAMES_FOLDER / "given.txt").read_text(encoding="utf-8").splitlines()[0]
    if f"Faker {version('faker')} " not in head:
        pytest.skip("another version of Faker is installed")
    spec = importlib.util.spec_from_file_location("make_name_lists", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    lists = script.name_lists()
    assert lists == {name: read_words(NAMES_FOLDER / name) for name in lists}
    assert "Permission is hereby granted" in (NAMES_FOLDER / "LICENSE.txt").read_text()
