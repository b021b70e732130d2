"""Greetings and good-byes: learned where they are a habit, and nothing else learned or taken
away.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.cleaning.boilerplate import KEPT_WORDS, MINIMUM_ROWS, Boilerplate
from medtune.data.dedup import normalize

SHARE = 0.01
TOPICS = "anemia asthma gout migraine eczema measles mumps rubella tetanus cholera".split()


def answers(planted, count=500, before="", after=""):
    """Answers of which the first ``planted`` have something around them."""
    bodies = [
        f"Patient {i} has {TOPICS[i % 10]} of degree {i}; rest for {i} days helps most."
        for i in range(count)
    ]
    return [f"{before}{body}{after}" if i < planted else body for i, body in enumerate(bodies)]


def learn(texts, share=SHARE):
    return Boilerplate.learn(texts, share)


@pytest.mark.parametrize(
    "greeting", ["Hello, ", "Hi dear! ", "Thanks for your question on our site. ", "Good day;\n"]
)
def test_a_greeting_of_three_percent_is_learned_and_taken_away(greeting):
    texts = answers(15, before=greeting)
    learned = learn(texts)
    assert learned.opening == {normalize(greeting): 15}
    assert learned.closing == {}
    assert [learned.strip(text) for text in texts] == answers(0)


@pytest.mark.parametrize(
    "goodbye", [" Take care.", " Hope this helps!", "\nRegards", "\nBest wishes, your team"]
)
def test_a_goodbye_of_three_percent_is_learned_and_taken_away(goodbye):
    texts = answers(15, after=goodbye)
    learned = learn(texts)
    assert learned.closing == {normalize(goodbye): 15}
    assert learned.opening == {}
    assert [learned.strip(text) for text in texts] == answers(0)


def test_what_stands_behind_a_greeting_is_learned_too():
    texts = answers(
        15, before="Hello, I understand your concern. ", after=" Hope this helps. Take care."
    )
    learned = learn(texts)
    assert set(learned.opening) == {"hello", "i understand your concern"}
    assert set(learned.closing) == {"take care", "hope this helps"}
    assert [learned.strip(text) for text in texts] == answers(0)


@pytest.mark.parametrize(("planted", "count"), [(2, 500), (4, 200), (9, 1000)])
def test_what_is_rare_is_not_learned(planted, count):
    texts = answers(planted, count, before="Hello, ", after=" Take care.")
    learned = learn(texts)
    assert (learned.opening, learned.closing) == ({}, {})
    assert [learned.strip(text) for text in texts] == texts


def test_a_small_source_teaches_nothing():
    assert learn(answers(90, MINIMUM_ROWS - 1, before="Hello, ")) == Boilerplate({}, {})
    assert learn(answers(90, MINIMUM_ROWS, before="Hello, ")).opening == {"hello": 90}
    assert learn([]) == Boilerplate({}, {})


MEANINGFUL = [
    "Yes, ",
    "No, ",
    "No. ",
    "Never! ",
    "5 mg daily. ",
    "Call 911 now. ",
    "See a doctor immediately. ",
    "Stop taking it. ",
    "This is an emergency. ",
    "It is not dangerous. ",
]


@pytest.mark.parametrize("text", MEANINGFUL)
@pytest.mark.parametrize("edge", ["before", "after"])
def test_what_means_something_is_never_learned(text, edge):
    texts = answers(250, **{edge: text if edge == "before" else f" {text.strip()}"})
    learned = learn(texts)
    assert (learned.opening, learned.closing) == ({}, {})
    assert [learned.strip(t) for t in texts] == texts


@pytest.mark.parametrize("item", ["- Fever", "• Fever", "* Fever"])
def test_items_of_a_list_are_never_learned(item):
    texts = answers(250, after=f" Signs:\n- Cough\n{item}")
    assert learn(texts).closing == {}


def test_a_long_sentence_must_be_five_times_as_frequent():
    long = (
        "In these cases the sign or the symptom that was named above may be rather rare or "
        "quite common. "
    )
    assert learn(answers(20, before=long)).proposed == {}
    assert learn(answers(30, before=long)).proposed == {normalize(long): 30}


FINDINGS = [
    ("Kein Pneumothorax. ", "Lungen frei. "),
    ("Lungs are clear. ", "Mild cardiomegaly. "),
    ("Pas d'anomalie. ", "Épanchement pleural. "),
    ("Normal chest radiograph. ", "Small left effusion. "),
    ("Benign nevus. ", "Malignant melanoma. "),
    ("All clear. ", "Fracture. "),
]


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize(("one", "other"), FINDINGS)
@pytest.mark.parametrize("edge", ["opening", "closing"])
def test_sentences_that_exclude_one_another_are_content(one, other, edge, approved):
    bodies = [f"The heart of patient {i} measures {i} mm." for i in range(200)]
    texts = [
        f"{finding}{body}" if edge == "opening" else f"{body} {finding.strip()}"
        for body, finding in zip(bodies, [one, other] * 100, strict=True)
    ]
    learned = Boilerplate.learn(texts, SHARE, approved=approved)
    assert [learned.strip(text) for text in texts] == texts
    assert learned.proposed == {}


def test_a_sentence_that_may_say_something_is_proposed_and_done_when_approved():
    texts = answers(150, before="The chest is normal. ")
    learned = learn(texts)
    assert (learned.opening, learned.proposed) == ({}, {"the chest is normal": 150})
    assert learned.sampled == 500
    assert [learned.strip(text) for text in texts] == texts
    approved = Boilerplate.learn(texts, SHARE, approved=True)
    assert [approved.strip(text) for text in texts] == answers(0)


@pytest.mark.parametrize(
    "courtesy",
    [
        "Thanks for your question. ",
        "Thank you for contacting us! ",
        "I hope this answers your query. ",
        "Vielen Dank für Ihre Frage. ",
        "Merci pour votre question. ",
        "Gracias por su consulta. ",
        "Hello and welcome to our website. ",
        "Share this page. ",
        "I understand your concern. ",
    ],
)
def test_what_says_nothing_is_taken_away_however_frequent(courtesy):
    texts = answers(400, before=courtesy)
    learned = learn(texts)
    assert [learned.strip(text) for text in texts] == answers(0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Rest in bed today Hope this helps", "Rest in bed today"),
        ("Rest in bed today, hope this helps.", "Rest in bed today"),
        ("Rest in bed today\nTake care", "Rest in bed today"),
        ("Rest in bed today - Take care!", "Rest in bed today"),
        ("If the wound opens, take care.", "If the wound opens, take care."),
        ("You must always take care.", "You must always take care."),
        ("I hope this helps.", "I hope this helps."),
    ],
)
def test_a_learned_phrase_goes_where_no_full_stop_stands_before_it(before, after):
    strip = Boilerplate({}, {"hope this helps": 9, "take care": 9}).strip
    assert strip(before) == after


@pytest.mark.parametrize(
    "text", ["Hi pneumothorax present. Rest in bed.", "Hi lungs clear. Rest in bed."]
)
def test_a_greeting_goes_with_a_name_and_with_nothing_else(text):
    strip = Boilerplate({"hi": 9}, {}).strip
    assert strip(text) == text
    assert strip("Hi Sheba, rest in bed.") == "Rest in bed."


@pytest.mark.parametrize("body", ["mg doses differ a lot.", "mRNA is not DNA.", "pH is 7.4 here."])
def test_units_and_symbols_keep_their_case_behind_a_greeting(body):
    assert Boilerplate({"hello": 9}, {}).strip(f"Hello, {body}") == body


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Regards, Dr. Samuel Okafor", "Okafor"),
        ("regards, dr. samuel okafor", "okafor"),
        ("Best wishes, Anneliese Kowalczyk", "Kowalczyk"),
        ("Dr. Anneliese Kowalczyk, MD", "Kowalczyk"),
        ("Thanks, Xanthippe", "Xanthippe"),
        ("Mit freundlichen Grüßen Dr. Wojciech Brzęczyszczykiewicz", "Brz"),
    ],
)
def test_the_list_of_phrases_shows_no_name(written, name):
    habits = Boilerplate({}, {normalize(written): 9}, {normalize(written): written})
    (shown,) = habits.masked()["closing"]
    assert name not in shown
    assert "[NAME" in shown


FAULTS = [
    (
        "Non-Hodgkin lymphoma is what it is called. ",
        "'Non-' before a hyphen is taken for a greeting: 'Hodgkin lymphoma'",
    ),
    ("X-rays show it well. ", "the part of a word before its hyphen is taken for a greeting"),
    (
        "In children, ",
        "a condition before a comma is taken for a greeting: the sentence then holds for all",
    ),
    ("If untreated, ", "a condition before a comma is taken for a greeting"),
    ("Rarely, ", "how often something happens is taken for a greeting"),
    (
        "Don't take aspirin. ",
        'normalize() parts "don\'t" into "don t", so the list\'s contractions never match',
    ),
    ("You can't drive. ", 'normalize() parts "can\'t" into "can t"'),
]


@pytest.mark.parametrize("text", [text for text, _ in FAULTS])
def test_the_beginning_of_content_is_never_taken_away(text):
    texts = [f"{text}{body}" if i < 15 else body for i, body in enumerate(answers(0))]
    if "-" in text:  # the sentences differ, only their first word is the same
        texts = [
            t.replace(". ", f" in case {i}. ", 1) if i < 15 else t for i, t in enumerate(texts)
        ]
    learned = learn(texts)
    assert [learned.strip(t) for t in texts] == texts


@pytest.mark.parametrize(
    "text", ["Hello, take care.", "Hello, gout. Take care.", "Hello, rest well. Take care."]
)
def test_an_answer_that_would_be_left_with_too_few_words_stays_whole(text):
    strip = Boilerplate({"hello": 9}, {"take care": 9}).strip
    assert strip(text) == text
    assert strip("Hello, rest in bed. Take care.") == "Rest in bed."


UNITS = st.sampled_from(
    ["Hello, ", "Hi! ", "Take care. ", "Regards\n", "gout ", "It hurts. ", "\n", "5 mg ", "No. "]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(UNITS, max_size=10).map("".join))
def test_stripping_keeps_three_words_a_part_of_the_text_and_is_final(text):
    learned = Boilerplate({"hello": 9, "hi": 9}, {"take care": 9, "regards": 9})
    stripped = learned.strip(text)
    assert stripped.casefold() in text.casefold()
    assert stripped == text or len(stripped.split()) >= KEPT_WORDS
    assert learned.strip(stripped) == stripped


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=MINIMUM_ROWS, max_size=MINIMUM_ROWS + 5))
def test_learning_from_any_text_raises_nothing(texts):
    learned = learn(texts)
    assert all(isinstance(learned.strip(text), str) for text in texts)


def test_learning_does_not_depend_on_the_order_of_answers():
    texts = answers(15, before="Hello, ", after=" Take care.")
    once, reverse = learn(texts), learn(texts[::-1])
    assert (once.opening, once.closing) == (reverse.opening, reverse.closing)
