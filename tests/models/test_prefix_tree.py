"""Answers that share a prompt, scored on it together: equal to scoring each alone, for every
kind of attention.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtune.conversation import Message, user_asks
from medtune.errors import ModelError
from medtune.models import causal as local
from medtune.models import prefix_tree
from medtune.models.causal import CausalModel
from medtune.models.interface import choice_loglikelihoods, choices_from_pairs
from medtune.models.load import locate
from medtune.models.prefix_tree import PromptTree, group_by_prefix, score_in_batches

LABELS = [
    "Surgery",
    "Neurology",
    "Neurosurgery",
    "Cardiovascular / Pulmonary",
    "x",
    "naïve µg",
    "Cosmetic surgery; x",
]
ASKED = [
    (user_asks("What are the symptoms of anemia?"), LABELS),
    (user_asks("Why?", "Name one of the specialties."), LABELS[:2]),
    (
        (*user_asks("Fatigue?"), Message("assistant", "Yes."), Message("user", "And pale skin?")),
        LABELS[2:],
    ),
]


@pytest.fixture(scope="module")
def model(tiny_model):
    return CausalModel.load(locate(str(tiny_model)))


def of_kind(kind, tokenizer):
    """A tiny model of another architecture around the same tokenizer."""
    import transformers

    torch.manual_seed(1)
    size = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
    }
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=256
        )
    elif kind == "mistral":
        config = transformers.MistralConfig(
            **size, **heads, sliding_window=9, max_position_embeddings=256
        )
    else:
        config = transformers.Gemma2Config(
            **size, **heads, sliding_window=9, max_position_embeddings=256
        )
    return transformers.AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral", "gemma2"])
def test_equal_to_scoring_each_answer_alone(model, kind):
    if kind != "llama":
        model = CausalModel(of_kind(kind, model.tokenizer), model.tokenizer, kind, kind)
    together, alone = choice_loglikelihoods(model, ASKED), choices_from_pairs(model, ASKED)
    for ours, theirs in zip(together, alone, strict=True):
        assert (ours.prompt, ours.texts) == (theirs.prompt, theirs.texts)
        assert (ours.tokens, ours.bytes, ours.prompt_cut) == (theirs.tokens, theirs.bytes, 0)
        assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral", "gemma2"])
def test_what_questions_begin_with_is_computed_once_and_changes_nothing(model, kind, monkeypatch):
    if kind != "llama":
        model = CausalModel(of_kind(kind, model.tokenizer), model.tokenizer, kind, kind)
    shots = [
        m
        for i in range(2)
        for m in (*user_asks(f"Example {i}: why pale?"), Message("assistant", "Iron."))
    ]
    requests = [
        ((*shots, *user_asks(question)), LABELS[:3])
        for question in ("Fatigue?", "Why short of breath?", "So?")
    ]
    computed = []
    run = prefix_tree.compute_prefix
    monkeypatch.setattr(
        prefix_tree, "compute_prefix", lambda m, ids: computed.append(len(ids)) or run(m, ids)
    )
    monkeypatch.setattr(local, "TOKENS_AT_ONCE", 60)  # several batches, each worth saving
    together = choice_loglikelihoods(model, [*requests, *ASKED])
    alone = choices_from_pairs(model, [*requests, *ASKED])
    assert len(computed) == 1
    assert computed[0] > 20
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)
        assert (ours.prompt, ours.texts, ours.tokens) == (
            theirs.prompt,
            theirs.texts,
            theirs.tokens,
        )


def test_where_a_layer_attends_twice_nothing_is_shared(model, monkeypatch):
    """DiffLlama's layers do: which keys were whose cannot be told."""
    import transformers

    torch.manual_seed(1)
    size = {
        "vocab_size": len(model.tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
    }
    config = transformers.DiffLlamaConfig(**size, num_attention_heads=4, num_key_value_heads=2)
    model = CausalModel(
        transformers.AutoModelForCausalLM.from_config(config).eval(), model.tokenizer, "d", "d"
    )
    shots = [
        m
        for i in range(2)
        for m in (*user_asks(f"Example {i}: why pale?"), Message("assistant", "Iron."))
    ]
    requests = [
        ((*shots, *user_asks(question)), LABELS[:3])
        for question in ("Fatigue?", "Why short of breath?", "So?")
    ]
    monkeypatch.setattr(local, "TOKENS_AT_ONCE", 60)
    for ours, theirs in zip(
        choice_loglikelihoods(model, requests), choices_from_pairs(model, requests), strict=True
    ):
        assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)


def test_a_short_beginning_of_long_prompts_is_left_where_it_is():
    start = np.arange(20)
    long = [
        PromptTree(np.concatenate([start, [n], np.arange(300, 400)]), (np.array([7]),), (0,))
        for n in range(40, 60)
    ]
    short = [
        PromptTree(np.concatenate([start, [n], np.arange(300, 320)]), (np.array([7]),), (0,))
        for n in range(40, 60)
    ]
    assert [len(ids) for ids, _ in group_by_prefix(long, 100)] == [0]
    assert [len(ids) for ids, _ in group_by_prefix(short, 100)] == [20]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=1, max_size=12)),
        min_size=1,
        max_size=9,
    ),
    st.integers(0, 120),
)
def test_beginnings_are_of_all_their_prompts_and_every_prompt_has_one_place(prompts, worth):
    starts = [np.arange(k, k + 20) for k in (0, 100, 200)]
    trees = [
        PromptTree(np.concatenate([starts[k], rest]), (np.array([7]),), (0,)) for k, rest in prompts
    ]
    groups = group_by_prefix(trees, worth)
    assert sorted(number for _, members in groups for number in members) == list(range(len(trees)))
    for ids, members in groups:
        for number in members:
            assert trees[number].prompt[: len(ids)].tolist() == ids.tolist()
            assert len(trees[number].prompt) > len(ids)  # its last token predicts the answer
        if len(ids):
            assert len(ids) * (len(members) - 1) >= worth


