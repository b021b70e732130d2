"""Cases with known answers for figures and keys of words: signs, doses, numbers, scripts, and
answers in words.
"""

from string import ascii_uppercase

from medtune.data.dedup import normalize
from medtune.evaluation.known_answers import Figures, KnownAnswer
from medtune.evaluation.text_metrics import rouge_l, token_f1
from medtune.text.answer_parsing import parse_label
from medtune.text.quantities import dose_agreement

# Texts that ask or say something else, and spellings of one text.
OTHER = (
    ("A+", "A-"),
    ("10⁹/L", "109/L"),
    ("≥ 5", "< 5"),
    ("−2.5", "2.5"),
    ("दिल", "दाल"),
    ("肝炎", "肾炎"),
)
SAME = (
    ("1,5 mg", "1.5 mg"),
    ("10⁹/L", "10^9/L"),
    ("5 µg", "5 μg"),
    ("What is gout?", "WHAT IS GOUT"),
    ("Ｇｏｕｔ", "gout"),
)


def _keys() -> Figures:
    """Texts that differ and share a key, and spellings of one text that share theirs."""
    return [sum(normalize(a) == normalize(b) for a, b in pairs) for pairs in (OTHER, SAME)]


def _doses() -> Figures:
    """Quantities that disagree with their reference."""
    pairs = (
        ("Take 50 mg.", "Take 5 mg."),
        ("Take 1.0 mg.", "Take 10 mg."),
        ("Take 1.0 mg.", "Take 1 mg."),
        ("Take 15 mg.", "Take 1,5 mg."),
        ("Take 1,5 mg.", "Take 1.5 mg."),
        ("Take 5 µg.", "Take 5 mg."),
        ("Take 0.5 mg.", "Take 500 µg."),
    )
    return [len(dose_agreement(answer, right).conflicts) for answer, right in pairs]


def _parsed() -> Figures:
    """Accuracy and parse rate of answers in words."""
    answers, right = ["B", "The answer is (C).", "I don't know", "A or B"], "BCDA"
    named = [parse_label(answer, list(ascii_uppercase[:4])) for answer in answers]
    pairs = list(zip(named, right, strict=True))
    return [
        sum(label == key for label, key in pairs) / 4,
        sum(label is not None for label in named) / 4,
    ]


def _labels() -> Figures:
    """Whether a label is read in an answer that names it, another one, or a range of two."""
    lymphoma = ["Hodgkin lymphoma", "gout"]
    return [
        float(parse_label("It is Hodgkin lymphoma.", lymphoma) == lymphoma[0]),
        float(parse_label("Non-Hodgkin lymphoma", lymphoma) is not None),
        float(parse_label("CIN 2-3", ["CIN 2", "CIN 3"]) is not None),
    ]


WORD_CASES = (
    KnownAnswer("answers in words: accuracy, parse rate", [0.5, 0.5], _parsed),
    KnownAnswer("labels: named, of another name, a range", [1, 0, 0], _labels),
    KnownAnswer("ROUGE-L F1", [0.75], lambda: [rouge_l("a b c d", "a c d e")]),
    KnownAnswer(
        "ROUGE-L: CD4+ and CD4-, < and >, µg, g",
        [0, 2 / 3, 0.5],
        lambda: [
            rouge_l("CD4+", "CD4-"),
            rouge_l("INR < 2", "INR > 2"),
            rouge_l("5 µg", "5 g"),
        ],
    ),
    KnownAnswer(
        "ROUGE-L: Chinese, Hindi, Cyrillic, é",
        [0.5, 0, 4 / 11, 1],
        lambda: [
            rouge_l("肝炎", "肾炎"),
            rouge_l("दिल", "दाल"),
            rouge_l("Принимайте аспирин 100 mg утром", "Не пейте ибупрофен 100 mg вечером"),
            rouge_l("fièvre", "fievre"),
        ],
    ),
    KnownAnswer(
        "token F1: tenfold doses, one dose, signs",
        [0.5, 0.5, 1, 0],
        lambda: [
            token_f1("1.5 mg", "15 mg"),
            token_f1("1,5 mg", "15 mg"),
            token_f1("1,5 mg", "1.5 mg"),
            token_f1("A+", "A-"),
        ],
    ),
    KnownAnswer("doses that disagree", [1, 1, 0, 1, 0, 1, 0], _doses),
    KnownAnswer("keys: others, and spellings of one", [0, 5], _keys),
)
