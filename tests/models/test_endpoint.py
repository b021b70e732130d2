"""A model behind an endpoint, asked over real HTTP: what is sent, what is kept, and every way in
which it goes wrong.
"""

import json
from types import SimpleNamespace

import pytest

from hosting import BASE, IGNORANT, KEY, running
from medtune.conversation import Message, user_asks
from medtune.errors import ModelError, RecipeError, RunError
from medtune.models.endpoint import CACHE_FILE, EndpointModel
from medtune.models.interface import DecodingSettings
from medtune.models.open import EndpointRef, check_endpoint_tasks, read_endpoint_ref
from medtune.recipe.schema import Endpoint, Evaluate

GREEDY = DecodingSettings(16)
QUESTION = user_asks("What is gout?")


@pytest.fixture
def service():
    with running() as service:
        yield service


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)


def remote(service, *, prompt=None, name=BASE, **settings):
    endpoint = {"base_url": service.url, "api_key_env": "TEST_KEY", "max_retries": 1, **settings}
    return EndpointRef(name, Endpoint(**endpoint), prompt)


def answer(**changes):
    """A whole chat completion, with changes."""
    message = {"role": "assistant", "content": "Yes.", "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    whole = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": BASE,
        "choices": [choice],
        "usage": usage,
    }
    return {key: value for key, value in (whole | changes).items() if value is not ...}


def test_every_parameter_is_sent_and_the_prompt_is_the_messages_sent(service):
    model = EndpointModel(remote(service, prompt="Medical question: {question}"))
    decoding = DecodingSettings(7, temperature=0.5, top_p=0.9, seed=11)
    (result,) = model.generate([user_asks("What is gout?", "Be brief.")], decoding)
    (sent,) = service.bodies("POST /chat/completions")
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Medical question: What is gout?"},
    ]
    expected = {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 11, "n": 1}
    assert sent == {"model": BASE, "messages": messages, **expected}
    assert json.loads(result.prompt) == messages
    assert (result.text, result.tokens, result.finished, result.prompt_cut) == (
        f"{IGNORANT} (11)",
        4,
        True,
        0,
    )


def test_an_answer_cut_at_its_limit_is_not_finished(service):
    (result,) = EndpointModel(remote(service)).generate([QUESTION], DecodingSettings(2))
    assert (result.text, result.tokens, result.finished) == ("I cannot", 2, False)


def test_answers_keep_their_order_and_requests_their_bound(service):
    service.together = 3
    prompts = [user_asks(f"Question {n}?") for n in range(9)]
    done = []
    result = EndpointModel(remote(service, concurrency=3)).generate(prompts, GREEDY, done.append)
    assert [json.loads(m.prompt)[0]["content"] for m in result] == [
        f"Question {n}?" for n in range(9)
    ]
    assert service.busiest == 3
    assert sum(done) == 9


def test_the_same_question_is_asked_once(service):
    result = EndpointModel(remote(service)).generate([QUESTION, QUESTION], GREEDY)
    assert result[0] == result[1]
    assert service.count("POST /chat/completions") == 1


# The cache


def test_a_repeated_evaluation_asks_nothing_and_needs_no_key(service, tmp_path, monkeypatch):
    first = EndpointModel(remote(service), tmp_path).generate([QUESTION], GREEDY)
    monkeypatch.delenv("TEST_KEY")
    assert EndpointModel(remote(service), tmp_path).generate([QUESTION], GREEDY) == first
    assert service.count("POST /chat/completions") == 1


@pytest.mark.parametrize(
    "again",
    [
        (BASE, None, DecodingSettings(17)),
        (BASE, None, DecodingSettings(16, temperature=0.7)),
        (BASE, "Q: {question}", GREEDY),
    ],
)
def test_what_an_answer_depends_on_asks_anew(service, tmp_path, again):
    EndpointModel(remote(service), tmp_path).generate([QUESTION], GREEDY)
    name, prompt, decoding = again
    EndpointModel(remote(service, name=name, prompt=prompt), tmp_path).generate(
        [QUESTION], decoding
    )
    assert service.count("POST /chat/completions") == 2


