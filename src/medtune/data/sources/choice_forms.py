"""Questions with options: MedQA, MedMCQA, MMLU, and PubMedQA's yes, no or maybe."""

from collections.abc import Callable
from dataclasses import replace
from string import ascii_uppercase

from medtune.conversation import bare_question, options_block
from medtune.data.columns import nested_field, text_of
from medtune.data.formats.delimited import TableRow
from medtune.data.formats.tables import Table
from medtune.data.rows import Row
from medtune.data.sources.forms import Convert, Fields, PublishedForm, form
from medtune.errors import DataError, described

DECISIONS = ("yes", "no", "maybe")
_AS_PUBLISHED = "Use the file as it was published."


def choice_row(
    fields: Fields, question: str, options: list[str], key: str, identity: str = ""
) -> Row:
    """A question with its options as lines ``A.

    …``; the answer repeats the right one. Without a key there is no answer.
    """
    while len(options) > 2 and not options[-1]:
        options = options[:-1]  # MedQA's fifth option is there in some rows only
    letters = ascii_uppercase[: len(options)]
    if len(options) > len(letters):
        raise fields.fault(
            f"{len(options)} options, and letters for {len(letters)}", "Leave some out, or the row."
        )
    if key and (len(key) != 1 or key not in letters):
        raise fields.fault(
            f"the answer is {described(key)} and the options are {', '.join(letters) or 'none'}",
            _AS_PUBLISHED,
        )
    lines = [f"{letter}. {option}" for letter, option in zip(letters, options, strict=True)]
    bare = bare_question(question, options)  # a file may show the options in its question, too
    return fields.conversation(
        bare + options_block(options) if question else "",
        lines[letters.index(key)] if key else "",
        options=tuple(options),
        answer_key=key or None,
        id=identity or None,
    )


def _lettered(names: str, key: str) -> Convert:
    """Options in columns of their own, the answer a letter."""

    def convert(fields: Fields) -> Row:
        options = [fields.text(name) for name in names.split()]
        return choice_row(
            fields, fields.text("question"), options, fields.text(key).upper(), fields.text("id")
        )

    return convert


def _options_by_letter(fields: Fields) -> Row:
    """MedQA as published: an object of letter to option."""
    options = fields.row.get("options")
    if not isinstance(options, dict) or "".join(sorted(options)) != ascii_uppercase[: len(options)]:
        raise fields.fault("the column 'options' is no object of A, B, C, …", _AS_PUBLISHED)
    texts = [text_of(options, letter, fields.location) for letter in sorted(options)]
    return choice_row(
        fields, fields.text("question"), texts, fields.text("answer_idx").upper(), fields.text("id")
    )


def _numbered(fields: Fields) -> Row:
    """MMLU on the hub: a list of choices, the answer counted from 0."""
    return choice_row(
        fields, fields.text("question"), fields.texts("choices"), _letter(fields, "answer", 0)
    )


def _letter(fields: Fields, name: str, base: int) -> str:
    """A counted answer as its letter.

    Nothing for a missing one, which tests without answers write as -1.
    """
    text = fields.text(name).removesuffix(".0")
    if text in ("", "-1"):
        return ""
    if (
        not text.isascii()
        or not text.isdigit()
        or not base <= int(text) < base + len(ascii_uppercase)
    ):
        raise fields.fault(
            f"the column {name!r} holds {described(text)}, no number of an option from {base}",
            _AS_PUBLISHED,
        )
    return ascii_uppercase[int(text) - base]


def _medmcqa(table: Table) -> Convert:
    """``exp`` explains the answer and often gives it away: it is not part of the question, nor
    of the answer.
    """
    base = _first_number(table)

    def convert(fields: Fields) -> Row:
        options = [fields.text(name) for name in ("opa", "opb", "opc", "opd")]
        return choice_row(
            fields,
            fields.text("question"),
            options,
            _letter(fields, "cop", base),
            fields.text("id"),
        )

    return convert


