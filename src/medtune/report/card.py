"""The model card of a run: README.md with the metadata that model hubs read, every figure from the run."""

from typing import Any

import yaml

from medtune.report.figures import Figures
from medtune.report.verdict import p_text


def _metadata(figures: Figures, recipe: dict[str, Any]) -> str:
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": {"name": ", ".join(_names(recipe)), "type": "medtune-test-split"},
            "metrics": [
                {"type": f"{row['task']}_{row['metric']}", "value": round(row["after"], 6), "name": row["title"]}
                for row in figures.changes()
            ],
        }
    ]
    head = {
        "license": "other",
        "license_name": "that-of-base-model-and-data",
        "base_model": recipe["model"]["name"],
        "library_name": "peft" if recipe["train"]["method"] == "lora" else "transformers",
        "pipeline_tag": "text-generation",
        "datasets": _names(recipe),
        "tags": ["medical", "medtune"],
        "model-index": [{"name": recipe["name"], "results": results}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _cell(row: dict[str, Any], side: str) -> str:
    interval = row[f"{side}_interval"]
    span = "" if interval["low"] is None else f" ({interval['low']:.4g} to {interval['high']:.4g})"
    return f"{row[side]:.4g}{span}"


def _table(figures: Figures) -> str:
    lines = ["| figure | before (95 %) | after (95 %) | change (95 %) | corrected p | n |", "|---|---|---|---|---|---|"]
    for row in figures.changes():
        span = "" if row["low"] is None else f" ({row['low']:.4g} to {row['high']:.4g})"
        p = "not tested" if row["p_corrected"] is None else p_text(row["p_corrected"])
        before, after = _cell(row, "before"), _cell(row, "after")
        lines.append(f"| {row['title']} | {before} | {after} | {row['value']:.4g}{span} | {p} | {row['n']} |")
    return "\n".join(lines)


def _names(recipe: dict[str, Any]) -> list[str]:
    """The sources' names; one with a part in a mixture is a mapping."""
    return [source if isinstance(source, str) else source["name"] for source in recipe["data"]["source"]]


def _sources(figures: Figures) -> str:
    lines = ["| source | licence | rows | SHA-256 |", "|---|---|---|---|"]
    for source in figures.audit["sources"]:
        for file in source["files"]:
            lines.append(
                f"| {source['name']} ({file['name']}) | {source['licence']} | {file['rows']:,} | `{file['sha256'][:16]}…` |"
            )
    return "\n".join(lines)


def _weights(figures: Figures) -> str:
    digest = figures.state["base"]["weights_sha256"]
    return f"Base weights (SHA-256): `{digest}`." if digest else "The weights lie at a service, which shows none."


def model_card(figures: Figures) -> str:
    """Markdown."""
    recipe = yaml.safe_load(figures.recipe_text)
    audit, train = figures.audit, figures.metrics["train"]
    missing = "\n".join(f"- {text}" for text in figures.not_measured())
    steps = f"{train['steps']:,} steps over {train['tokens']:,} tokens" if train else "not trained yet"
    return f"""---
{_metadata(figures, recipe)}---

# {recipe["name"]}

{recipe["description"]} Made with medtune from `{recipe["model"]["name"]}` ({recipe["train"]["method"]} fine-tuning, {steps}, seed {recipe["seed"]}).

**Research only: not a medical device, not for clinical use. Its answers may be wrong and dangerous.**

## Did it help?

{figures.verdict}

{_table(figures)}

Differences are paired on the same items ({figures.metrics["data"]["test"]:,} in the test split), tested by a bootstrap over groups and corrected by
Holm over all tested metrics.

## Data

{_sources(figures)}

{audit["rows"]["drawn"]:,} rows used in {audit["groups"]["count"]:,} groups: training {audit["splits"]["train"]["rows"]:,}, validation
{audit["splits"]["validation"]["rows"]:,}, test {audit["splits"]["test"]["rows"]:,}. Rows shared between training and the rest after normalisation:
{audit["leaked"]}. Training rows cut to {audit["tokens"]["max_length"]} tokens: {audit["tokens"]["truncated_rows"]:,}.

## Intended use

Research and teaching on fine-tuning and its evaluation. Who may use it for what else: not stated.

## Not measured

{missing}

## Reproduce

    medtune run recipe.yaml --out NEW{" --data-dir DIR" if figures.state.get("data_dir") else ""}

{_weights(figures)} Versions and hardware stand in run.json.
"""
