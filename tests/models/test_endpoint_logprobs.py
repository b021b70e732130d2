"""Likelihoods through a completions route: equal to the local model's, and every way in which a
server cannot give them.
"""

import json

import pytest

from hosting import BASE, KEY, Scorer, running
from medtune.conversation import Message, user_asks
from medtune.errors import ModelError, RecipeError, RunError
from medtune.models.causal import CausalModel
from medtune.models.endpoint import EndpointModel
from medtune.models.endpoint_logprobs import (
    CACHE_FILE,
    answer_start_by_prompt,
    answer_start_by_text,
    parse_echo,
)
from medtune.models.interface import (
    ChoiceScorer,
    DecodingSettings,
    choice_loglikelihoods,
)
from medtune.models.load import locate
from medtune.models.open import EndpointRef, check_endpoint_tasks, read_endpoint_ref
from medtune.recipe.schema import Endpoint, Evaluate
from medtune.tokens.render import EndpointTemplate

PAIRS = [
    (user_asks("What causes gout?"), "Crystals of uric acid settle in a joint."),
    (user_asks("Why?", "Be brief."), "So."),
    (
        user_asks("What are the symptoms of anemia?"),
        "Fatigue, pale skin and short breath are common. " * 3,
    ),
    (user_asks("naïve µg 😀?"), "5 µg"),
    (user_asks("Smile?"), "😀 is one: naïve"),
    (user_asks("Which one?\nA. x\nB. y"), "B"),
]
ONCE = [pair for pair in PAIRS if "😀" not in str(pair)]  # whose tokens join to what is sent
ASKED = [
    (user_asks("Which specialty treats gout?"), ["Rheumatology", "Neurology", "x"]),
    (user_asks("Why?"), ["A", "B"]),
]
TEXTS = ["Dry and itchy skin.", "naïve µg 😀 of it", "x"]
ENDPOINT = Endpoint(base_url="http://localhost:1/v1", likelihoods="echo")


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture(scope="module")
def local(tiny_model):
    return CausalModel.load(locate(str(tiny_model)))


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return Scorer(tiny_model)


@pytest.fixture
def service(scorer):
    with running() as service:
        service.scorer = scorer
        yield service


def remote(service, *, prompt=None, template="plain", **settings):
    endpoint = {
        "base_url": service.url,
        "api_key_env": "TEST_KEY",
        "max_retries": 1,
        "likelihoods": "echo",
    }
    return EndpointRef(BASE, Endpoint(**endpoint | settings), prompt, None, template)


def written(service, write=None, **more):
    """A service that writes tokens in a way of its own."""
    base = service.scorer
    other = Scorer.__new__(Scorer)
    other.__dict__ |= (
        base.__dict__
        | {"change": lambda answer: answer}
        | more
        | ({"write": write} if write else {})
    )
    service.scorer = other
    return service


def spoilt(service, change):
    return written(service, change=change)


def values(likelihoods):
    return [x.loglikelihood for x in likelihoods]


def check_equal(ours, theirs):
    assert values(ours) == pytest.approx(values(theirs), abs=1e-4)
    assert [(x.text, x.tokens, x.bytes) for x in ours] == [
        (x.text, x.tokens, x.bytes) for x in theirs
    ]


# Agreement with the local model


def test_it_scores_choices_together(service):
    assert isinstance(EndpointModel(remote(service)), ChoiceScorer)


def test_answers_equal_the_local_model_s(service, local):
    ours, theirs = EndpointModel(remote(service)).loglikelihoods(PAIRS), local.loglikelihoods(PAIRS)
    check_equal(ours, theirs)
    assert [local.tokenizer.bos_token + x.prompt for x in ours] == [x.prompt for x in theirs]


