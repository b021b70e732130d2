"""T5 behind the protocol: the likelihoods of transformers' own forward, and answers that do not
depend on the batch.
"""

import json

import pytest
import torch

from medtune.conversation import user_asks
from medtune.errors import ModelError
from medtune.evaluation.tasks.perplexity import Perplexity
from medtune.models.adapters import add_lora, save_model
from medtune.models.encoder_decoder import Seq2SeqModel
from medtune.models.interface import (
    ChoiceScorer,
    DecodingSettings,
    InferenceSettings,
    StreamingModel,
    choice_loglikelihoods,
)
from medtune.models.load import load_tokenizer, load_weights, locate
from medtune.models.t5_packed import PairBatch, decoder_hidden, dropout
from medtune.recipe.schema import Lora
from tiny_t5 import KINDS, make_tiny_t5, real_t5_tokenizer, tiny_t5

PROMPT = "Medical question: {question}"
PAIRS = [
    (user_asks("What causes gout?"), "Crystals of uric acid settle in a joint."),
    (user_asks("Why?"), "So."),
    (
        user_asks("What does eczema look like, and where on the body is it found?"),
        "Dry, itchy, inflamed patches. " * 6,
    ),
    (user_asks("naïve µg?"), "5 µg"),
]
QUESTIONS = [messages for messages, _ in PAIRS]
BEAMS = DecodingSettings(10, beams=4, no_repeat_ngram=3)


@pytest.fixture(scope="module", params=list(KINDS))
def directory(request, tmp_path_factory):
    return make_tiny_t5(tmp_path_factory.mktemp("t5") / request.param, kind=request.param)


@pytest.fixture(scope="module")
def model(directory):
    return Seq2SeqModel.load(locate(str(directory)), torch.float32, prompt=PROMPT)


def published(model, prompt, text):
    """Plain transformers: one pair, its own loss, labels without the terminator."""
    source = [
        *model.tokenizer(prompt, add_special_tokens=False).input_ids,
        model.tokenizer.eos_token_id,
    ]
    target = model.tokenizer(text, add_special_tokens=False).input_ids
    with torch.no_grad():
        loss = model.model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).loss
    return -float(loss) * len(target), len(target)


def test_it_streams(model):
    assert isinstance(model, StreamingModel)


def test_likelihoods_are_minus_the_summed_loss_of_transformers(model):
    for result, (_, answer) in zip(model.loglikelihoods(PAIRS), PAIRS, strict=True):
        expected, tokens = published(model, result.prompt, answer.strip())
        assert result.loglikelihood == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert (result.tokens, result.bytes, result.text) == (
            tokens,
            len(answer.strip().encode()),
            answer.strip(),
        )
        assert result.prompt.startswith("Medical question: ")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_likelihoods_do_not_depend_on_batch_or_order(model, size):
    together = [x.loglikelihood for x in model.loglikelihoods(PAIRS)]
    apart = [
        x.loglikelihood
        for i in range(0, len(PAIRS), size)
        for x in model.loglikelihoods(PAIRS[i : i + size])
    ]
    reverse = [x.loglikelihood for x in model.loglikelihoods(PAIRS[::-1])][::-1]
    assert together == pytest.approx(apart, abs=1e-4)
    assert together == pytest.approx(reverse, abs=1e-4)


def test_a_long_answer_is_scored_in_windows_every_token_once(model, monkeypatch):
    counted = []
    score = model._score_batch
    monkeypatch.setattr(model, "_score_batch", lambda batch: counted.extend(batch) or score(batch))
    monkeypatch.setattr("medtune.models.encoder_decoder.LONGEST_WINDOW", 16)
    (result,) = model.loglikelihoods([(QUESTIONS[0], "Dry and itchy skin. " * 8)])
    assert len(counted) > 3
    assert sum(len(piece.ids) - piece.first for piece in counted) == result.tokens


def test_an_empty_answer_has_nothing_to_score(model):
    result = model.loglikelihoods([(QUESTIONS[0], " "), PAIRS[1]])
    assert (result[0].loglikelihood, result[0].tokens, result[0].bytes) == (0.0, 0, 0)
    assert result[1].tokens > 0


ASKED = [
    (QUESTIONS[0], ["Crystals.", "A virus", "Nobody knows, and nobody ever asked."]),
    (QUESTIONS[2], ["Dry", "Wet", " ", "Dry"]),
    (QUESTIONS[1], ["So."]),
]