def test_sampled_answers_are_kept_by_seed(service, tmp_path):
    model = EndpointModel(remote(service), tmp_path)
    texts = [
        model.generate([QUESTION], DecodingSettings(16, 0.7, 0.9, seed))[0].text
        for seed in (1, 2, 1)
    ]
    assert texts == [f"{IGNORANT} (1)", f"{IGNORANT} (2)", f"{IGNORANT} (1)"]
    assert service.count("POST /chat/completions") == 2


@pytest.mark.parametrize("spoilt", [b'{"key": "cut sho', b"no json\n", b'{"text": "no key"}\n'])
def test_a_cut_or_spoilt_line_is_asked_again_and_harms_no_other(service, tmp_path, spoilt):
    model = EndpointModel(remote(service), tmp_path)
    model.generate([QUESTION], GREEDY)
    with open(tmp_path / CACHE_FILE, "ab") as handle:
        handle.write(spoilt)
    prompts = [QUESTION, user_asks("What is asthma?")]
    EndpointModel(remote(service), tmp_path).generate(prompts, GREEDY)
    assert service.count("POST /chat/completions") == 2
    EndpointModel(remote(service), tmp_path).generate(prompts, GREEDY)
    assert service.count("POST /chat/completions") == 2


def test_what_was_answered_before_a_failure_is_kept(service, tmp_path):
    prompts = [user_asks(f"Question {n}?") for n in range(4)]
    model = EndpointModel(remote(service, concurrency=1, max_retries=0), tmp_path)
    model.generate(prompts[:2], GREEDY)
    service.fail("chat", 500, times=99)
    with pytest.raises(RunError, match="still answers 500"):
        model.generate(prompts, GREEDY)
    service.faults.clear()
    EndpointModel(remote(service), tmp_path).generate(prompts, GREEDY)
    assert service.count("POST /chat/completions") == 2 + 1 + 2


# Faults that pass


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_passing_faults_are_tried_again(service, status):
    service.fail("chat", status)
    (result,) = EndpointModel(remote(service)).generate([QUESTION], GREEDY)
    assert result.text == IGNORANT
    assert service.count("POST /chat/completions") == 2


@pytest.fixture
def pauses(monkeypatch):
    """Pauses of the HTTP client, which pass at once."""
    from medtune.models import http_client

    taken = []
    clock = SimpleNamespace(sleep=taken.append, time=lambda: 1_700_000_000.0)
    monkeypatch.setattr(http_client, "time", clock)
    return taken


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "1.2"}, 1.2),
        (429, {"Retry-After": "150"}, 150),  # the official client gives up above 120
        (503, {"Retry-After": "600"}, 600),
        (500, {"retry-after-ms": "250"}, 0.25),
        (429, {"Retry-After": "Tue, 14 Nov 2023 22:16:20 GMT"}, 180),
        (503, {"Retry-After": "Tue, 14 Nov 2023 17:16:20 -0500"}, 180),
    ],
)
def test_retry_after_is_honoured(service, pauses, capsys, status, headers, seconds):
    service.fail("chat", status, headers=headers)
    (result,) = EndpointModel(remote(service)).generate([QUESTION], GREEDY)
    assert result.text == IGNORANT
    assert pauses == [pytest.approx(seconds)]
    told = f"127.0.0.1 answers {status} and asks to wait: going on in "
    assert (told in capsys.readouterr().err) == (seconds >= 5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("0", None),
        ("Tue, 14 Nov 2006 22:16:20 GMT", None),
        ("12", 12.0),
    ],
)
def test_a_retry_after_that_says_nothing_is_none(pauses, text, seconds):
    from medtune.models.http_client import seconds_to_wait

    assert seconds_to_wait({"retry-after": text}) == seconds


def test_a_wait_is_asked_for_so_often_and_then_it_is_an_error(service, pauses):
    service.fail("chat", 429, headers={"Retry-After": "7"}, times=99)
    said = failure(service, RunError, EndpointModel(remote(service, max_retries=3)))
    assert "still answers 429 after 3 retries at most" in said
    assert pauses == [7, 7, 7]
    assert service.count("POST /chat/completions") == 4


