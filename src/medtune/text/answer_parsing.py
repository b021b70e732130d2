"""Which of the fixed labels or options an answer names, read strictly.

What it only denies ("not B", "C is wrong") it does not name. Letters are read in any script, also
where no blank stands beside them (答案是B。); a label of a script without blanks only where a word
such as 是 or です, or punctuation, bounds it.
"""

import re
import unicodedata
from collections.abc import Sequence

GONE = "\ufffc"  # stands for the text of an option: letters inside it name nothing
# After these words' "A" is no article.
_GOES_ON = (
    "or|and|nor|is|was|are|would|because|since|as|oder|und|ou|et|o|y|e|ist|falsch|richtig|est|es"
)
_LATIN = r"[^\W\u0370-\U0010ffff]"
_ARTICLE = re.compile(rf"[ '’]\s*(?!(?:{_GOES_ON})\b){_LATIN}", re.IGNORECASE)
# Beside a letter of these scripts a Latin letter is a word of its own.
_NO_BLANKS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_JOINED = re.compile(rf"(?<={_NO_BLANKS})(?=[A-Za-z])|(?<=[A-Za-z])(?={_NO_BLANKS})")
_FULL_WIDTH = re.compile("[Ａ-Ｚａ-ｚ０-９（）［］]+")
_CALLED = re.compile(r"\b(?:option|choice|letter)s?\s+[\W_]*$", re.IGNORECASE)
# "vitamin B", "hepatitis C", "type A" name no option, nor do "B 12" and "caused by C. difficile".
_NOUN = re.compile(
    r"(?:ビタミン|维生素|維生素|비타민|витамин|\bvitamin[ae]?s?|型|肝炎|\b(?:hepatitis|influenza|types?|groups?|stages?|grades?|class|child-pugh"
    r"|factor|protein|toxin|phase|"
    r"amphotericin|polymyxin|ha?emoglobin|coenzyme|troponin|apolipoprotein|serotype"
    r"|immunoglobulin))\s+$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s\d")
_SPECIES = re.compile(r"\.\s?[a-z]{3,}")
_WORD_BEFORE = re.compile(r"[a-z,]\s$")
_ENDS = r"(?!\w|[-‐‑–'’]\w)"  # the B of "B-cell" is none
_ALSO = (
    r"[)\]*\"”\s]*(?:[,/&]|\b(?:and|or)\b)\s*(?:(?:and|or|also|possibly|perhaps|maybe)\s+)*"
    r"[(\[*\"“]*"
)
_LEAD = (
    r"(?:(?:so )?(?:the )?(?:(?:correct|right|best|final|most likely) )*(?:answer|option)(?: is"
    r"|:)+ )?(?:option )?"
)

_DENIAL = (
    r"(?:not|cannot|never|neither|nor|except|excluding|wrong|incorrect|rather\s+than"
    r"|instead\s+of|other\s+than|ruled?\s+out|\w+n['’]t"
    r"|nicht|kein(?:e[nmrs]?)?|weder|ohne|pas|aucune?|niet|geen|não|не|нет|inte|ikke)"
)
# A "no" denies what follows at once: "No, the answer is B" denies nothing.
_NO = (
    r"(?:no|without|denies|negative for|no (?:evidence|signs?|history) of|absence of|sin|sans|non"
    r"|no es|non è)"
)
_DENIED_BEFORE = re.compile(
    rf"\b{_DENIAL}\b|\b{_NO}\s+(?:(?:la|el|le)\s+)?[(\[*\"“]*$|[不非无無没未]", re.IGNORECASE
)
# Where a clause ends, what was denied before is denied no more.
_CLAUSE_END = re.compile(
    r"[.;!?\n，。；！？]|\b(?:but|so|thus|hence|therefore|because|since|sondern|aber|mais|sino|mas"
    r"|но|а)\b",
    re.IGNORECASE,
)
_BETWEEN = (
    r"(?:is|are|was|were|would|can|could|should|must|be|being|does|do|did|also|both|all|clearly"
    r"|option|options)"
)
_DENIED_AFTER = re.compile(
    # B and C are wrong
    r"[)\]*\"”]*(?:\s*(?:,|/|&|\band\b|\bor\b)\s*(?:and\s+|or\s+)?[(\[]?[A-Z]\b[)\]]?)*"
    rf"(?:(?:\s+{_BETWEEN})+\s+not\b|(?:\s+{_BETWEEN})*\s+(?:cannot|wrong|incorrect|false"
    r"|unlikely|excluded|ruled\s+out|\w+n['’]t)\b|(?:\s+(?:ist|sind|est|es|è|é|la))*\s+(?:nicht"
    r"|falsch|faux|fausse|errat[oa]|erróne[oa]|incorrect[oa])\b|\s*(?:选项|選項)?\s*(?:不|错|錯|は"
    r"?(?:ではあ?り?ま?せ?ん|ではな|じゃな|間違)|[은는이가]\s*(?:아니|아닙|틀)))",
    re.IGNORECASE,
)


