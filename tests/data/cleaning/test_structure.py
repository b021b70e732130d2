"""What is data, code, a table or mark-up with a meaning means the same after all repairs."""

import ast
import csv
import io
import json
import re
import tomllib
import unicodedata

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.cleaning import structure
from medtune.data.cleaning.repairs import text_rules
from medtune.recipe.schema import Clean

RULES = text_rules(Clean())
WORDS = [
    "aspirin",
    "5 &lt; 6",
    "a  b",
    "x\n2. y",
    ":, B",
    "<b>",
    "See <link>",
    "1\\n2",
    "100 mg",
    "Hb",
]
SCALARS = st.sampled_from(WORDS) | st.integers(-99, 10**6) | st.floats(-99, 99) | st.booleans()
KEYS = st.sampled_from(["drug", "dose", "note", "lab", "Hb", "WBC"])
NESTED = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), min_size=2, max_size=4)


def clean(text):
    for _, rule in RULES:
        text = rule(text)
    return text


def written_csv(rows):
    target = io.StringIO()
    csv.writer(target, quoting=csv.QUOTE_ALL).writerows(rows)
    return target.getvalue()


@settings(max_examples=60, deadline=None)
@given(NESTED, st.sampled_from([None, 2]))
def test_json_parses_to_the_same(value, indent):
    text = json.dumps(value, indent=indent)
    assert json.loads(clean(text)) == value
    fenced = f"The plan  is:\n\n```json\n{text}\n```\nRest  well."
    assert json.loads(clean(fenced).split("```json\n")[1].split("\n```")[0]) == value
    assert text in clean(f"The plan  is {text} and  rest.")


@settings(max_examples=60, deadline=None)
@given(NESTED)
def test_literals_and_assignments_of_python_parse_to_the_same(value):
    assert ast.literal_eval(clean(repr(value))) == value
    code = f"def plan(x):\n    if x  < 3:\n        return {value!r}\n\n\ny = plan(2)"
    assert ast.dump(ast.parse(clean(code))) == ast.dump(ast.parse(code))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, NESTED, min_size=1, max_size=3))
def test_yaml_parses_to_the_same(value):
    assert yaml.safe_load(clean(yaml.safe_dump(value))) == value


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, st.sampled_from(WORDS), min_size=2))
def test_toml_parses_to_the_same(value):
    text = "[plan]\n" + "\n".join(f"{key} = {json.dumps(word)}" for key, word in value.items())
    assert tomllib.loads(clean(text)) == {"plan": value}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=2))
def test_csv_parses_to_the_same(rows):
    parsed = list(csv.reader(io.StringIO(clean(written_csv(rows)))))
    assert parsed == [list(row) for row in rows]


