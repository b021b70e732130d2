"""Signs of an emergency: recognised in many words, and not in everyday questions.

The rules lean towards warning, so a general question that names an emergency (stroke, poisoning)
may warn as well.
"""

import pytest

from medtune.text.emergency import CRISIS, URGENT, emergency_signs, urgent_advice

EMERGENCIES = {
    "heart": [
        "I have crushing chest pain that goes to my left arm",
        "My chest hurts and I am sweating",
        "There is a lot of pressure in my chest",
        "Is my dad having a heart attack?",
        "I feel a tightness in the chest and my jaw aches",
    ],
    "breathing": [
        "I can't breathe",
        "I cant breathe properly",
        "She is struggling to breathe",
        "He is not breathing!",
        "My mother has trouble breathing and her lips are blue",
        "Sudden difficulty breathing after a flight",
        "My son is choking on a grape",
    ],
    "stroke": [
        "His face is drooping and his speech is slurred",
        "My wife suddenly cannot speak or move her right arm",
        "I have the worst headache of my life",
        "Her left side went numb an hour ago",
    ],
    "bleeding": [
        "The bleeding won't stop",
        "He is bleeding heavily from the leg",
        "My grandfather is vomiting blood",
        "I have been throwing up blood since this morning",
    ],
    "consciousness": [
        "My friend passed out and will not wake up",
        "Grandma lost consciousness",
        "My brother is having a seizure right now",
        "A man collapsed in the shop and does not respond",
    ],
    "poisoning": [
        "My toddler drank bleach",
        "My daughter swallowed a button battery",
        "I took too many paracetamol tablets",
        "I think she has overdosed on opioids",
    ],
    "allergy": [
        "My throat is closing up after eating peanuts",
        "His tongue is swelling after a bee sting",
        "My lips and face are swelling up after the antibiotic",
    ],
    "self-harm": [
        "I want to kill myself",
        "I keep thinking about suicide",
        "My son says he wants to kill himself",
        "I am thinking of killing myself",
        "I don't want to live anymore",
        "I want to end my life",
    ],
    "infant": [
        "My newborn has a fever of 39 degrees",
        "There is a fever in my two week old baby",
        "The baby is limp and will not feed",
    ],
    "pregnancy": [
        "I am pregnant and bleeding",
        "I am bleeding and I am 30 weeks pregnant",
    ],
    "infection": [
        "High fever and a stiff neck since yesterday",
        "A rash that doesn't fade when I press a glass on it",
    ],
}  # fmt: skip

ORDINARY = [
    "What are the symptoms of anemia?",
    "How is asthma treated?",
    "What causes gout?",
    "Can migraine be prevented?",
    "How much vitamin D do I need each day?",
    "Which foods are rich in iron?",
    "What is the difference between type 1 and type 2 diabetes?",
    "How long does a common cold last?",
    "Is eczema contagious?",
    "What does an MRI scan show?",
    "How often should I have my teeth checked?",
    "Why do my knees hurt after running?",
    "What are the side effects of metformin?",
    "Explain how vaccines work.",
    "How is high blood pressure diagnosed?",
    "What helps against hay fever?",
    "When does my baby start to walk?",
    "Which exercises are good during pregnancy?",
    "What does a dermatologist do?",
    "Is it normal to feel tired after a flu shot?",
    "",
]


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in EMERGENCIES.items() for text in texts]
)
def test_an_emergency_is_recognised(kind, text):
    assert kind in emergency_signs(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_everyday_question_is_answered_without_alarm(text):
    assert emergency_signs(text) == []
    assert urgent_advice(text) is None


@pytest.mark.parametrize("write", [str.upper, str.lower, lambda t: t.replace("'", "\u2019")])
def test_case_and_typographic_apostrophes_do_not_matter(write):
    assert emergency_signs(write("He can't breathe and the bleeding that won't stop is heavy")) == [
        "breathing",
        "bleeding",
    ]


def test_several_signs_are_all_named():
    assert {"heart", "self-harm"} <= set(emergency_signs("I have chest pain and I want to die"))


def test_advice_names_emergency_numbers_and_a_crisis_line_for_self_harm():
    assert urgent_advice("I have chest pain") == URGENT
    assert all(number in URGENT for number in ("112", "911", "999"))
    advice = urgent_advice("I want to kill myself")
    assert advice.startswith(CRISIS)
    assert URGENT in advice
    assert "988" in advice
