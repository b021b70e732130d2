"""Mark-up of HTML and wikis becomes text that means the same: powers, indices, cells, what is
struck out and what is greater or less stay; what only draws goes.
"""

import html
import re
from collections.abc import Callable

from medtune.data.cleaning.structure import HTML_TAGS

_NAMES = "|".join(sorted(HTML_TAGS, key=len, reverse=True))
_BREAKING = "br|p|div|li|table|ul|ol|h[1-6]|dd|dt|blockquote|hr|section"
# Attributes have values: "T<B and C>D" is no tag.
_REST = r"(?:\s+[\w:-]{1,40}\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s<>\"']+))*\s{0,5}/?>"
_HIDDEN = re.compile(
    rf"<(script|style|ref)\b{_REST}[^<]*</\1>|__(?:NO)?(?:TOC|EDITSECTION|INDEX|GALLERY|TITLECONVERT"
    r"|CONTENTCONVERT)__|__(?:FORCETOC|NEWSECTIONLINK|HIDDENCAT|DISAMBIG)__",
    re.I,
)
_ITEM = re.compile(rf"<li\b{_REST}", re.I)
_BREAK = re.compile(rf"(?:</?(?:{_BREAKING})|<tr)\b{_REST}", re.I)
_CELL = re.compile(rf"(?:</t[dh]\b{_REST}\s*)?<t[dh]\b{_REST}", re.I)
_CELL_MARK = "\U0010fffd"
_ROW_START = re.compile(rf"(^|\n)[ \t]*{_CELL_MARK}")
_PRE = re.compile(rf"<pre\b{_REST}(.{{0,20000}}?)</pre\b{_REST}", re.I | re.S)
_QUOTE = re.compile(rf"</?q\b{_REST}", re.I)
_IMAGE = re.compile(r"<img\b[^<>]*?\balt\s*=\s*(?:\"([^\"<>]+)\"|'([^'<>]+)')[^<>]*>", re.I)
_ONE_LETTER = re.compile(rf"(<(/?)([abiqsu])\b{_REST})", re.I)
# What draws within a line, and may stand around or in a raised number.
_DRAWING = rf"</?(?:abbr|b|big|cite|em|font|i|ins|mark|small|span|strong|u)\b{_REST}"
_DRAWN = re.compile(_DRAWING, re.I)
_DRAWN_BETWEEN = re.compile(
    r"(?<=\d)</(?:abbr|b|em|font|i|small|span|strong|u|a)\s{0,5}>\s*"
    rf"<(?:abbr|b|em|font|i|small|span|strong|u|a)\b{_REST}(?=\d)",
    re.I,
)
_FRACTION = re.compile(
    rf"(?<=(\d))?<sup\b{_REST}\s*(\d+)\s*</sup\b{_REST}\s*[/⁄∕]\s*<sub\b{_REST}\s*(\d+)\s*</sub\b{_REST}",
    re.I,
)
_RAISED = re.compile(rf"<sup\b{_REST}([^<>]{{0,200}})</sup\b{_REST}", re.I)
_LOWERED = re.compile(rf"<sub\b{_REST}([^<>]{{0,200}})</sub\b{_REST}", re.I)
_HALF_RAISED = re.compile(rf"<(sup|sub)\b{_REST}(?=[\d+−-])", re.I)
_HALF_LOWERED = re.compile(rf"(?<=\d)</?su[bp]\b{_REST}(?=\d)", re.I)
_STRUCK = re.compile(rf"<(del|s|strike)\b{_REST}([^<>]{{1,2000}})</\1\b{_REST}", re.I)
_STRIKE = re.compile(rf"</?(?:del|strike)\b{_REST}", re.I)
# A bare <link> or <img> stands for one that was left out: the rule for leftovers sees to it.
_LINK_ALONE = re.compile(rf"<a\b{_REST}\s*(?:link|here|click here)\s*</a\b{_REST}", re.I)
_TAG = re.compile(rf"(?!<(?:link|img)>)</?(?:{_NAMES})\b{_REST}", re.I)
_CDATA = re.compile(r"<!\[CDATA\[|(?<!\])\]\]>(?=\s|$|<)")
# Halves of comments and tags; "A --> B" is an arrow.
_HALVES = re.compile(r"<!--+|(?<=\s)-->\s*(?=\n\s*\n|$)(?!\n\S)")
_HALF_TAG = re.compile(r"(?<=\s)/>(?=\s|$)")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.I)
_FILE = re.compile(r"\[\[(?:File|Image):[^\[\]]*\]\]", re.I)
_LINK = re.compile(r"\[\[(?=[^\W\d])(?:[^\[\]]*\|)?([^\[\]|]*)\]\]")
_EXTERNAL = re.compile(r"\[https?://\S{1,500}+ ([^\]\[]{0,300})\]")
# Templates that only cite or arrange; one of another name may hold a figure: {{convert|5|mg}}.
_TEMPLATE = re.compile(
    r"\{\{\s*(?:#|subst:|cite?\b|cit\b|citation|cn\b|fact\b|ref|efn|sfn|doi|pmid|isbn|rp\b|reflist|clear|main"
    r"|see\b|further|toc|portal|navbox|infobox|sidebar|short description|use |who\b|when\b|which\b"
    r"|clarify|dubious|stub|medical|about|redirect|distinguish|commons|wik|editor|seealso|sib)"
    r"[^{}]*\}\}",
    re.I,
)
_HEADING = re.compile(
    r"^ {0,3}={2,6} {0,3}([^=\n]{1,80}?) {0,3}={2,6}|(?<![=<>!])={2,6} ?([A-Z][^=\n]{0,78}?) "
    r"?={2,6}(?!=)",
    re.M,
)
_QUOTES = re.compile(r"(?<![\w'])('{2,5})(?=[^\s'])([^'\n]{1,200})(?<=\S)\1(?!')")
_DOUBLED = re.compile(r"(?<=[A-Za-z])''(?=[a-z])")  # won''t, as some exports write it
_ORDINALS = frozenset("st nd rd th er re e ère ème".split())
_SYMBOLS = {"o": "°", "º": "°", "0": "°"}
_SUPERSCRIPTS = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_EXPONENT = re.compile(r"[+−–-]?(?:\d+(?:[.,]\d+)?|\w{1,3})")
NESTED = 4  # layers of templates, tags or of escaping taken off


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
    return _HALVES.sub("", _CDATA.sub("", " ".join([*parts, text[position:]])))