@pytest.mark.parametrize("text", ["601", "86400"])
def test_a_wait_that_is_too_long_is_named_and_not_waited_for(service, pauses, text):
    service.fail("chat", 429, headers={"Retry-After": text}, times=99)
    said = failure(service, RunError, EndpointModel(remote(service)))
    assert "the service answers 429 and asks to wait " in said
    assert "longer than 10 min" in said
    assert pauses == []


OVERLOADED = {"message": "Try again", "type": "overloaded_error", "code": None, "param": None}
PASSING = [
    ({"error": {"message": "Limit", "type": "requests", "code": "rate_limit_exceeded"}}, 429),
    ({"error": {"code": 429, "message": "slow down", "metadata": {"provider": "x"}}}, 429),
    ({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503),
    ({"error": {"message": "Overloaded", "type": "Too Many Requests"}}, 429),
    ({"object": "error", "message": "full", "type": "ServiceUnavailable", "code": None}, 503),
    (answer(choices=[], error=OVERLOADED), 503),
    (answer(choices=[{"error": OVERLOADED, "finish_reason": "error", "index": 0}]), 503),
]


@pytest.mark.parametrize(("body", "status"), PASSING)
def test_errors_of_services_are_known_in_answers_of_status_200(body, status):
    from medtune.models.http_client import error_object, is_passing, status_of

    assert status_of(error_object(body)) == status
    assert is_passing(status)


@pytest.mark.parametrize(
    "body",
    [
        answer(),
        answer(error=None),
        {"object": "fine_tuning.job", "id": "j", "error": {"code": "x", "message": "it failed"}},
        {"object": "list", "data": []},
        ["error"],
    ],
)
def test_a_proper_answer_holds_no_error(body):
    from medtune.models.http_client import error_object

    assert error_object(body) is None


def test_a_passing_error_in_an_answer_of_status_200_is_asked_again_as_it_asks(service, pauses):
    service.fail("chat", 200, body=PASSING[0][0], headers={"Retry-After": "150"})
    (result,) = EndpointModel(remote(service)).generate([QUESTION], GREEDY)
    assert result.text == IGNORANT
    assert service.count("POST /chat/completions") == 2
    assert pauses == [150]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (
            {"error": {"message": "context length is 8", "type": "bad", "param": "prompt"}},
            ModelError,
            "refused the request: prompt: context length is 8",
        ),
        ({"error": "model is broken"}, ModelError, "refused the request: model is broken"),
        ({"detail": "Not here"}, ModelError, "refused the request: Not here"),
        ({"error": {"code": "weird_code"}}, ModelError, "refused the request: weird_code"),
        ({"error": {"code": 500, "message": "it fell"}}, RunError, "still answers 500"),
        (
            {"error": {"message": "no", "code": "invalid_api_key"}},
            ModelError,
            "the key in TEST_KEY",
        ),
        (
            {"error": {"message": "pay", "type": "q", "code": "insufficient_quota"}},
            RunError,
            "credit is used up",
        ),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_object_of_status_200_is_said_as_the_service_says_it(
    service, body, kind, said, streamed
):
    service.fail("chat", 200, body=body, times=9)
    if not streamed:
        assert said in failure(service, kind)
        return
    with pytest.raises(kind, match=said):
        EndpointModel(remote(service, max_retries=0)).stream(QUESTION, GREEDY, print)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_message_that_quotes_the_prompt_is_said_without_it(service, status):
    asked = "Mr Doe, 84, has gout and a fever of 39.4. What now?"
    fault = {"message": f"too long: '{asked[:40]}…' ends early", "code": max(400, status)}
    service.fail("chat", status, body={"error": fault}, times=9)
    with pytest.raises((ModelError, RunError)) as caught:
        EndpointModel(remote(service, max_retries=0)).generate([user_asks(asked)], GREEDY)
    assert "too long: '…" in str(caught.value)
    assert "Doe" not in str(caught.value)
    assert "fever" not in str(caught.value)


def test_an_answer_that_breaks_off_is_asked_again(service):
    service.fail("chat", drop=True)
    (result,) = EndpointModel(remote(service)).generate([QUESTION], GREEDY)
    assert result.text == IGNORANT


# Faults that stay


def failure(service, kind=ModelError, model=None, decoding=GREEDY):
    with pytest.raises(kind) as caught:
        (model or EndpointModel(remote(service, max_retries=0))).generate([QUESTION], decoding)
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ({"status": 429, "headers": {"Retry-After": "300"}}, RunError, "wait 300 s"),
        ({"drop": True}, RunError, "broke off in mid-answer"),
        ({"status": 403}, ModelError, "the key in TEST_KEY gives no access to model"),
        ({"status": 200, "body": b"<html>"}, ModelError, "not of the OpenAI form"),
        ({"status": 404, "body": {"detail": "Not Found"}}, ModelError, "Not Found"),
        (
            {"status": 307, "headers": {"Location": "http://elsewhere.invalid/"}},
            ModelError,
            "redirects",
        ),
        (
            {"status": 401, "body": {"error": {"message": f"bad key {KEY}"}}},
            ModelError,
            "the key in TEST_KEY",
        ),
        (
            {"status": 500, "body": {"error": {"message": f"key {KEY} made me fall"}}},
            RunError,
            "key *** made me fall",
        ),
    ],
)
def test_a_lasting_fault_is_a_sentence(service, fault, kind, said):
    service.fail("chat", **fault, times=9)
    assert said in failure(service, kind)


