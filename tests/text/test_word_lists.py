"""Word lists are read from data files: words, phrases, references to other lists, comments."""

import re
from pathlib import Path

import pytest

import medtune.text
from medtune.text.words import CALENDAR, NUMBERS, read_lists, read_words

FOLDER = Path(medtune.text.__file__).parent
CODE = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py"))


def test_a_string_is_words_and_an_array_is_phrases(tmp_path):
    path = tmp_path / "lists.toml"
    path.write_text(
        '# a comment\ndrugs = """\naspirin\ninsulin"""\n'
        'places = ["the ward", "{drugs} (?:shelf|box)"]\n'
    )
    lists = read_lists(path)
    assert lists["drugs"] == ("aspirin", "insulin")
    assert lists.words("drugs", "places") >= {"aspirin", "insulin", "ward"}
    assert lists.one_of("drugs") == "aspirin|insulin"
    assert re.fullmatch(lists.one_of("places"), "insulin box")
    assert not re.fullmatch(lists.one_of("places"), "insulin ward")
    with pytest.raises(KeyError, match="drinks"):
        lists.one_of("drinks")


def test_comments_of_a_word_file_hold_no_words(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("# Anna Maria\njane john\n\njim\n")
    assert read_words(path) == {"jane", "john", "jim"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.toml")), ids=lambda path: path.name)
def test_every_list_is_used(path):
    if path.name in ("emergency.toml", "units.toml"):  # used as a whole
        return
    lists = read_lists(path).lists
    entries = "".join(entry for list_ in lists.values() for entry in list_)
    stems = ("near_", "spoken_", "record", "account", "licence", "device")  # by kind
    unused = [
        name
        for name in lists
        if not re.search(rf"""["']{name}["']""", CODE)
        and f"{{{name}}}" not in entries
        and not name.startswith(stems)
    ]
    assert unused == []


def test_numbers_and_months_are_in_order():
    assert (len(NUMBERS["units"]), len(NUMBERS["teens"]), len(NUMBERS["tens"])) == (9, 10, 8)
    assert [month[:3] for month in CALENDAR["months"]] == (
        "jan feb mar apr may jun jul aug sep oct nov dec".split()
    )