def test_choices_equal_the_local_model_s(service, local):
    seen = []
    ours, theirs = (
        choice_loglikelihoods(EndpointModel(remote(service)), ASKED, seen.append),
        choice_loglikelihoods(local, ASKED),
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one.loglikelihoods == pytest.approx(other.loglikelihoods, abs=1e-4)
        assert (one.texts, one.tokens, one.bytes) == (other.texts, other.tokens, other.bytes)
    assert sum(seen) == len(ASKED)


def test_whole_texts_equal_the_local_model_s(service, local):
    check_equal(
        EndpointModel(remote(service)).text_loglikelihoods(TEXTS), local.text_loglikelihoods(TEXTS)
    )


def test_without_bos_the_first_token_counts_nowhere(service, local, scorer):
    service = written(service, head=[])
    (ours,) = EndpointModel(remote(service)).text_loglikelihoods(TEXTS[:1])
    ids = scorer.tokenizer.encode(TEXTS[0], add_special_tokens=False)
    assert (ours.tokens, ours.bytes) == (
        len(ids) - 1,
        len(TEXTS[0]) - len(scorer.tokenizer.decode(ids[:1])),
    )
    assert EndpointModel(remote(service)).text_loglikelihoods(["", "x"])[0].tokens == 0


def test_the_prompt_of_the_recipe_is_put_around_the_question(service, tiny_model):
    local = CausalModel.load(locate(str(tiny_model)), prompt="Q: {question}")
    check_equal(
        EndpointModel(remote(service, prompt="Q: {question}")).loglikelihoods(PAIRS),
        local.loglikelihoods(PAIRS),
    )


@pytest.mark.parametrize(
    "name", ["chatml", "llama-3", "gemma", "phi-3", "llama-2", "mistral", "zephyr", "qwen2.5"]
)
def test_families_are_written_as_the_local_template_writes_them(name, tiny_model):
    from medtune.tokens.chat_templates import TEMPLATES
    from medtune.tokens.render import ChatTemplate

    talk = [
        *user_asks("Gout?", "Be brief."),
        Message("assistant", "Crystals."),
        Message("user", "Why?"),
    ]
    tokenizer = CausalModel.load(locate(str(tiny_model))).tokenizer
    bos = "<|begin_of_text|>" if name == "llama-3" else "<bos>" if name == "gemma" else "<s>"
    eos = "<|endoftext|>" if name == "phi-3" else "</s>"
    tokenizer.bos_token, tokenizer.eos_token, tokenizer.chat_template = bos, eos, TEMPLATES[name]
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|end|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>"]}
    )
    theirs = ChatTemplate(tokenizer).conversation([*talk, Message("assistant", "Uric acid.")])
    prompt, text = EndpointTemplate(name).answered(talk, "Uric acid. ")
    begin, _ = theirs.answers[-1]
    assert prompt == theirs.text[:begin].removeprefix(bos)
    assert text.strip() == "Uric acid."


# How servers write tokens


@pytest.mark.parametrize(
    "write",
    [
        lambda tokenizer, token: tokenizer.decode([token]).removeprefix(
            " "
        ),  # vLLM with SentencePiece
        lambda tokenizer, token: tokenizer.decode([token]).replace(
            "\ufffd", ""
        ),  # bytes that nobody decodes
        lambda tokenizer, token: tokenizer.decode(
            [token], skip_special_tokens=True
        ),  # BOS without a text
        lambda tokenizer, token: (
            tokenizer.convert_ids_to_tokens(token) if token > 10 else "<s>"
        ),  # Ġ for a blank
    ],
)
def test_however_tokens_are_written_the_figures_are_the_same(service, local, scorer, write):
    service = written(service, lambda token: write(scorer.tokenizer, token))
    check_equal(EndpointModel(remote(service)).loglikelihoods(PAIRS), local.loglikelihoods(PAIRS))


def test_offsets_that_no_server_agrees_on_are_not_needed(service, local):
    def change(answer):
        logprobs = answer["choices"][0]["logprobs"]
        logprobs["text_offset"] = [-1] * len(logprobs["tokens"])
        return answer

    check_equal(
        EndpointModel(remote(spoilt(service, change))).loglikelihoods(PAIRS),
        local.loglikelihoods(PAIRS),
    )


def test_a_prompt_asked_alone_is_asked_once_for_all_its_answers(service, scorer):
    service = written(service, lambda token: scorer.tokenizer.decode([token]).removeprefix(" "))
    EndpointModel(remote(service, concurrency=3)).choice_loglikelihoods(
        [(user_asks("Which of them?"), list("ABCD"))]
    )
    assert service.count("POST /completions") == 5


@pytest.mark.parametrize(
    ("tokens", "sent", "border", "first"),
    [
        (["<s>", "Ans", "wer:", " C"], "Answer: C", 7, 3),
        (["Ans", "wer:", " C"], "Answer: C", 7, 2),
        (["Answer", ": C"], "Answer: C", 7, 1),  # the token across the border counts for the answer
        (["", "a:", "", "µ"], "a:µ", 2, 2),  # the first byte of µ has no text of its own
        (
            ["Answer: C"],
            "Answer: C",
            7,
            1,
        ),  # nothing stands before the first token: nothing is scored
        (["Answer", ":", "C"], "Answer: C", 7, None),
        (["x", "Answer", ":", "C"], "Answer: C", 7, None),
    ],
)
def test_where_joined_tokens_divide(tokens, sent, border, first):
    assert answer_start_by_text(tokens, sent, border) == first


