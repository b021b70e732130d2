import pytest

from medtune.conversation import Message
from medtune.data.demonstrations import on_subject, rows_on_subject, subject_words
from medtune.data.rows import Row
from medtune.recipe.schema import TOPICS


def row(question, *, entity=None, answer="An answer."):
    return Row(
        (Message("user", question), Message("assistant", answer)), "test", "here", entity=entity
    )


@pytest.mark.parametrize(
    ("question", "words"),
    list(
        zip(
            TOPICS,
            [
                {"paracetamol", "poisoning"},
                {"congenital", "adrenal", "hyperplasia"},
                {"anthrax"},
                {"cachexia"},
                {"botulism"},
            ],
            strict=True,
        )
    ),
)
def test_what_a_demonstration_question_is_about(question, words):
    assert subject_words(question) == words


@pytest.mark.parametrize(
    "question",
    [
        "What causes BOTULISM?",
        "Is infant botulism treated like botulism of adults?",
        "Congenital hyperplasia of adrenal glands: what is it?",
        "describe the transmission symptoms and treatment of anthrax",
        "poisoning by Paracetamol, what to do?",
    ],
)
def test_questions_on_a_demonstration_subject(question):
    assert on_subject(row(question), TOPICS)


def test_an_entity_named_by_a_demonstration():
    assert on_subject(row("How long does it last?", entity="Anthrax"), TOPICS)


@pytest.mark.parametrize(
    "question",
    [
        "What are the symptoms and treatment of gout?",
        "What are congenital heart defects?",
        "Is paracetamol safe?",
        "How does it affect the body?",
        "",
    ],
)
def test_other_questions_may_train(question):
    assert not on_subject(row(question), TOPICS)


def test_a_short_entity_is_not_found_inside_a_question():
    assert not on_subject(row("How long does it last?", entity="it"), TOPICS)


def test_a_demonstration_of_only_general_words_holds_out_just_itself():
    assert on_subject(row("What are the symptoms?"), ["What are the symptoms?"])
    assert not on_subject(row("What are the symptoms of gout?"), ["What are the symptoms?"])


def test_an_earlier_turn_on_the_subject_counts():
    messages = (
        Message("user", "What is botulism?"),
        Message("assistant", "A paralysis by a toxin."),
        Message("user", "And how long does it last?"),
        Message("assistant", "Weeks to months."),
    )
    assert on_subject(Row(messages, "test", "here"), TOPICS)


def test_each_row_is_judged_on_its_own():
    rows = [
        row("What is gout?"),
        row("What is botulism?"),
        row("Who gets paralysis?"),
        row("What is asthma?"),
    ]
    assert rows_on_subject(rows, TOPICS) == [False, True, False, False]