def named_option(text: str, choices: Sequence[str], letters: Sequence[str]) -> int | None:
    """Index of the one option that an answer spells out or names by its letter; None if it names
    none or several.
    """
    text, choices = _parted(text), [_parted(choice) for choice in choices]
    exact = [
        i
        for i, (choice, letter) in enumerate(zip(choices, letters, strict=True))
        if _is(text, choice, letter)
    ]
    if len(exact) == 1 and not _alone(text, letters):
        return exact[0]
    named = named_letters(text, letters, choices)
    return list(letters).index(named[0]) if len(named) == 1 and named[0] in letters else None


def named_letters(text: str, letters: Sequence[str], choices: Sequence[str] = ()) -> list[str]:
    """The option letters that an answer names, without repetition.

    Tried in this order: a letter alone; the last statement such as "the answer is (B)" or "Option:
    b", with what it joins to it ("B or C"); every capital letter that stands by itself. Denied
    letters are left out. An empty string stands for a letter that is followed by the text of
    another option.
    """
    if not letters:
        return []
    if alone := _alone(text, letters):
        return [alone]
    text = _without_texts(text, letters, choices)
    any_of = "|".join(re.escape(letter) for letter in letters)
    stated = re.compile(
        rf"\b(?:answer|option)[*_\"”]*\s*(?:is|:|=)[:*_\"“\s(\[]*(?:(?:option|choice"
        rf"|letter)\s+)?[(\[*\"“]*({any_of}){_ENDS}",
        re.IGNORECASE,
    )
    statements = [match for match in stated.finditer(text) if _counts(text, match, stated=True)]
    if statements:
        joined = re.compile(rf"{_ALSO}({any_of}){_ENDS}", re.IGNORECASE).match(
            text, statements[-1].end()
        )
        more = [joined] if joined and _counts(text, joined, stated=True) else []
    else:
        single = re.compile(rf"(?<!\w)(?<!\w[-‐‑–'’])({any_of}){_ENDS}")
        more = [match for match in single.finditer(text) if _counts(text, match, stated=False)]
    return list(dict.fromkeys(_name(text, match, letters) for match in [*statements[-1:], *more]))


def _parted(text: str) -> str:
    """Full-width letters as others, and blanks between Latin letters and scripts without blanks."""
    if text.isascii():
        return text
    narrow = _FULL_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _JOINED.sub(" ", narrow)


def _plain(text: str) -> str:
    return (
        " ".join(text.split())
        .casefold()
        .strip("*_\"“”'")
        .removesuffix(".")
        .removesuffix("。")
        .rstrip()
    )


def _is(text: str, choice: str, letter: str) -> bool:
    """Whether a text is exactly one option, with or without its letter."""
    head = rf"(?:[(\[*]*{re.escape(letter.casefold())}[)\].:*]* (?:[-–] )?)?[\"“*]*"
    return bool(
        _plain(choice) and re.fullmatch(_LEAD + head + re.escape(_plain(choice)), _plain(text))
    )


def _alone(text: str, letters: Sequence[str]) -> str | None:
    """The letter, if a text is nothing but a letter and punctuation."""
    bare = re.sub(r"^[\W_]+|[\W_]+$", "", text).upper()
    return bare if bare in letters else None