def test_what_a_token_sees_is_the_way_to_it_from_the_beginning():
    tree = PromptTree(
        np.array([1, 2, 3, 4]), (np.array([5, 6]), np.array([8])), (0, 0)
    ).without_prefix(2)
    seen, distance = tree.visible_keys()
    assert seen.astype(int).tolist() == [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0, 0, 1],
    ]
    assert tree.positions().tolist() == [2, 3, 4, 5, 4]
    assert distance[4].tolist() == [4, 3, 2, 1, 0, -1, 0]
    assert tree.visible_keys(2)[0].tolist() == seen[2:].tolist()


def test_order_and_company_change_nothing(model):
    whole = dict(zip(LABELS, choice_loglikelihoods(model, ASKED)[0].loglikelihoods, strict=True))
    backwards = choice_loglikelihoods(model, [(ASKED[0][0], LABELS[::-1])])[0]
    assert backwards.loglikelihoods == pytest.approx(
        [whole[text] for text in LABELS[::-1]], abs=1e-4
    )
    (one,) = choice_loglikelihoods(model, [(ASKED[0][0], LABELS[:1])])
    assert one.loglikelihoods == pytest.approx([whole[LABELS[0]]], abs=1e-4)


def test_progress_counts_prompts(model):
    seen = []
    choice_loglikelihoods(model, ASKED, seen.append)
    assert sum(seen) == len(ASKED)


def test_a_prompt_too_long_loses_its_beginning_and_says_so(model):
    words = "symptoms of anemia fatigue pale skin short breath why because of values".split()
    text = " ".join(np.random.default_rng(0).choice(words, 600))
    (cut,) = choice_loglikelihoods(model, [(user_asks(text), LABELS)])
    rendered = model.template.prompt(user_asks(text))
    assert cut.prompt_cut > 0
    kept = model.tokenizer.encode(cut.prompt, add_special_tokens=False)
    assert len(
        model.tokenizer.encode(rendered, add_special_tokens=False)
    ) - cut.prompt_cut == pytest.approx(len(kept), abs=2)
    assert rendered.endswith(cut.prompt[-200:])
    assert np.isfinite(cut.loglikelihoods).all()


def test_cutting_keeps_the_first_token_and_the_last_and_scores_as_if_nothing_had_been_before(model):
    rows = [np.array([1, *range(5, 40), 50, 51]), np.array([1, *range(5, 40), 60])]
    tree, cut = PromptTree.from_rows(rows, [36, 36]).truncated(20)
    assert cut == 18
    assert tree.prompt.tolist() == [1, *range(23, 40)]
    short = [np.array([1, *range(23, 40), 50, 51]), np.array([1, *range(23, 40), 60])]
    scores = score_in_batches(model.model, [tree], 100)
    alone = model._score([(ids, 18) for ids in short], None)
    assert scores[0] == pytest.approx(alone, abs=1e-4)


def test_answers_that_begin_alike_share_what_is_not_scored_alone():
    tree = PromptTree.from_rows([np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5, 6])], [2, 2])
    assert (tree.prompt.tolist(), [b.tolist() for b in tree.branches]) == (
        [1, 2],
        [[3, 4], [3, 5, 6]],
    )
    early = PromptTree.from_rows(
        [np.array([1, 2, 9, 4]), np.array([1, 2, 3, 4])], [3, 3]
    )  # a border inside a token
    assert (early.prompt.tolist(), early.firsts) == ([1, 2], (1, 1))


def test_an_answer_longer_than_the_context_is_an_error(model):
    with pytest.raises(ModelError, match="does not fit"):
        choice_loglikelihoods(model, [(user_asks("Why?"), ["pale skin " * 300])])


def prompts_of(shared, *lengths):
    """Prompts that begin with the same ``shared`` tokens and differ from there on."""
    return [
        SimpleNamespace(prompt=np.array([7] * shared + [100 + i] * (length - shared)))
        for i, length in enumerate(lengths)
    ]


@pytest.mark.parametrize(
    ("lengths", "min_saved", "together"),
    [
        ((80, 80), 40, True),  # 40 tokens once instead of twice
        ((80, 80), 41, False),
        ((80, 80, 80), 80, True),
        ((80, 80, 80), 81, False),
        ((160, 160), 1, True),  # a quarter of the usual prompt
        ((161, 161), 1, False),
    ],
)
def test_a_beginning_is_shared_where_it_saves_enough(lengths, min_saved, together):
    groups = group_by_prefix(prompts_of(40, *lengths), min_saved)
    everyone = list(range(len(lengths)))
    ((prefix, members),) = groups
    assert members == everyone
    assert prefix.tolist() == ([7] * 40 if together else [])


def test_prompts_that_begin_otherwise_stay_alone():
    same = prompts_of(40, 80, 80)
    other, short = (SimpleNamespace(prompt=np.arange(200, 200 + size)) for size in (80, 2))
    (shared, rest) = group_by_prefix([short, same[0], other, same[1]], 1)
    assert (shared[0].tolist(), shared[1]) == ([7] * 40, [1, 3])
    assert (rest[0].tolist(), rest[1]) == ([], [0, 2])