STAYS = [
    "Hb     13.2   g/dL\nWBC     5.4   10^9/L",
    "Hb:      13.2 g/dL\nWBC:     5.4",
    "Test\tValue\nHb\t13",
    "| Test | Value |\n|------|-------|\n| Hb   | 13.2  |",
    "Test,Value\nHb,13.2\nWBC,  5",
    "1. Hb: 13.2 g/dL\n2. WBC: 5.4",
    "- a\n  - b\n    - c\n- d",
    "drugs:\n  - name: aspirin\n    dose: 100 mg\n  - name: other",
    "<patient><name>x  y</name><dose>5 &lt; 6</dose></patient>",
    "for (int i = 0; i < n; i++) {\n    x  = y;\n}",
    "SELECT a\nFROM  b\nWHERE c < 5;",
    "Call `a  b` then.",
    "[[1, 2], [3,  4]] is a matrix.",
    "A --> B and C -> D",
    "Use '\\n' to part lines.",
    "{{convert|5|mg}} daily",
    "if x <b> y and <90 mg/dL ... > 3",
    "10\u202f000 cells, 1½ cups, −2.5 °C, 5–10 mg, 1,234.5 and 3 × 10⁻³",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_is_laid_out_or_computed_stays(text):
    assert clean(text) == text


MEANT = [
    ("20 x 10<sup>9</sup>/L", "20 x 10^9/L"),
    ("10<SUP><b>-3</b></SUP> M", "10^-3 M"),
    ("10&lt;sup&gt;9&lt;/sup&gt;/L", "10^9/L"),
    ("10<sup>9/L", "10^9/L"),
    ("CO<sub>2</sub>, Ca<sup>2+</sup>, kg/m<sup>2</sup>", "CO2, Ca²⁺, kg/m²"),
    ("the 1<sup>st</sup> at 37<sup>o</sup>C", "the 1st at 37°C"),
    ("<sup>131</sup>I and 1<sup>1</sup>/<sub>2</sub> cups", "131I and 1 1/2 cups"),
    ("<del>not</del> safe, <s>50</s> 5 mg", "~~not~~ safe, ~~50~~ 5 mg"),
    ("&#8804; 5 &lt; 6 &micro;g, 1&frac12; &plusmn; 2", "≤ 5 < 6 µg, 1½ ± 2"),
    ("5<br>6", "5\n6"),
    ("<ul><li>5</li><li>6</li></ul>", "- 5\n\n- 6"),
    (
        "<table><tr><th>Test</th><th>Value</th></tr><tr><td>Hb</td><td>13</td></tr></table>",
        "Test | Value\nHb | 13",
    ),
    ("<p>x</p><pre>a   b\n  c</pre>", "x\n\n```\na   b\n  c\n```"),
    ("<span>5</span><span>6</span>", "5 6"),
    ('<img src="x" alt="10 mg"> daily', "10 mg daily"),
    ("5Chat Doctor6", "5 6"),
    ("5\x006", "5 6"),
    ("Hb:      13.2 g/dL", "Hb: 13.2 g/dL"),
    ("Ask a doctor online --> <link>", "Ask a doctor online"),
    ("Ask a doctor online &rarr; [link]", "Ask a doctor online"),
    ("text <!-- cut", "text cut"),
    ("text ]]> here", "text here"),
    ("the end -->", "the end"),
    ("a <![CDATA[5 < 6]]> b", "a 5 < 6 b"),
    ("Take 5 mg and click here for more.", "Take 5 mg and"),
    ("Never take it if you read click here for 3 days.", None),
]


@pytest.mark.parametrize(("before", "after"), MEANT)
def test_markup_with_a_meaning_becomes_text_that_means_the_same(before, after):
    once = clean(before)
    assert once == (before if after is None else after)
    assert clean(once) == once


def numbers(text):
    """The numbers of a text as they are written, with their signs."""
    plain = unicodedata.normalize("NFKC", text)
    return re.findall(r"[-−+]?\d[\d.,/\u2044\xa0\u202f\u2009]*\d|[-−+]?\d", plain)


NUMBERS = st.sampled_from(
    ["5", "-2.5", "−2.5", "1,234.5", "10\u202f000", "½", "1½", "5-10", "5–10", "+3", ".5", "10⁹",
     "1.5e-3", "2/3", "3:1", "1,5", "0.05", "50%", "5'", "120/80"]
)  # fmt: skip
BETWEEN = st.sampled_from(
    [
        " ",
        "  ",
        "    ",
        "\n",
        " mg ",
        "<br>",
        " <b>x</b> ",
        " &lt; ",
        " - ",
        "\t",
        ", ",
        " ? ",
        ". ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NUMBERS, BETWEEN), min_size=1, max_size=8))
def test_a_number_is_the_same_number_after(parts):
    text = "".join(part for pair in parts for part in pair)
    marked = re.sub(r"&lt;|</?\w+>", " ", text)
    assert numbers(clean(text)) == numbers(marked)


LAID_OUT = [
    "name  dose  unit\nurea  5     mg\nNaCl  10    ml\n\nplain prose follows.",
    "- a\n  - b\n- c\n\nprose",
    "a\tb\nc\td\nprose",
    "a | b\nc | d\n",
    "x,y\n1,2\n3,4",
    '"x","y"\n"1","2"',
    "x,y\n1,2,3",
    "prose\ndef f(x):\n    return x\nmore prose",
    "a: 1\nb: 2\nc:\n  d: 3",
    "one line",
    "",
    "a\r\nb\r\n",
]


@pytest.mark.parametrize("text", LAID_OUT)
def test_lines_read_one_by_one_show_the_same_structure(monkeypatch, text):
    find = structure.structure.__wrapped__
    assert list(structure._Lines(text)) == list(structure._Lines(text)._stream())
    known = find(text)
    monkeypatch.setattr(structure, "REMEMBERED", -1)
    assert find(text) == known