def encoded(model, monkeypatch):
    """The lengths of what the encoder's first layer gets, batch by batch."""
    from medtune.models import t5_packed as t5_rows

    seen, stack = [], t5_rows._stack

    def watched(part, ids, *more):
        if not part.is_decoder:
            seen.append(len(ids))
        return stack(part, ids, *more)

    monkeypatch.setattr(t5_rows, "_stack", watched)
    return seen


def test_choices_equal_each_answer_scored_alone_and_each_question_is_encoded_once(
    model, monkeypatch
):
    assert isinstance(model, ChoiceScorer)
    alone = [
        [model.loglikelihoods([(messages, text)])[0] for text in texts] for messages, texts in ASKED
    ]
    seen = encoded(model, monkeypatch)
    result = choice_loglikelihoods(model, ASKED)
    assert sum(seen) == sum(len(model._source(messages)[1]) for messages, _ in ASKED)
    for choices, ones in zip(result, alone, strict=True):
        assert choices.loglikelihoods == pytest.approx(
            [one.loglikelihood for one in ones], abs=1e-4
        )
        assert choices.tokens == tuple(one.tokens for one in ones)
        assert (choices.prompt, choices.texts) == (ones[0].prompt, tuple(one.text for one in ones))


def test_choices_in_small_batches_and_windows_are_the_same(model, monkeypatch):
    texts = ["Dry and itchy skin. " * 8, "So.", "Dry and itchy skin. " * 5]
    requests = [(QUESTIONS[0], texts), (QUESTIONS[1], texts[::-1])]
    wanted = [choices.loglikelihoods for choices in choice_loglikelihoods(model, requests)]
    monkeypatch.setattr("medtune.models.encoder_decoder.TOKENS_AT_ONCE", 60)
    monkeypatch.setattr("medtune.models.encoder_decoder.PROMPTS_AT_ONCE", 1)
    reported = []
    small = choice_loglikelihoods(model, requests, reported.append)
    assert [list(choices.loglikelihoods) for choices in small] == [
        pytest.approx(some, abs=1e-4) for some in wanted
    ]
    assert reported == [1, 1]


def test_the_padding_free_forward_gives_the_hidden_states_of_each_row_alone():
    import numpy as np

    rng = np.random.default_rng(3)
    rows = [
        (rng.integers(2, 99, size=int(n)), rng.integers(2, 99, size=int(m)))
        for n, m in [(3, 9), (14, 2), (7, 30)]
    ]
    for kind in KINDS:
        model = tiny_t5(kind=kind)
        with torch.no_grad():
            flat = PairBatch.of(
                [s for s, _ in rows], [np.append([0], t) for _, t in rows], torch.device("cpu")
            )
            hidden, head = decoder_hidden(model, flat)
            logits = torch.split(head(hidden), flat.target_lengths)
            for (source, target), result in zip(rows, logits, strict=True):
                alone = model(
                    input_ids=torch.from_numpy(source)[None], labels=torch.from_numpy(target)[None]
                ).logits[0]
                torch.testing.assert_close(result, alone, rtol=1e-4, atol=1e-4)
        assert flat.tokens == sum(len(s) + len(t) for s, t in rows)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_dropout_drops_its_share_and_keeps_the_mean(share):
    torch.manual_seed(0)
    values = torch.ones(301, 1003, requires_grad=True)
    result = dropout(values, share)
    result.sum().backward()
    dropped = float((result == 0).float().mean())
    assert dropped == pytest.approx(share, abs=5e-3)
    assert float(result.detach().max()) == pytest.approx(
        1 / (1 - share), rel=2e-2 if share > 0.9 else 1e-4
    )
    assert torch.equal(values.grad, result.detach())
    kept = (result != 0).float()
    assert float(kept.mean(dim=0).std()) < 0.05  # no column of four is special
    torch.manual_seed(0)
    assert torch.equal(dropout(values, share), result)


