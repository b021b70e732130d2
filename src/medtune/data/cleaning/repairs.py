"""The repairs of a single text, in the order in which they are made.

Each is a pure function of the text, in linear time.
"""

import html
import re
from collections.abc import Callable, Sequence

import ftfy

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
_PLACEHOLDER = re.compile(r"<(?:link|image|img|url|video)s?>|\[(?:link|image|video)s?\]", re.I)
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
    if whole and end is not None and end.end() - start <= LONG_SENTENCE:
        return start, end.end()
    clause = _CLAUSE.match(text, pointer.end())
    return pointer.start(), clause.end() if clause else pointer.end()


Rule = Callable[[str], str]

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


def encoding(text: str) -> str:
    """Repair mojibake (ftfy; Speer 2019) and take control characters out."""
    text = _CONTROL.sub("", text)
    return text if text.isascii() else ftfy.fix_text(text, _FTFY)


_LINE_ENDINGS = re.compile(r"\r\n?|_x000D_(?:\n)?|[\v\f\x1c-\x1e\x85\u2028\u2029]")


def line_endings(text: str) -> str:
    """Every kind of line break, also Excel's escape, as a newline."""
    return _LINE_ENDINGS.sub("\n", text)


# Before a small letter it may be part of a word ("\nu", "C:\notes").
_LITERAL_NEWLINE = re.compile(r"(?:\\r)?\\n(?![a-z])")


def literal_newlines(text: str) -> str:
    """A backslash and an n that were meant as a line break."""
    return _LITERAL_NEWLINE.sub("\n", text) if "\\n" in text else text


_TAGS = (
    "a abbr article aside b big blockquote body br caption center cite code col colgroup dd del "
    "div dl dt em figcaption "
    "figure font footer h1 h2 h3 h4 h5 h6 head header hr html i img ins label li link main meta "
    "nav noscript nowiki ol p pre "
    "q ref references s script section small span strike strong style sub sup table tbody td "
    "tfoot th thead title tr tt u ul"
).replace(" ", "|")
_BREAKING = "br|p|div|li|tr|table|ul|ol|h[1-6]|dd|dt|blockquote|hr|section"
# Attributes have values: "T<B and C>D" is no tag.
_REST = r"(?:\s+[\w:-]{1,40}\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s<>\"']+))*\s{0,5}/?>"
_HIDDEN = re.compile(rf"<(script|style|ref)\b{_REST}[^<]*</\1>|__[A-Z]{{5,20}}__", re.I)
_ITEM = re.compile(rf"<li\b{_REST}", re.I)
_BREAK = re.compile(rf"</?(?:{_BREAKING})\b{_REST}", re.I)
_TAG = re.compile(rf"</?(?:{_TAGS})\b{_REST}", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,8}\d?);", re.I)
_FILE = re.compile(r"\[\[(?:File|Image):[^\[\]]*\]\]", re.I)
_LINK = re.compile(r"\[\[(?:[^\[\]]*\|)?([^\[\]|]*)\]\]")
_EXTERNAL = re.compile(r"\[https?://\S{1,500}+ ([^\]\[]{0,300})\]")
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_HEADING = re.compile(
    r"^ {0,3}={2,6} {0,3}([^=\n]{1,80}?) {0,3}={2,6}|(?<![=<>!])={2,6} ?([A-Z][^=\n]{0,78}?) "
    r"?={2,6}(?!=)",
    re.M,
)
_QUOTES = re.compile(r"(?<![\w'])('{2,5})(?=[^\s'])([^'\n]{1,200})(?<=\S)\1(?!')")
_DOUBLED = re.compile(r"(?<=[A-Za-z])''(?=[a-z])")  # won''t, as some exports write it
NESTED = 4  # layers of templates or of escaping taken off


def _until_still(text: str, step: Callable[[str], str]) -> str:
    for _ in range(NESTED):
        text, before = step(text), text
        if text == before:
            break
    return text


def _without_comments(text: str) -> str:
    parts, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[position:start])
        position = end + 3
    return " ".join([*parts, text[position:]])


def _html(text: str) -> str:
    text = _ITEM.sub("\n- ", _HIDDEN.sub(" ", _without_comments(text)))
    return _TAG.sub("", _BREAK.sub("\n", text))


def markup(text: str) -> str:
    """HTML and wiki markup: what it says stays, what it draws with goes. ``P < 0.05`` is no tag."""
    if "&" in text:
        text = _until_still(
            text, lambda t: _ENTITY.sub(lambda match: html.unescape(match.group()), t)
        )
    if "<" in text or "__" in text:
        text = _html(text)
    if "[" in text:
        text = _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", _FILE.sub("", text)))
    if "{{" in text:
        text = _until_still(text, lambda t: _TEMPLATE.sub("", t))
    if "==" in text:
        text = _HEADING.sub(lambda match: f"\n{match[1] or match[2]}\n", text)
    return _QUOTES.sub(r"\2", _DOUBLED.sub("'", text)) if "''" in text else text


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


_COLON_COMMA = re.compile(r": *+, *")
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
# A dash between two figures is a range, not an item. A run of blanks is looked at once, from its
# first blank.
_LIST = re.compile(r"(?<! ) {2,}+- +(?=[^\W\d])")
_WIDE = re.compile(r" {4,}")
_RUN = re.compile(r" {2,}")
_BEFORE_BREAK = re.compile(r"(?<! ) ++\n")
_AFTER_BREAK = re.compile(r"\n +")
_BREAKS = re.compile(r"\n{3,}")
_CLOSING = re.compile(r"(?<! ) ++([?!])$")


def blanks(text: str) -> str:
    """Runs of blanks to one.

    Four and more, which were paragraphs, and list dashes to a line break; edges; " ?" to "?".
    """
    text = _SPACE.sub(" ", text)
    if "\n" in text:
        text = _AFTER_BREAK.sub("\n", _BEFORE_BREAK.sub("\n", text))
    if "  " in text:
        text = _RUN.sub(" ", _WIDE.sub("\n", _LIST.sub("\n- ", text)))
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
            return match[1] or (". " if glued.match(text, match.end()) else "")

        return pattern.sub(without, text)

    return brands_out


def text_rules(settings: Clean) -> list[tuple[str, Rule]]:
    """Name and function of every rule that is on, in order."""
    rules: list[tuple[str, Rule]] = []
    first = (encoding, markup, line_endings, literal_newlines)
    rules += [(rule.__name__, rule) for rule in first if getattr(settings, rule.__name__)]
    if settings.brands:
        rules.append(("brands", brand_rule(settings.brands)))
    later = (leftovers, tables, comma_breaks, blanks)
    return rules + [(rule.__name__, rule) for rule in later if getattr(settings, rule.__name__)]
