"""The repairs of a single text, in the order in which they are made.

Each is a pure function of the text, in linear time. Data and code within a text stay as they are.
"""

import re
from collections.abc import Sequence

import ftfy

from medtune.data.cleaning.markup import markup
from medtune.data.cleaning.structure import Rule, outside
from medtune.recipe.schema import Clean

_POINTING = (
    r"watch the video|(?:enlarge|reduce) the video|press the escape|"
    r"click(?:ing)? (?:here\b|(?:on )?the (?:link|bracket|image|button|icon|name|title)s?\b|on "
    r"the following (?:link|categor|button|name|topic)|below to\b)"
)
_IN_PARENTHESES = re.compile(
    rf"\((?:{_POINTING})[^()]{{0,600}}(?:\([^()]{{0,200}}\)[^()]{{0,600}}){{0,3}}\)", re.I
)
_POINTER = re.compile(rf"\b(?:{_POINTING})", re.I)
_CLAUSE = re.compile(r"[^.,;:!?\n]{0,80}\.?")
_END = re.compile(r"[.!?]+\)?|(?=\n)|$")
# With the arrow that led to it: "consult a doctor online --> <link>".
_PLACEHOLDER = re.compile(
    r"(?:(?<!\s)\s{0,9}(?:-{1,3}>|=>|→|»|>>)\s{0,9})?"
    r"(?:<(?:link|image|img|url|video)s?>|\[(?:link|image|video)s?\])",
    re.I,
)
# A sentence with a figure or a denial says more than where to click.
_CONTENT = re.compile(
    r"(?<![A-Za-z])\d|\b(?:not?|never|without|don['’]?t|cannot|can['’]t|nicht|kein\w*|ohne|pas|sans|sin)\b",
    re.I,
)
_STOPS = ".!?\n"
LONG_SENTENCE = (
    300  # characters; lists laid flat make "sentences" of thousands, in which only the pointer goes
)


def leftovers(text: str) -> str:
    """Sentences that point at a web page's buttons, and placeholders of its links, taken out."""
    if "<" in text or "[" in text:
        text = _PLACEHOLDER.sub("", text)
    lowered = text.lower()
    if "click" not in lowered and "the video" not in lowered and "press the" not in lowered:
        return text
    return _without_sentences(_IN_PARENTHESES.sub("", text))


def _without_sentences(text: str) -> str:
    """Pointers are found first, then the sentence around each; the rest is joined."""
    kept, position = [], 0
    for pointer in _POINTER.finditer(text):
        if pointer.start() < position:
            continue
        start, end = _sentence(text, pointer, position)
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def _sentence(text: str, pointer: re.Match[str], floor: int) -> tuple[int, int]:
    """Start and end of what goes: the whole sentence, or the pointer's clause in one that is too
    long.
    """
    earliest = max(floor, pointer.start() - LONG_SENTENCE)
    stop = max(text.rfind(mark, earliest, pointer.start()) for mark in _STOPS)
    end = _END.search(text, pointer.end(), pointer.end() + LONG_SENTENCE)
    start = stop + 1 if stop >= 0 else earliest
    whole = (stop >= 0 or start in (0, floor)) and end is not None
    short = whole and end is not None and end.end() - start <= LONG_SENTENCE
    if short and end is not None and not _CONTENT.search(text, start, end.end()):
        return start, end.end()
    clause = _CLAUSE.match(text, pointer.end())
    last = clause.end() if clause else pointer.end()
    first = pointer.start()
    return (first, first) if _CONTENT.search(text, first, last) else (first, last)


# Curly quotes, ligatures and wide characters are no damage: only text decoded wrongly is repaired.
_FTFY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization="NFC",
    explain=False,
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\ufeff]")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\x00-\x08\x0e-\x1b\x7f\ufeff]+(?=\d)")


def encoding(text: str) -> str:
    """Repair mojibake (ftfy; Speer 2019) and take control characters out."""
    text = _CONTROL.sub("", _BETWEEN_DIGITS.sub(" ", text))
    return text if text.isascii() else ftfy.fix_text(text, _FTFY)


_LINE_ENDINGS = re.compile(r"\r\n?|_x000D_(?:\n)?|[\v\f\x1c-\x1e\x85\u2028\u2029]")


def line_endings(text: str) -> str:
    """Every kind of line break, also Excel's escape, as a newline."""
    return outside(_other_line_endings)(text.replace("\r\n", "\n"))


def _other_line_endings(text: str) -> str:
    return _LINE_ENDINGS.sub("\n", text)


# Before a small letter it may be part of a word ("\nu", "C:\notes"); in quotes it is spoken of.
_LITERAL_NEWLINE = re.compile(r"(?<![\\'\"`])(?:\\r)?\\n(?![a-z])")


def literal_newlines(text: str) -> str:
    """A backslash and an n that were meant as a line break."""
    return _LITERAL_NEWLINE.sub("\n", text) if "\\n" in text else text


_TABLE_HEAD = re.compile(r"Signs and Symptoms Approximate number of patients \(when available\)\s*")
_TABLE_ROW = re.compile(r"\s*(\S[^%\n]{1,90}?) (\d{1,3}(?:\.\d+)?%|\d+/\d+|-)(?= |$)")