@pytest.mark.parametrize("decoding", [DecodingSettings(10), BEAMS], ids=["greedy", "beams"])
def test_answers_are_those_of_transformers_and_do_not_depend_on_the_batch(model, decoding):
    from dataclasses import replace

    model.batch_size = 8
    eight = model.generate(QUESTIONS, decoding)
    model.batch_size = 1
    one = model.generate(QUESTIONS, replace(decoding))
    assert [g.text for g in eight] == [g.text for g in one]
    for result in one:
        source = [
            *model.tokenizer(result.prompt, add_special_tokens=False).input_ids,
            model.tokenizer.eos_token_id,
        ]
        ids = model.model.generate(
            torch.tensor([source]),
            max_new_tokens=10,
            do_sample=False,
            num_beams=decoding.beams,
            no_repeat_ngram_size=decoding.no_repeat_ngram,
        )
        assert result.text == model.tokenizer.decode(ids[0], skip_special_tokens=True).strip()
    assert (
        any(g.text for g in one) or model.model.config.scale_decoder_outputs
    )  # an untrained tied one says its input


def test_no_run_of_three_tokens_comes_twice(model, monkeypatch):
    result, generate = [], model.model.generate

    def watched(**options):
        result.append(generate(**options))
        return result[-1]

    monkeypatch.setattr(model.model, "generate", watched)
    repeats = []
    for forbidden in (0, 3):
        model.generate(QUESTIONS[:1], DecodingSettings(30, no_repeat_ngram=forbidden))
        ids = result[-1][0].tolist()
        runs = [tuple(ids[i : i + 3]) for i in range(len(ids) - 2)]
        repeats.append(len(runs) - len(set(runs)))
    assert repeats[0] > repeats[1] == 0


@pytest.mark.parametrize("beams", [1, 4])
def test_sampled_answers_follow_their_seed_alone(model, beams):
    def settings(seed, temperature=1.5):
        return DecodingSettings(10, temperature, seed=seed, beams=beams, no_repeat_ngram=3)

    together = [g.text for g in model.generate(QUESTIONS, settings(3))]
    assert together == [model.generate([q], settings(3))[0].text for q in QUESTIONS]
    assert together != [g.text for g in model.generate(QUESTIONS, settings(4))]


def test_streaming_gives_the_same_text_piece_by_piece_and_beams_give_it_whole(model):
    for decoding, least in ((DecodingSettings(12), 1), (BEAMS, 1)):
        pieces = []
        result = model.stream(QUESTIONS[2], decoding, pieces.append)
        assert result.text == model.generate([QUESTIONS[2]], decoding)[0].text
        assert "".join(pieces).strip() == result.text
        assert len(pieces) >= least
    assert len(pieces) == 1


def test_a_model_that_ends_at_once_says_so(directory):
    model = Seq2SeqModel.load(locate(str(directory)), torch.float32)
    eos = model.tokenizer.eos_token_id

    class Ends(torch.nn.Module):
        def forward(self, hidden):
            logits = torch.zeros(*hidden.shape[:-1], model.model.config.vocab_size)
            logits[..., eos] = 9.0
            return logits

    model.model.lm_head = Ends()
    result = model.generate(QUESTIONS[:1], DecodingSettings(12))[0]
    assert (result.text, result.tokens, result.finished) == ("", 0, True)


def test_a_source_beyond_the_context_loses_its_middle_and_that_is_counted(directory, tmp_path):
    import shutil

    short = tmp_path / "short"
    shutil.copytree(directory, short)
    config = json.loads((short / "config.json").read_text()) | {"n_positions": 40}
    (short / "config.json").write_text(json.dumps(config))
    model = Seq2SeqModel.load(locate(str(short)), torch.float32, prompt=PROMPT)
    (result,) = model.generate([user_asks("Is it so? " * 40)], DecodingSettings(4))
    whole = len(model.encoder.ids(model.encoder.source_text(user_asks("Is it so? " * 40))))
    assert result.prompt_cut == whole - 40
    assert result.prompt.startswith("Medical qu")
    scored = model.loglikelihoods([(user_asks("Is it so? " * 40), "Yes"), PAIRS[1]])
    assert [one.prompt_cut for one in scored] == [whole - 40, 0]
    (choices,) = choice_loglikelihoods(model, [(user_asks("Is it so? " * 40), ["Yes", "No"])])
    assert choices.prompt_cut == whole - 40


def test_hub_defaults_do_not_sneak_in(directory, tmp_path):
    import shutil

    tricky = tmp_path / "sampling"
    shutil.copytree(directory, tricky)
    hub = {
        "do_sample": True,
        "temperature": 5.0,
        "repetition_penalty": 9.0,
        "num_beams": 3,
        "length_penalty": 4.0,
    }
    (tricky / "generation_config.json").write_text(json.dumps(hub))
    result = [
        Seq2SeqModel.load(locate(str(p)), torch.float32).generate(QUESTIONS, BEAMS)
        for p in (directory, tricky)
    ]
    assert [g.text for g in result[0]] == [g.text for g in result[1]]


