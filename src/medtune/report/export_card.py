"""The model card of an exported model: the run's own, with what was exported and how near it is to what was measured."""

from typing import Any

import yaml

RELATIONS = {"adapter": "adapter", "merged": "finetune", "merged-4bit": "quantized"}
FORMS = {
    "adapter": "The adapter alone, as trained: load it on its base with PEFT.",
    "merged": "Base and adapter (or all trained weights) in one, in {dtype}.",
    "merged-4bit": "Base and adapter (or all trained weights) in one, the linear layers in NF4 with double quantization "
    "(bitsandbytes), the rest in {dtype}.",
}
STAGES = {"merge": "merged, float32", "rounding": "written in {dtype}", "four_bits": "written in NF4"}


def export_card(card: str, facts: dict[str, Any]) -> str:
    """``card`` (Markdown with YAML metadata) with the metadata of this form and a section on the export."""
    _, head, body = card.split("---\n", 2)
    metadata = yaml.safe_load(head)
    metadata["library_name"] = "peft" if facts["form"] == "adapter" else "transformers"
    metadata["base_model_relation"] = RELATIONS[facts["form"]]
    top = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    return f"---\n{top}---\n{body.rstrip()}\n\n## This export\n\n{_section(facts)}\n"


def _section(facts: dict[str, Any]) -> str:
    text = FORMS[facts["form"]].format(**facts) + " The figures above were measured on the run's own model."
    if facts["form"] == "adapter":
        return text
    lines = [
        f"{text} On {facts['questions']} held-out questions ({facts['merge']['tokens']} tokens), against the run's model in float32:",
        "",
        "| | largest difference of a logit | mean KL divergence (nats a token) | same likeliest token |",
        "|---|---|---|---|",
    ]
    for key, title in STAGES.items():
        if key in facts:
            a = facts[key]
            lines.append(f"| {title.format(**facts)} | {a['largest']:.2g} | {a['kl']:.2g} | {a['same_best']:.1%} |")
    return "\n".join(lines)