@pytest.mark.parametrize(
    ("tokens", "prompt", "text", "first"),
    [
        (["<s>", "Answer", ":", "", "5"], ["<s>", "Answer", ":"], " 5", 3),
        (["Answer", ":C"], ["Answer", ":"], "C", 1),
        (["", "Q", "\ufffd", "\ufffd"], ["", "Q"], " µ", 2),
    ],
)
def test_where_tokens_part_from_those_of_the_prompt(tokens, prompt, text, first):
    assert answer_start_by_prompt(ENDPOINT, tokens, prompt, text) == first


@pytest.mark.parametrize(
    ("tokens", "prompt", "text"),
    [
        (["a", "b", "c"], ["a"], "c"),  # more tokens than the answer's
        (["a", "b"], ["a"], "bc"),  # fewer: cut short
        (["a", "b"], ["a", "b"], "c"),  # none at all
        (["a", "token_id:5"], ["a"], "c"),
    ],
)
def test_tokens_that_are_not_the_answer_s_are_refused(tokens, prompt, text):
    with pytest.raises(ModelError, match="does not give the log-probabilities"):
        answer_start_by_prompt(ENDPOINT, tokens, prompt, text)


# What is sent, and what is kept


def test_what_is_sent(service):
    EndpointModel(remote(service)).loglikelihoods(PAIRS[:1])
    (sent,) = service.bodies("POST /completions")
    text = "Question: What causes gout?\nAnswer: Crystals of uric acid settle in a joint."
    expected = {"max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}
    assert sent == {"model": BASE, "prompt": text, **expected}


def test_requests_keep_their_bound_and_are_counted(service):
    service.together, done = 3, []
    EndpointModel(remote(service, concurrency=3)).loglikelihoods([*ONCE, ONCE[0]], done.append)
    assert service.busiest == 3
    assert sum(done) == len(ONCE) + 1
    assert service.count("POST /completions") == len(ONCE)


def test_a_repeated_evaluation_asks_nothing_and_needs_no_key(service, tmp_path, monkeypatch):
    first = EndpointModel(remote(service), tmp_path).loglikelihoods(ONCE)
    monkeypatch.delenv("TEST_KEY")
    assert EndpointModel(remote(service), tmp_path).loglikelihoods(ONCE) == first
    assert service.count("POST /completions") == len(ONCE)
    assert not any("gout" in line for line in (tmp_path / CACHE_FILE).read_text().splitlines())


def test_what_was_answered_before_a_failure_is_kept(service, tmp_path):
    model = EndpointModel(remote(service, concurrency=1, max_retries=0), tmp_path)
    service.fail("POST /completions", 500, times=99, skip=3)
    with pytest.raises(RunError, match="still answers 500"):
        model.loglikelihoods(ONCE)
    service.faults.clear()
    with open(tmp_path / CACHE_FILE, "ab") as handle:
        handle.write(b'no json\n{"key": "cut sho')
    EndpointModel(remote(service), tmp_path).loglikelihoods(ONCE)
    assert service.count("POST /completions") == 3 + 1 + len(ONCE) - 3


def test_a_passing_failure_is_tried_again(service, local):
    service.fail("POST /completions", 429)
    check_equal(
        EndpointModel(remote(service)).loglikelihoods(PAIRS[:1]), local.loglikelihoods(PAIRS[:1])
    )


# What a server cannot do


def failure(service, **settings):
    with pytest.raises(ModelError) as caught:
        EndpointModel(remote(service, max_retries=0, **settings)).loglikelihoods(PAIRS[:1])
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_a_server_without_the_route(service):
    service.scorer = None
    assert "its completions route answers 404: Not Found" in failure(service)


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "bad"), (422, "bad"), (501, "bad"), (500, "Only no echo is supported")],
)
def test_a_server_that_refuses_an_echo(service, status, message):
    service.fail(
        "POST /completions",
        status,
        body={"error": {"message": message, "type": "x", "param": None, "code": None}},
    )
    assert f"its completions route answers {status}: {message}" in failure(service)


def test_a_model_that_the_server_does_not_know_is_said_to_be_so(service):
    with pytest.raises(ModelError, match="knows no model nobody"):
        EndpointModel(
            EndpointRef("nobody", remote(service).endpoint, None, None, "plain")
        ).loglikelihoods(PAIRS[:1])