def test_what_has_no_meaning_for_it_is_left_out_of_perplexity(model):
    from medtune.conversation import Conversation, Message
    from medtune.evaluation.comparison.paired import compare
    from medtune.evaluation.evaluate import score
    from medtune.evaluation.tasks import TaskSettings
    from medtune.recipe.schema import Decoding

    items = [
        Conversation(f"r{i}", f"g{i}", "t", (*q, Message("assistant", a)))
        for i, (q, a) in enumerate(PAIRS)
    ]
    assert model.text_loglikelihoods(["some text"]) == []
    samples = Perplexity().run(model, items, TaskSettings(0, Decoding(), (), None))
    kept = [sample.model_dump(exclude_unset=True) for sample in samples]
    assert not any(key.startswith("text_") for sample in kept for key in sample)
    of_answers = {"bits_per_byte", "perplexity", "word_perplexity"}
    assert set(score(Perplexity(), samples, 50, 0)) == of_answers
    assert (
        set(compare({"perplexity": samples}, {"perplexity": samples}, 50, 0)["perplexity"])
        == of_answers
    )


SETTINGS = InferenceSettings.model_validate(
    {
        "max_new_tokens": 9,
        "decoding": {"beams": 4, "no_repeat_ngram": 3, "top_p": 1.0},
        "chat": {"temperature": 0.3},
    }
)


@pytest.mark.parametrize("adapted", [False, True])
def test_what_is_saved_answers_the_same_when_it_is_loaded(model, directory, tmp_path, adapted):
    tokenizer = load_tokenizer(locate(str(directory)), prompt=PROMPT)
    trained = load_weights(locate(str(directory)), torch.float32, "sdpa")
    if adapted:
        trained = add_lora(trained, Lora(r=2, alpha=64), 1)
        assert trained.peft_config["default"].task_type == "SEQ_2_SEQ_LM"
        with torch.no_grad():
            for name, parameter in trained.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.3)
    trained.eval()
    save_model(trained, tokenizer, tmp_path, str(directory), SETTINGS)
    again = Seq2SeqModel.load(locate(str(tmp_path)), torch.float32)
    local = Seq2SeqModel(trained, tokenizer, "x", "y")
    left, right = local.loglikelihoods(PAIRS), again.loglikelihoods(PAIRS)
    assert [x.loglikelihood for x in left] == pytest.approx(
        [x.loglikelihood for x in right], rel=2e-6, abs=1e-4
    )
    assert [x.prompt for x in right] == [
        x.prompt for x in left
    ]  # the prompt lies in the saved template
    assert (
        again.loglikelihoods(PAIRS)[0].loglikelihood
        != pytest.approx(model.loglikelihoods(PAIRS)[0].loglikelihood, abs=1e-4)
        or not adapted
    )
    saved = json.loads((tmp_path / "generation_config.json").read_text())
    wanted = {
        "num_beams": 4,
        "no_repeat_ngram_size": 3,
        "temperature": 0.3,
        "do_sample": True,
        "max_new_tokens": 9,
    }
    assert wanted.items() <= saved.items()
    assert saved["decoder_start_token_id"] == trained.config.pad_token_id
    assert not list(tmp_path.glob("*.bin"))


def test_an_encoder_decoder_of_another_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bart"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="neither a causal language model nor a T5"):
        Seq2SeqModel.load(locate(str(tmp_path)))


def test_the_real_tokenizer_works_through_all_of_it(real_tokenizers, tmp_path):
    directory = make_tiny_t5(tmp_path / "t5", real_t5_tokenizer(real_tokenizers))
    model = Seq2SeqModel.load(locate(str(directory)), torch.float32, prompt=PROMPT)
    for result, (_, answer) in zip(model.loglikelihoods(PAIRS), PAIRS, strict=True):
        assert result.loglikelihood == pytest.approx(
            published(model, result.prompt, answer.strip())[0], rel=1e-4
        )
    assert [g.text for g in model.generate(QUESTIONS, BEAMS)] == [
        model.generate([q], BEAMS)[0].text for q in QUESTIONS
    ]
