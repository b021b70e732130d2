"""Options that tie: those that are the same tokens to a model, and others of the same score."""

from functools import cache

import numpy as np
import pytest

from medtune.conversation import Conversation, Message, user_asks
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.tied_choices import drawn, same_tokens, tied_best
from medtune.models.interface import ChoiceLikelihoods, choice_loglikelihoods, choices_with_ends
from medtune.recipe.schema import TaskSpec

OPTIONS = {  # the first two are the same tokens
    "seq2seq": ("INR < 2", "INR ~ 2", "INR 9"),
    "causal": ("10² a", "102 A", "103 a"),
}


def few_words():
    """A tokenizer that knows a few words, no sign among them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = "<pad> </s> <unk> <s> Question : Answer ? What is INR 2 9 A B C .".split()
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(known)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        **{"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"},
    )


def folding():
    """A byte-level tokenizer that reads ² as 2 and capitals as small letters."""
    from tokenizers import normalizers

    from tiny_t5 import byte_level_tokenizer

    tokenizer = byte_level_tokenizer()
    folded = [normalizers.NFKC(), normalizers.Lowercase()]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(folded)
    return tokenizer


@cache
def tiny(kind):
    """A model of random weights whose tokenizer loses what tells two options apart."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from medtune.models.causal import CausalModel
    from medtune.models.encoder_decoder import Seq2SeqModel
    from tiny_t5 import tiny_t5

    if kind == "seq2seq":
        return Seq2SeqModel(tiny_t5(24), few_words(), kind, kind)
    torch.manual_seed(0)
    tokenizer = folding()
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config = LlamaConfig(vocab_size=len(tokenizer), **shape, **heads)
    return CausalModel(LlamaForCausalLM(config).eval(), tokenizer, kind, kind)


def question(options, answer, text="What is INR ?"):
    lines = [f"{letter}. {option}" for letter, option in zip("ABC", options, strict=True)]
    messages = (
        *user_asks("\n".join([text, "", *lines])),
        Message("assistant", lines["ABC".index(answer)]),
    )
    return Conversation(f"id-{answer}", f"g-{answer}", "t", messages, None, options, answer)


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("ask", [choice_loglikelihoods, choices_with_ends])
def test_options_of_the_same_tokens_are_known(kind, ask):
    (choice,) = ask(tiny(kind), [(user_asks("What is INR ?"), OPTIONS[kind])])
    assert choice.indistinct_groups() == (0, 0, 2)
    assert same_tokens(choice) == {"token_groups": [0, 0, 2]}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("primary", ["letters", "texts", "texts_per_byte", "texts_pmi"])
def test_a_choice_between_the_same_tokens_is_shared_wherever_the_key_stands(
    kind, primary, settings, capsys
):
    """The same question with each option as its key: either of the first two, or the third."""
    spec = TaskSpec(task="multiple_choice", primary=primary)
    task, items = TASKS["multiple_choice"], [question(OPTIONS[kind], key) for key in "ABC"]
    samples = task.run(tiny(kind), items, settings().for_task(spec))
    shares = [sample.score.correct for sample in samples]
    assert shares in ([0.5, 0.5, 0], [0, 0, 1])
    found = score(task, samples, 100, 0)
    assert found["accuracy"].value == pytest.approx(1 / 3)
    assert (found["indistinct_options"].value, found["indistinct_options"].n) == (1, 3)
    assert "3 of 3 questions have options that are the same tokens" in capsys.readouterr().err


def test_a_best_option_takes_its_like_along_whatever_the_scores_by_size():
    """The same tokens of unequal bytes: per byte the longer text would win or lose by its size."""
    assert tied_best("abc", np.array([-2.0, -1.0, -1.5]), [0, 0, 2]) == {"a": 0.5, "b": 0.5}
    assert tied_best("abc", np.array([-2.0, -1.9, -1.5]), [0, 0, 2]) == {"c": 1.0}
    assert tied_best("abc", np.array([-1.0, -1.0, -1.5])) == {"a": 0.5, "b": 0.5}
    assert tied_best(["x", "x", "y"], np.array([-1.0, -1.0, -1.0])) == {"x": 2 / 3, "y": 1 / 3}


def test_without_known_tokens_equal_texts_are_the_same():
    choice = ChoiceLikelihoods("", ("no", "yes", "no"), (-1.0,) * 3, (1,) * 3, (2, 3, 2))
    assert choice.indistinct_groups() == (0, 1, 0)
    assert choice.part(1, None).indistinct_groups() == (0, 1)


def test_of_labels_that_tie_one_is_drawn_by_the_item_not_by_its_place():
    ids = [f"id-{n}" for n in range(200)]
    one = [drawn({"a": 0.5, "b": 0.5}, item) for item in ids]
    assert one == [drawn({"b": 0.5, "a": 0.5}, item) for item in ids]
    assert 70 < one.count("a") < 130
