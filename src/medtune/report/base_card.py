"""The model card of a base model, every figure from its training run."""

from typing import Any


def base_model_card(recipe: dict[str, Any], figures: dict[str, Any]) -> str:
    """Markdown with the metadata that model hubs read; ``recipe`` as plain values."""
    held_out = "\n".join(
        f"| {kind} | {row['bits_per_byte']:.3f} | {row['documents']:,} | {row['bytes']:,} |"
        for kind, row in figures["held_out"].items()
    )
    samples = "\n\n".join(
        f"**{s['prompt']}**\n\n- greedy: {_line(s['greedy'])}\n- sampled (temperature 0.8): {_line(s['sampled'])}"
        for s in figures["samples"]
    )
    stats = figures["stats"]
    shape, train, corpus = recipe["model"], recipe["train"], recipe["corpus"]
    origin = (
        f"continued from {shape['continue_from']}"
        if shape["continue_from"]
        else (
            f"a Llama-style decoder from scratch: width {shape['width']}, {shape['layers']} layers, {shape['heads']} heads, "
            f"feed-forward {shape['feed_forward']}, context {shape['context']}, tied embeddings, byte-level BPE of {shape['vocabulary']:,} tokens"
        )
    )
    return f"""---
license: cc-by-4.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [medical, tiny, medtune]
---

# {recipe["name"]}

{recipe["description"]} {figures["parameters"]:,} parameters; {origin}. It is a base for trying, teaching and testing fine-tuning.
**It knows almost no medicine, answers wrongly with confidence, and must not be used for any medical purpose.**

## How it was made

Recipe `{recipe["name"]}` of medtune (`medtune pretrain {recipe["name"]}`): {stats["steps"]:,} steps, {stats["tokens"]:,} tokens
({train["epochs"]:g} passes), {train["optimizer"]} at {train["learning_rate"]:g}, {train["schedule"]} schedule,
{stats["seconds"] / 60:.0f} minutes, seed {recipe["seed"]}.

## Corpus, attribution, licence

{corpus["attribution"]}. Licence of the texts: {corpus["licence"] or "as stated by their owners"}. The corpus itself is not
distributed with the model. The weights are offered under CC BY 4.0 with the same attribution.

## Held-out bits per byte

{corpus["held_out"]:.0%} of the documents of each kind were never trained on (documents that share an identifier together).

| kind of text | bits per byte | documents | bytes |
|---|---|---|---|
{held_out}

## Samples, not chosen

{samples}

## Limits

A very small model of English textbook and abstract prose. It repeats itself, invents facts, numbers and doses, and has not been
aligned or checked for safety. Documents outside its corpus, other languages and long texts are beyond it.
"""


def _line(text: str) -> str:
    return " ".join(text.split())
