"""A tiny Llama of random weights, and its tokenizer, for tests."""

from pathlib import Path


def make_tiny_model(directory: Path, *, context: int = 256, seed: int = 0) -> Path:
    """A Llama of random weights (width 32, two layers) with a byte-level tokenizer of 700
    tokens.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from medtune.training.corpus import train_tokenizer

    texts = [
        "What are the symptoms of anemia? Fatigue, pale skin and short breath are common "
        "symptoms of anemia."
    ] * 20
    tokenizer = train_tokenizer(
        [*texts, "Question: Why? Answer: Because of naïve µg values. "], 700, context
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
