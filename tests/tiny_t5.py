"""Tiny T5 models of random weights for tests: with a byte-level tokenizer, so that they need
nothing, or with T5's own.
"""

from pathlib import Path

SHAPE = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
# The original T5 ties its head to the embeddings and scales what goes in; Flan-T5 does neither.
KINDS = {"t5": ("relu", True), "flan-t5": ("gated-gelu", False)}


def tiny_t5(vocabulary=100, kind="flan-t5", *, seed=0, dropout=0.0, eos=1, pad=0):
    """A model in evaluation mode, float32.

    Its decoder's weights are large enough for answers to differ.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(seed)
    activation, tied = KINDS[kind]
    config = T5Config(
        **SHAPE,
        vocab_size=vocabulary,
        feed_forward_proj=activation,
        tie_word_embeddings=tied,
        dropout_rate=dropout,
        decoder_start_token_id=pad,
        pad_token_id=pad,
        eos_token_id=eos,
    )
    model = T5ForConditionalGeneration(config)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(
            torch.randn(vocabulary, SHAPE["d_model"]) * SHAPE["d_model"] ** -0.5
        )
    return model.eval()


def byte_level_tokenizer():
    """A tokenizer that needs no file; it ends texts as T5's does, when asked to."""
    from medtune.training.corpus import train_tokenizer

    texts = [
        "Medical question: What are the symptoms of anemia? "
        "Fatigue, pale skin and short breath of anemia."
    ] * 20
    return train_tokenizer([*texts, "Why? Because of naïve µg values. "], 700, 512)


def make_tiny_t5(directory: Path, tokenizer=None, **options) -> Path:
    """A model directory as the hub's are."""
    tokenizer = tokenizer or byte_level_tokenizer()
    model = tiny_t5(
        len(tokenizer), eos=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, **options
    )
    model.save_pretrained(directory)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(directory)
    return directory


def real_t5_tokenizer(directory: Path):
    """T5's own, from its sentencepiece model."""
    from transformers import T5Tokenizer

    return T5Tokenizer.from_pretrained(directory / "t5")
