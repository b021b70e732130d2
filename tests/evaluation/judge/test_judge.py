"""A judge over real HTTP: bounded retries, missing is missing, a dead service is an error, what
was said is kept.
"""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from hosting import BASE, KEY, running
from hosting.chats import Chats
from medtune.conversation import user_asks
from medtune.errors import ModelError, RunError
from medtune.evaluation.judge import (
    JudgeCase,
    ModelJudge,
    clipped,
    crossing,
    item_score,
    kappa,
    open_judge,
)
from medtune.models.interface import Generated
from medtune.recipe.schema import JudgeSpec

CASES = [JudgeCase(user_asks("Fever?"), f"Answer {n}.", f"criterion {n}") for n in range(6)]


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)
    with running() as service:
        yield service


@pytest.fixture
def replies(monkeypatch):
    """Set what the judge replies to a request."""

    def to(reply):
        def complete(self, asked):
            said = reply(asked)
            if isinstance(said, tuple):
                return said
            message = {"role": "assistant", "content": said, "refusal": None}
            choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
            usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
            return 200, {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": BASE,
                "choices": [choice],
                "usage": usage,
            }

        monkeypatch.setattr(Chats, "complete", complete)

    return to


def named(service, **settings):
    endpoint = {
        "base_url": service.url,
        "api_key_env": "TEST_KEY",
        "max_retries": 0,
        "concurrency": 2,
    }
    return JudgeSpec(name=BASE, endpoint=endpoint, **settings)


def number(asked):
    return int(asked["messages"][1]["content"].split("The criterion: criterion ")[1].split("\n")[0])


def met(asked):
    return json.dumps({"reason": "so", "met": number(asked) % 2 == 0})


def test_every_criterion_gets_its_own_verdict(service, replies):
    replies(met)
    done = []
    assert open_judge(named(service)).judge(CASES, done.append) == [True, False] * 3
    assert sum(done) == len(CASES)
    sent = service.bodies("chat")
    assert len(sent) == 6
    assert {(one["temperature"], one["seed"], one["max_tokens"]) for one in sent} == {(0, 0, 300)}


def test_wrong_json_is_asked_again_with_another_seed_and_then_missing(service, replies):
    replies(lambda asked: "It is met." if number(asked) == 1 else met(asked))
    found = open_judge(named(service, attempts=3)).judge(CASES)
    assert found == [True, None, True, False, True, False]
    again = [one for one in service.bodies("chat") if number(one) == 1]
    assert [(one["seed"], one["temperature"] > 0) for one in again] == [
        (0, False),
        (1, True),
        (2, True),
    ]
    assert service.count("chat") == 6 + 2


def test_a_second_attempt_that_can_be_read_counts(service, replies):
    replies(lambda asked: met(asked) if asked["seed"] else "hm")
    assert open_judge(named(service)).judge(CASES[:2]) == [True, False]


def test_one_request_that_always_fails_is_missing(service, replies):
    replies(
        lambda asked: (500, {"error": {"message": "oops"}}) if number(asked) == 2 else met(asked)
    )
    assert open_judge(named(service)).judge(CASES) == [True, False, None, False, True, False]


def test_texts_that_the_service_refuses_are_missing(service, replies):
    refused = (
        400,
        {
            "error": {
                "message": "content filter",
                "type": "i",
                "param": None,
                "code": "content_filter",
            }
        },
    )
    replies(lambda asked: refused if number(asked) >= 1 else met(asked))
    assert open_judge(named(service)).judge(CASES) == [True, None, None, None, None, None]


def test_a_service_that_is_gone_is_an_error_and_what_was_said_is_kept(service, replies, tmp_path):
    replies(
        lambda asked: met(asked) if number(asked) < 2 else (503, {"error": {"message": "gone"}})
    )
    with pytest.raises(RunError):
        open_judge(named(service), tmp_path).judge(CASES)
    replies(met)
    before = service.count("chat")
    assert open_judge(named(service), tmp_path).judge(CASES) == [True, False] * 3
    assert service.count("chat") == before + 4
    assert open_judge(named(service), tmp_path).judge(CASES) == [True, False] * 3
    assert service.count("chat") == before + 4


def test_a_judge_that_refuses_from_the_beginning_is_an_error_soon(service, replies):
    replies(lambda asked: (404, {"error": {"message": "no such model", "code": "model_not_found"}}))
    with pytest.raises(ModelError, match="knows no model"):
        open_judge(named(service)).judge(CASES * 20)
    assert service.count("chat") <= 8


def test_a_single_case_that_is_refused_is_an_error_too(service, replies):
    replies(lambda asked: (500, {"error": {"message": "oops"}}))
    with pytest.raises(RunError):
        open_judge(named(service)).judge(CASES[:1])


def test_a_local_model_can_judge(tiny_model):
    judge = open_judge(JudgeSpec(name=str(tiny_model), attempts=1, max_new_tokens=4))
    assert judge.judge(CASES[:1]) == [None]  # random weights give no verdict


def test_a_judge_without_room_for_the_question_is_not_believed():
    class Short:
        def generate(self, prompts, decoding, progress=None):
            return [Generated("", '{"met": true}', 3, True, prompt_cut=7) for _ in prompts]

    assert ModelJudge(Short(), 2, 10).judge(CASES[:2]) == [None, None]


# Figures


@pytest.mark.parametrize(
    ("points", "found", "expected"),
    [
        ([5, 5, -3], [True, False, True], 0.2),
        ([5, 5, -3], [True, True, False], 1.0),
        ([5, -8], [True, True], -0.6),
        ([5, 5, -3], [True, None, True], 0.4),
        ([5, -3], [None, True], None),
        ([5, 5, -3], [True, True, None], None),
        ([5, 5, -3, -2], [True, False, True, None], None),
        ([5], [None], None),
    ],
)
def test_the_score_of_an_item(points, found, expected):
    assert item_score(points, found) == (None if expected is None else pytest.approx(expected))


def test_only_the_mean_is_clipped():
    assert clipped(np.array([-0.3, 0.4, 1.2])).tolist() == [0, 0.4, 1]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_kappa_agrees_with_scikit_learn(pairs):
    left, right = zip(*pairs, strict=True)
    found = kappa(np.array(crossing(pairs)))
    if len(set(left) | set(right)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)