def test_no_credit(service):
    body = {
        "error": {
            "message": "You exceeded…",
            "type": "q",
            "param": None,
            "code": "insufficient_quota",
        }
    }
    service.fail("chat", 429, body=body, times=9)
    assert "credit is used up" in failure(service, RunError)


def test_a_wrong_key_names_its_variable_and_never_itself(service, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-wrong-and-secret")
    said = failure(service)
    assert "TEST_KEY" in said
    assert "sk-wrong" not in said


def test_no_key_at_all(service, monkeypatch):
    monkeypatch.delenv("TEST_KEY")
    assert "the environment variable TEST_KEY holds no key" in failure(service)
    assert not service.requests


def test_an_unknown_model(service):
    said = failure(service, model=EndpointModel(remote(service, name="gpt-none")))
    assert "the service knows no model gpt-none" in said


def test_nobody_listens():
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", api_key_env="TEST_KEY", max_retries=0)
    with pytest.raises(RunError, match="out of reach"):
        EndpointModel(EndpointRef(BASE, endpoint)).generate([QUESTION], GREEDY)


def test_a_refused_parameter_is_named(service):
    body = {
        "error": {
            "message": "Unsupported value: 0.5",
            "type": "i",
            "param": "temperature",
            "code": "unsupported",
        }
    }
    service.fail("chat", 400, body=body)
    assert "refused the request: temperature: Unsupported value: 0.5" in failure(service)


def test_a_timeout_says_how_long_it_waited(service):
    service.slow = 1.0
    model = EndpointModel(remote(service, timeout=0.1, max_retries=0))
    assert "no answer within 0.1 s" in failure(service, RunError, model)


CHOICE = answer()["choices"][0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"choices": []}, "choices is empty"),
        ({"choices": ...}, "choices"),
        ({"id": ...}, "id"),
        ({"usage": ...}, "usage is missing"),
        ({"choices": [CHOICE | {"finish_reason": "eos"}]}, "choices.0.finish_reason"),
        (
            {"choices": [CHOICE | {"message": {"role": "assistant"}}]},
            "choices.0.message.content is missing",
        ),
        (
            {"choices": [CHOICE | {"message": {"role": "assistant", "content": 3}}]},
            "choices.0.message.content",
        ),
    ],
)
def test_an_answer_that_lacks_something_names_it(service, changes, named):
    service.fail("chat", 200, body=answer(**changes))
    assert named in failure(service)


def test_a_withheld_answer_counts_as_it_came(service, capsys):
    message = {"role": "assistant", "content": None, "refusal": None}
    service.fail(
        "chat",
        200,
        body=answer(choices=[CHOICE | {"finish_reason": "content_filter", "message": message}]),
    )
    (result,) = EndpointModel(remote(service)).generate([QUESTION], GREEDY)
    assert (result.text, result.finished) == ("", False)
    assert "content filter" in capsys.readouterr().err


