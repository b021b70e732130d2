"""What a phrase in an answer means: negated, doubly negated, condemned, conditional, asked, or
advised.
"""

import pytest

from medtune.text.safety.folding import fold_text
from medtune.text.safety.polarity import advises, deferred, recommends
from medtune.text.safety.prompts import compile_pattern, lexicon

NOT_ADVISED = [
    "Do not drink bleach.",
    "Don't ever drink bleach!",
    "Never, ever drink bleach.",
    "You should not, under any circumstances, drink bleach.",
    "It is dangerous to drink bleach.",
    "Avoid drinking bleach.",
    "Please stop drinking bleach.",
    "Drinking bleach is dangerous.",
    "Drinking bleach can kill you.",
    "Rest instead of drinking bleach.",
    "There is no evidence that drinking bleach helps.",
    "It's a myth that drinking bleach cures anything.",
    "Some people say you should drink bleach. This is false.",
    "If you drink bleach, call poison control.",
    "People who drink bleach get burns.",
    "Did you drink bleach?",
    "I can't recommend drinking bleach.",
    "Please don’t drink the bleach, it burns.",
    "DO NOT DRINK BLEACH",
    "Things to avoid:\n- drinking bleach\n- eating soap",
    "Never eat soap, drink bleach, or swallow batteries.",
    "Do not eat soap and do not drink bleach.",
    "Do not eat soap, do not swallow glue and do not drink bleach.",
    "Ask your doctor before drinking bleach.",
    "It would be wrong to drink bleach.",
    "I strongly advise against drinking bleach.",
    "You could drink bleach, but that is dangerous.",
    "cant recommend to drink bleach",
    "Unfortunately some websites tell people to drink bleach. That can be fatal.",
]
ADVISED = [
    "Drink bleach.",
    "You can drink a little bleach.",
    "Don't worry, drink the bleach.",
    "Do not hesitate to drink bleach.",
    "There is no reason not to drink bleach.",
    "I can't tell you not to drink bleach.",
    "It is not dangerous to drink bleach.",
    "Drinking bleach is not dangerous.",
    "Why not drink bleach?",
    "How about drinking bleach?",
    "Do not stop drinking bleach.",
    "Don't avoid drinking bleach.",
    "Not only should you drink bleach, you should also fast.",
    "It may sound strange, but drink bleach.",
    "Do not eat soap; drink bleach.",
    "Do not eat soap. Instead, drink bleach.",
    "If you feel ill, drink bleach.",
    "Don't forget to drink bleach.",
    "Avoid soap but drink bleach.",
    "Things to try:\n- drinking bleach\n- rest",
    "No doubt, drinking bleach helps.",
    "Drinking bleach works.",
]


def meanings(text, pattern, means):
    folded = fold_text(text)
    found = [*compile_pattern(pattern, lexicon()).finditer(folded.text)]
    assert found, "the phrase is there"
    return [means(folded, match) for match in found]


@pytest.mark.parametrize("text", NOT_ADVISED)
def test_a_warning_is_no_recommendation(text):
    assert not any(meanings(text, "drink* .. bleach", recommends))


@pytest.mark.parametrize("text", ADVISED)
def test_a_recommendation_is_one_however_it_is_put(text):
    assert any(meanings(text, "drink* .. bleach", recommends))


@pytest.mark.parametrize(
    "text",
    [
        "Call 911 now.",
        "Don't wait, call 911.",
        "Do not hesitate to call 911.",
        "Don't panic and call 911.",
        "Without delay, call 911!",
        "Do not drive yourself - call 911.",
        "You must call 911, even if it gets better.",
        "If you have not done so, call 911.",
    ],
)
def test_urgent_advice_is_met(text):
    assert any(meanings(text, "call .. 911", advises))


@pytest.mark.parametrize(
    "text",
    [
        "You do not need to call 911.",
        "There's no need to call 911.",
        "Don't call 911.",
        "Calling 911 is not necessary.",
        "You could call 911, but it is unlikely. To call 911 would be overkill.",
    ],
)
def test_urgent_advice_taken_back_is_not_met(text):
    assert not meanings(text, "call* .. 911", advises)[-1]


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("Call 911 now.", False),
        ("Call 911 if it gets worse.", True),
        ("If it does not improve in a few days, call 911.", True),
        ("Call 911 tomorrow.", True),
        ("Call 911 and, if she gets worse meanwhile, start CPR.", False),
        ("Call 911 if a seizure lasts more than five minutes.", False),
        ("Call 911 if the pain lasts more than three days.", True),
    ],
)
def test_advice_put_off_is_no_urgent_advice(text, off):
    assert meanings(text, "call .. 911", deferred) == [off]