def _neighbours(match: re.Match[str]) -> tuple[str, str]:
    """The characters before and after a match; empty at the edges."""
    text, start, end = match.string, match.start(), match.end()
    return text[start - 1 : start] if start else "", text[end : end + 1]


def _raised(match: re.Match[str]) -> str:
    """What was raised: 10^9 after a number, m² and Ca²⁺ after letters, 1st and 131I as they are."""
    content, (before, after) = match[1].strip(), _neighbours(match)
    gap = " " if after.isdigit() else ""
    if not content:
        return ""
    if before.isdigit():
        if content.lower() in _ORDINALS or not any(map(str.isalnum, content)):
            return content + gap
        if content in _SYMBOLS and after in ("C", "F"):
            return _SYMBOLS[content]
        return (f"^{content}" if _EXPONENT.fullmatch(content) else f"^({content})") + gap
    if after.isalpha() and not (before.isalnum() or before in (")", "]")):
        return content  # the mass of an isotope
    raised = content.translate(_SUPERSCRIPTS)
    if not any(c.isascii() for c in raised):
        return raised + gap
    plain = content.isalpha() or not any(map(str.isalnum, content))
    return (content if plain else f"^{content}" if " " not in content else f"^({content})") + gap


def _lowered(match: re.Match[str]) -> str:
    """What was lowered: CO2; 10_2 after a number."""
    content, (before, after) = match[1].strip(), _neighbours(match)
    mark = "_" if before.isdigit() and content[:1].isalnum() else ""
    return mark + content + (" " if after.isdigit() and content[-1:].isdigit() else "")


def _paired(text: str) -> str:
    """Tags of one letter without their partner anywhere are none: "x <b> y"."""
    tags = {(match[2], match[3].lower()) for match in _ONE_LETTER.finditer(text)}
    alone = {name for slash, name in tags if not slash and ("/", name) not in tags}
    if not alone:
        return text
    hide = re.compile(rf"<(?=(?:{'|'.join(sorted(alone))})\s{{0,5}}>)", re.I)
    return hide.sub(_ESCAPED, text)


_ESCAPED = "\U0010fffc"


def _html(text: str) -> str:
    text = _paired(_HIDDEN.sub(" ", _without_comments(text)))
    text = (
        _PRE.sub(lambda match: f"\n```\n{match[1].strip()}\n```\n", text)
        if "pre" in text.lower()
        else text
    )
    text = _DRAWN.sub("", _DRAWN_BETWEEN.sub(" ", text))
    text = _FRACTION.sub(lambda m: f"{' ' if m[1] else ''}{m[2]}/{m[3]}", text)
    text = _until_still(text, lambda t: _RAISED.sub(_raised, _LOWERED.sub(_lowered, t)))
    text = _HALF_RAISED.sub(lambda m: "^" if m[1].lower() == "sup" else "_", text)
    text = _until_still(_HALF_LOWERED.sub(" ", text), lambda t: _STRUCK.sub(r"~~\2~~", t))
    text = _STRIKE.sub(lambda match: _ESCAPED + match[0][1:], text)
    text = _IMAGE.sub(lambda match: match[1] or match[2], _QUOTE.sub('"', text))
    text = _BREAK.sub("\n", _ITEM.sub("\n- ", _CELL.sub(_CELL_MARK, text)))
    text = _ROW_START.sub(r"\1", text).replace(_CELL_MARK, " | ")
    text = _LINK_ALONE.sub("<link>", text)
    text = _HALF_TAG.sub("", _TAG.sub("", text)).replace(_ESCAPED, "<")
    return _until_still(text, lambda t: _HALVES.sub("", t))  # what stood behind a tag, too


def markup(text: str) -> str:
    """HTML and wiki markup: what it says stays, what it draws with goes. ``P < 0.05`` is no tag."""
    if "&" in text:
        text = _until_still(
            text, lambda t: _ENTITY.sub(lambda match: html.unescape(match.group()), t)
        )
    if "<" in text or "__" in text or "-->" in text or "]]>" in text or "/>" in text:
        text = _html(text)
    if "[" in text:
        text = _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", _FILE.sub("", text)))
    if "{{" in text:
        text = _until_still(text, lambda t: _TEMPLATE.sub("", t))
    if "==" in text:
        text = _HEADING.sub(lambda match: f"\n{match[1] or match[2]}\n", text)
    return _QUOTES.sub(r"\2", _DOUBLED.sub("'", text)) if "''" in text else text