def _without_texts(text: str, letters: Sequence[str], choices: Sequence[str]) -> str:
    """A letter before its own option's text becomes "(B)"; other option texts of two characters or
    more are replaced by ``GONE``.
    """
    long = sorted((c for c in choices if len(c.strip()) > 1), key=len, reverse=True)
    patterns = {
        c: r"(?<!\w)" + r"\s+".join(re.escape(word) for word in c.split()) + r"(?!\w)" for c in long
    }
    text_of = dict(zip(letters, choices, strict=False))
    for letter in letters:
        if text_of.get(letter) in patterns:
            blank = "" if letter in "AI" else r"|\s+"  # "A cough" may be any cough
            before = rf"(?<![\w-])[(\[]?{re.escape(letter)}(?:[)\].:*]+\s*|\s+[-–]\s+{blank})"
            text = re.sub(f"{before}(?i:{patterns[text_of[letter]]})", f"({letter})", text)
    for choice in long:
        text = re.sub(patterns[choice], GONE, text, flags=re.IGNORECASE)
    return text


def _counts(text: str, match: re.Match[str], *, stated: bool) -> bool:
    """Whether a letter is meant as an option: no article, no pronoun, no part of a name, not
    denied.
    """
    end, before, letter = match.end(1), text[: match.start(1)], match[1]
    if is_denied(text, match.start(), end):
        return False
    may_be_word = letter in "AI" or letter.islower()
    if (
        may_be_word
        and _ARTICLE.match(text, end)
        and not (letter.isupper() and _CALLED.search(before))
    ):
        return False
    if stated:
        return True
    species = _SPECIES.match(text, end) and _WORD_BEFORE.search(before)
    return not (_NUMBER.match(text, end) or species or _NOUN.search(before))


def _name(text: str, match: re.Match[str], letters: Sequence[str]) -> str:
    """The letter; empty where the text of another option follows it."""
    if re.compile(rf"[)\].:*\s]*{GONE}").match(text, match.end(1)):
        return ""
    return match[1] if match[1] in letters else match[1].upper()


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is denied, earlier in its own clause or right after it."""
    clause = _CLAUSE_END.split(text[:start])[-1]
    return bool(_DENIED_BEFORE.search(clause) or _DENIED_AFTER.match(text, end))


# A label goes on before and after these: "Non-Hodgkin", "CIN 2-3", "grade 2 or 3", "T2+".
_NOT_AFTER = r"(?:(?<!\w)|(?<=[是为為选選はが]))(?<!\bnon[-‐‑– ])(?<![^\W\d_][-‐‑])"
_NOT_BEFORE = (
    r"(?:(?!\w)|(?=です|である|だ|입니다|이다))"
    r"(?!\s?[-‐‑–/]\s?\d|\s(?:to|or|and|bis|oder|und)\s\d|\+)"
)
SEPARATOR = ";"  # between the labels of a set


def _plain_label(text: str) -> str:
    return " ".join(text.split()).casefold()


def parse_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is (ignoring case, blanks and a full stop) or names exactly once,
    and no other; else None.

    Labels match at word boundaries ("Because it hurts" names no B); labels of a single letter are
    read as by ``named_letters``. A label inside a longer one (Surgery in Plastic Surgery) does not
    count, nor does a denied one ("not Surgery").
    """
    exact = {_plain_label(label): label for label in labels}
    if (whole := re.sub(r"[.。]$", "", _plain_label(text)).rstrip()) in exact:
        return exact[whole]
    long = sorted((label for label in labels if len(label) > 1), key=len, reverse=True)
    named = []
    if long:
        names = "|".join(r"\s+".join(map(re.escape, label.split())) for label in long)
        pattern = re.compile(rf"{_NOT_AFTER}(?:{names}){_NOT_BEFORE}", re.IGNORECASE)
        mentions = [match for match in pattern.finditer(text) if not is_denied(text, *match.span())]
        named, text = [exact[_plain_label(match[0])] for match in mentions], pattern.sub(GONE, text)
    named += named_letters(_parted(text), [label for label in labels if len(label) == 1])
    return named[0] if len(named) == 1 and named[0] in labels else None


def parse_labels(text: str, labels: Sequence[str]) -> list[str] | None:
    """The distinct labels that an answer lists between semicolons; None if any part is no label."""
    parsed = [parse_label(part, labels) for part in text.split(SEPARATOR)]
    known = [label for label in parsed if label is not None]
    return list(dict.fromkeys(known)) if len(known) == len(parsed) else None