def in_logprobs(**changes):
    def change(answer):
        given = answer["choices"][0]["logprobs"]
        answer["choices"][0]["logprobs"] = {
            name: changes[name](value) if name in changes else value
            for name, value in given.items()
        }
        return answer

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda answer: answer | {"choices": []}, "choices.0.logprobs.tokens is missing"),
        (lambda answer: answer | {"usage": None}, "usage.prompt_tokens is missing"),
        (lambda answer: [answer], "choices.0.logprobs.tokens is missing"),
        (in_logprobs(tokens=lambda x: None), "choices.0.logprobs.tokens is missing"),
        (in_logprobs(token_logprobs=lambda x: "x"), "another kind"),
        (
            in_logprobs(tokens=lambda x: x[-1:], token_logprobs=lambda x: x[-1:]),
            "1 tokens and 1 log-probabilities came",
        ),
        (in_logprobs(token_logprobs=lambda x: x[:-1]), "log-probabilities came"),
        (in_logprobs(token_logprobs=lambda x: [None] * len(x)), "token 2 of"),
        (in_logprobs(token_logprobs=lambda x: [None, *[0.7] * (len(x) - 1)]), "token 2 of"),
        (in_logprobs(token_logprobs=lambda x: [None, *[True] * (len(x) - 1)]), "token 2 of"),
        (in_logprobs(tokens=lambda x: [*x[:3], None, *x[4:]]), "token 4 of"),
        (
            in_logprobs(tokens=lambda x: [f"token_id:{n}" for n, _ in enumerate(x)]),
            "not those of what was sent",
        ),
        (in_logprobs(tokens=lambda x: ["the"] * len(x)), "not those of what was sent"),
    ],
)
def test_an_answer_that_lacks_something_is_refused_not_guessed(service, change, named):
    assert named in failure(spoilt(service, change))


def test_a_prompt_cut_by_the_server_is_refused(service, scorer):
    def short(asked):
        return scorer(asked | {"prompt": asked["prompt"][12:]})

    service.scorer = short
    with pytest.raises(ModelError, match="not those of what was sent"):
        EndpointModel(remote(service)).text_loglikelihoods(["Dry and itchy skin is dry."])


def test_infinity_is_no_log_probability():
    given = {"tokens": ["a", "b"], "token_logprobs": [None, float("-inf")]}
    with pytest.raises(ModelError, match="token 2 of 2"):
        parse_echo(ENDPOINT, {"choices": [{"logprobs": given}], "usage": {"prompt_tokens": 2}})


# What the recipe says


@pytest.mark.parametrize("template", ["auto", "vicuna"])
def test_without_a_named_template_nothing_is_sent(service, template):
    with pytest.raises(RecipeError, match=r"model\.chat_template"):
        EndpointModel(remote(service, template=template)).loglikelihoods(PAIRS)
    assert not service.requests


def test_a_terminator_that_only_the_tokenizer_knows_is_said_to_be_so(service):
    talk = [*user_asks("Gout?"), Message("assistant", "Crystals."), Message("user", "Why?")]
    with pytest.raises(RecipeError, match="does not show"):
        EndpointModel(remote(service)).loglikelihoods([(talk, "Acid.")])
    assert not service.requests


def test_tasks_of_likelihood_are_let_through_where_the_endpoint_echoes(service):
    tasks = [
        "perplexity",
        "forgetting",
        {"task": "classification"},
        {"task": "multiple_choice", "source": "medqa"},
    ]
    check_endpoint_tasks(Evaluate(tasks=tasks), remote(service))
    with pytest.raises(RecipeError, match="needs likelihoods"):
        check_endpoint_tasks(Evaluate(tasks=tasks), remote(service, likelihoods="none"))
    with pytest.raises(RecipeError, match=r"model\.chat_template"):
        check_endpoint_tasks(Evaluate(tasks=tasks), remote(service, template="auto"))
    with pytest.raises(RecipeError, match="beam search"):
        check_endpoint_tasks(Evaluate(tasks=tasks, decoding={"beams": 2}), remote(service))


def test_what_is_measured_depends_on_the_template_and_what_was_trained_or_answered_does_not(
    service, tmp_path
):
    one, other, none = (
        remote(service, **x) for x in ({}, {"template": "chatml"}, {"likelihoods": "none"})
    )
    assert (
        one.fingerprint()
        == other.fingerprint()
        == none.fingerprint()
        == EndpointModel(none).fingerprint
    )
    assert len({EndpointModel(x).fingerprint for x in (one, other, none)}) == 3
    for each in (none, one):
        EndpointModel(each, tmp_path).generate([user_asks("Why?")], DecodingSettings(8))
    assert service.count("POST /chat/completions") == 1


def test_the_template_comes_back_from_the_file_and_old_files_are_read(service, tmp_path):
    remote(service, template="gemma").write(tmp_path)
    assert read_endpoint_ref(tmp_path) == remote(service, template="gemma")
    values = json.loads((tmp_path / "endpoint.json").read_text())
    del values["chat_template"], values["endpoint"]["likelihoods"]
    (tmp_path / "endpoint.json").write_text(json.dumps(values))
    assert read_endpoint_ref(tmp_path) == remote(service, template="auto", likelihoods="none")