def tables(text: str) -> str:
    """The flattened table "sign share sign share …" of the Human Phenotype Ontology as a list, a
    line a sign.
    """
    head = _TABLE_HEAD.search(text)
    if not head:
        return text
    lines, position = [], head.end()
    while row := _TABLE_ROW.match(text, position):
        lines.append(f"- {row[1]}" if row[2] == "-" else f"- {row[1]}: {row[2]}")
        position = row.end()
    if not lines:
        return text
    return (
        f"{text[: head.start()].rstrip()}\nSigns and symptoms (share of patients):\n"
        + "\n".join([*lines, text[position:].lstrip()])
    )


_COLON_COMMA = re.compile(r": *+,[, ]*+")
_STOP_COMMA = re.compile(r"([.;)]) *+,(?=[A-Z0-9(])")
_HEADING_COMMA = re.compile(r"(?<! ) *+,(?=[A-Z][A-Z /&()\-]{2,60}:)")


def comma_breaks(text: str) -> str:
    """Commas that stand where line breaks were: after a heading's colon, after a full stop,
    before a heading.
    """
    if not _COLON_COMMA.search(text):
        return text
    text = _COLON_COMMA.sub(": ", _HEADING_COMMA.sub("\n", text))
    return _STOP_COMMA.sub(r"\1\n", text)


_SPACE = re.compile(r"[\t\xa0\u2000-\u200a\u202f\u205f\u3000]")
_DIVIDES_THOUSANDS = re.compile(r"[\xa0\u2007\u2009\u202f](?<=\d.)(?=\d{3}(?!\d))")
# A dash between two figures is a range, not an item. A run of blanks is looked at once, from its
# first blank.
_LIST = re.compile(r"(?<! ) {2,}+- +(?=[^\W\d])")
_WIDE = re.compile(r"(?<! ) {4,}+")
_FIGURE = re.compile(r"[-+−±<>≤≥~]?\s?[.\d]|(?:mm|cm|mg|mL|ml|g|kg|IU|U|L|%)(?:[/ \n]|$)")
LAB_LINE = 200  # characters; in a shorter line a wide gap before a figure parts it from its name
_RUN = re.compile(r" {2,}")
_BEFORE_BREAK = re.compile(r"(?<! ) ++\n")
_AFTER_BREAK = re.compile(r"\n +")
_BREAKS = re.compile(r"\n{3,}")
_CLOSING = re.compile(r"(?<! ) ++([?!])$")


def _plain_blank(match: re.Match[str]) -> str:
    """A blank, but where it divides thousands."""
    return match[0] if _DIVIDES_THOUSANDS.match(match.string, match.start()) else " "


def _wide(match: re.Match[str]) -> str:
    """A line break, but in a short line between a name and its figure."""
    text, (start, end) = match.string, match.span()
    if not _FIGURE.match(text, end):
        return "\n"
    before = text[max(0, start - LAB_LINE) : start].rpartition("\n")[2]
    after = text[end : end + LAB_LINE].partition("\n")[0]
    return " " if before and len(before) + len(after) < LAB_LINE else "\n"


def blanks(text: str) -> str:
    """Runs of blanks to one.

    Four and more, which were paragraphs, and list dashes to a line break; edges; " ?" to "?".
    """
    text = _SPACE.sub(_plain_blank, text)
    if "\n" in text:
        text = _AFTER_BREAK.sub("\n", _BEFORE_BREAK.sub("\n", text))
    if "  " in text:
        text = _RUN.sub(" ", _WIDE.sub(_wide, _LIST.sub("\n- ", text)))
    if "\n" in text:
        text = _BREAKS.sub("\n\n", text)
    text = text.strip()
    return _CLOSING.sub(r"\1", text) if text.endswith(("?", "!")) else text


def brand_rule(brands: Sequence[str]) -> Rule:
    """Take the names out; where a name was glued to the next sentence, a full stop parts them."""
    names = sorted(brands, key=len, reverse=True)
    pattern = re.compile(
        " ?(?:" + "|".join(re.escape(name) for name in names) + r")(?: ?([.,!?]))?"
    )
    glued = re.compile(r" ?[A-Z][a-z]")

    def brands_out(text: str) -> str:
        if not any(name in text for name in names):
            return text

        def without(match: re.Match[str]) -> str:
            around = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
            if all(side.isdigit() for side in around) and not match[1]:
                return " "
            return match[1] or (". " if glued.match(text, match.end()) else "")

        return pattern.sub(without, text)

    return brands_out


# Of these even tables and nested lists are left alone.
_OF_LAYOUT = ("literal_newlines", "tables", "comma_breaks", "blanks")


def text_rules(settings: Clean) -> list[tuple[str, Rule]]:
    """Name and function of every rule that is on, in order."""
    rules: list[tuple[str, Rule]] = [("encoding", encoding)] if settings.encoding else []
    prose: list[tuple[str, Rule]] = [(rule.__name__, rule) for rule in (markup, line_endings)]
    prose.append(("literal_newlines", literal_newlines))
    if settings.brands:
        prose.append(("brands", brand_rule(settings.brands)))
    prose += [(rule.__name__, rule) for rule in (leftovers, tables, comma_breaks, blanks)]
    for name, rule in prose:
        if name == "brands" or getattr(settings, name):
            guarded = outside(rule, layout=name in _OF_LAYOUT)
            rules.append((name, rule if name == "line_endings" else guarded))
    return rules