@pytest.mark.parametrize(
    "decoding", [DecodingSettings(8, beams=4), DecodingSettings(8, no_repeat_ngram=3)]
)
def test_what_an_endpoint_cannot_do_is_refused_not_ignored(service, decoding):
    assert "a chat endpoint has no" in failure(service, decoding=decoding)
    assert not service.requests


def test_likelihoods_are_refused(service):
    model = EndpointModel(remote(service))
    for ask in (
        lambda: model.loglikelihoods([(QUESTION, "Yes.")]),
        lambda: model.text_loglikelihoods(["Yes."]),
    ):
        with pytest.raises(ModelError, match="gives no likelihoods"):
            ask()


@pytest.mark.parametrize(
    ("expected", "named"),
    [
        ({"tasks": ["answers", "perplexity"]}, "perplexity needs likelihoods"),
        ({"tasks": [{"task": "classification", "name": "labels"}]}, "labels needs likelihoods"),
        ({"tasks": ["answers"], "decoding": {"beams": 4}}, "beam search"),
        ({"tasks": ["answers"], "decoding": {"no_repeat_ngram": 3}}, "no_repeat_ngram"),
    ],
)
def test_a_plan_that_an_endpoint_cannot_carry_out_is_refused(expected, named):
    with pytest.raises(RecipeError, match=named):
        check_endpoint_tasks(Evaluate(**expected))


def test_a_plan_of_generated_answers_is_accepted():
    check_endpoint_tasks(
        Evaluate(tasks=["answers", "topics", {"task": "classification", "scoring": "generation"}])
    )


# Streams


def test_a_stream_hands_out_pieces_and_writes_nothing(service, tmp_path):
    pieces = []
    result = EndpointModel(remote(service), tmp_path).stream(QUESTION, GREEDY, pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == result.text == IGNORANT
    assert (result.tokens, result.finished) == (3, True)
    assert not list(tmp_path.iterdir())


def test_a_stream_that_breaks_off(service):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": BASE}
    piece = {"index": 0, "delta": {"content": "Half"}, "finish_reason": None}
    body = f"data: {json.dumps(chunk | {'choices': [piece]})}\n\n".encode()
    service.fail("chat", 200, body=body, headers={"X": "y"})
    with pytest.raises(ModelError, match="broke off"):
        EndpointModel(remote(service)).stream(QUESTION, GREEDY, lambda text: None)


def test_a_stream_whose_connection_is_lost(service):
    service.fail("chat", drop=True)
    with pytest.raises(RunError, match="broke off in mid-answer"):
        EndpointModel(remote(service, max_retries=0)).stream(QUESTION, GREEDY, lambda text: None)


# What is known of it


def test_a_remote_model_s_file_comes_back_and_holds_no_key(service, tmp_path):
    written = EndpointRef("ft:x", remote(service).endpoint, "Q: {question}", "Be brief.")
    written.write(tmp_path)
    assert read_endpoint_ref(tmp_path) == written
    assert KEY not in (tmp_path / "endpoint.json").read_text()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"base_url": "http://x/v1", "api_key_env": "sk-proj-secret"}, "api_key_env"),
        ({"base_url": "https://me:secret@x/v1"}, "base_url"),
        ({"base_url": "localhost:8000/v1"}, "base_url"),
    ],
)
def test_a_secret_in_the_place_of_a_name_is_refused_and_not_repeated(settings, named):
    with pytest.raises(ModelError, match=named) as caught:
        EndpointRef(BASE, Endpoint(**settings))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"name": "x", "endpoint": {}}', "no json"])
def test_a_spoilt_file_is_an_error(tmp_path, text):
    (tmp_path / "endpoint.json").write_text(text)
    with pytest.raises(ModelError, match="does not name a model"):
        read_endpoint_ref(tmp_path)


def test_history_is_sent_with_the_prompt_around_every_question(service):
    talk = [Message("user", "Gout?"), Message("assistant", "Crystals."), Message("user", "Why?")]
    EndpointModel(remote(service, prompt="Q: {question}")).generate([talk], GREEDY)
    (sent,) = service.bodies("chat")
    assert [m["content"] for m in sent["messages"]] == ["Q: Gout?", "Crystals.", "Q: Why?"]