def _first_number(table: Table) -> int:
    """Whether ``cop`` counts from 1 (the original, and what was made from it) or from 0 (the
    hub's form).

    Both have the same columns, so the numbers tell: a 0 stands only in the one, a 4 only in the
    other. Reads that column up to the first of them. The original JSON counts from 1 also where a
    small part of it holds neither.
    """
    answered = False
    for number, value in enumerate(table.column("cop"), 1):
        cop = text_of({"cop": value}, "cop", f"{table.path.name}, row {number}").removesuffix(".0")
        if cop in ("0", "4"):
            return int(cop == "4")
        answered = answered or cop not in ("", "-1")
    if answered and table.path.suffix.lower() not in (".json", ".jsonl"):
        raise DataError(
            "cannot tell whether 'cop' counts the options from 0 or from 1: it holds neither 0 "
            "nor 4",
            where=str(table.path),
            fix="Use the whole file as it was published.",
        )
    return 1


def _decision(fields: Fields) -> Row:
    """PubMedQA: the abstract without its conclusion, then the question; the conclusion answers."""
    context = nested_field(fields.row, "context", fields.location)
    inner = Fields(context, fields.source, fields.location) if isinstance(context, dict) else fields
    contexts = inner.texts("CONTEXTS" if "CONTEXTS" in inner.row else "contexts")
    question, decision = fields.text("question", "QUESTION"), fields.text("final_decision").lower()
    if decision and decision not in DECISIONS:
        raise fields.fault(
            f"final_decision is {described(decision)}",
            f"It must be one of: {', '.join(DECISIONS)}.",
        )
    return fields.conversation(
        "\n\n".join([*contexts, question]) if question else "",
        fields.text("long_answer", "LONG_ANSWER"),
        label=decision or None,
        options=DECISIONS,
        answer_key=ascii_uppercase[DECISIONS.index(decision)] if decision else None,
        id=fields.text("pmid", "pubid", "key") or None,
    )


def _published(
    whole: PublishedForm, fits: Callable[[TableRow], bool]
) -> tuple[PublishedForm, PublishedForm]:
    """A form by which a file of any name is known if its first row fits, and for one named as
    published in any case.

    People write files of their own with the same columns, and other answers in them.
    """
    return replace(whole, fits=fits), replace(whole, telling=False)


def _answered(column: str, answers: str, further: str | None = None) -> Callable[[TableRow], bool]:
    """Whether a row has one of these answers or none, and its options end before the column
    ``further``.
    """
    known = ("NONE", "NAN", "", "-1", *answers.split())
    return lambda row: (
        further not in row and str(row.get(column)).strip().upper().removesuffix(".0") in known
    )


_DECIDED = {
    "question": "question",
    "context": "contexts",
    "answer": "long_answer",
    "label": "final_decision",
}
_MMLU = {"question": "question", "options": "A B C D", "answer": "answer"}
_MEDQA = {"question": "question", "options": "options", "answer": "answer_idx"}

FORMS: dict[str, tuple[PublishedForm, ...]] = {
    "pubmedqa": (
        form(
            "pmid question contexts long_answer final_decision",
            _decision,
            {**_DECIDED, "id": "pmid"},
        ),
        form(
            "pubid question context long_answer final_decision",
            _decision,
            {**_DECIDED, "id": "pubid"},
        ),
        form(
            "QUESTION CONTEXTS LONG_ANSWER final_decision",
            _decision,
            {k: v.upper() for k, v in _DECIDED.items()},
        ),
    ),
    "medqa": (
        *_published(
            form(
                "question A B C D E answer_idx",
                _lettered("A B C D E", "answer_idx"),
                {**_MEDQA, "options": "A B C D E"},
            ),
            _answered("answer_idx", "A B C D E", "F"),
        ),
        *_published(
            form("question options answer_idx", _options_by_letter, _MEDQA),
            lambda row: isinstance(row.get("options"), dict),
        ),
    ),
    "medmcqa": _published(
        PublishedForm(
            frozenset("question opa opb opc opd cop".split()),
            _medmcqa,
            {"question": "question", "options": "opa opb opc opd", "answer": "cop"},
        ),
        _answered("cop", "0 1 2 3 4", "ope"),
    ),
    # By these columns alone no file is known: people's own count from 0 or from 1, and the whole
    # column must tell.
    "mmlu_medical": (
        form(
            "question subject choices answer",
            _numbered,
            {**_MMLU, "options": "choices"},
            telling=False,
        ),
        form("question A B C D answer", _lettered("A B C D", "answer"), _MMLU, telling=False),
    ),
}
