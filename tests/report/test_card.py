"""The model card: metadata that hubs read, figures of the run, and what is not known."""

import re

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from medtune.files import read_json, write_json
from medtune.report.cards import base_model_card, model_card
from medtune.report.markdown import code_span, markdown_line
from medtune.report.write import write_report


def head(card):
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


@pytest.fixture
def card(finished):
    return finished.card.read_text(encoding="utf-8")


def test_metadata_name_base_library_and_results(card, finished, tiny_model):
    front, _ = head(card)
    metrics = read_json(finished.metrics)
    assert (front["base_model"], front["pipeline_tag"]) == (tiny_model.name, "text-generation")
    assert "medical" in front["tags"]
    (result,) = front["model-index"][0]["results"]
    found = {entry["type"]: entry["value"] for entry in result["metrics"]}
    assert found["perplexity_bits_per_byte"] == pytest.approx(
        metrics["after"]["perplexity"]["bits_per_byte"]["value"], abs=1e-6
    )
    assert len(found) == sum(len(task) for task in metrics["change"].values())


def test_a_model_hub_reads_the_results(card):
    data = ModelCard(card).data
    assert data.library_name in ("peft", "transformers")
    assert "perplexity_bits_per_byte" in {result.metric_type for result in data.eval_results}


def test_card_gives_verdict_licence_hash_and_warning(card, finished, figures_of):
    _, body = head(card)
    figures = figures_of(finished)
    assert figures.verdict in body
    assert "not for clinical use" in body
    assert figures.state.base.weights_sha256 in body
    for source in figures.audit.sources:
        assert source.licence in body
    assert all(f"- {text}" in body for text in figures.not_measured())
    assert "medtune run recipe.yaml" in body


def test_table_has_a_row_a_metric_with_the_runs_figures(card, finished):
    rows = [line for line in card.splitlines() if line.startswith("| ") and " to " in line]
    metrics = read_json(finished.metrics)
    figure = metrics["after"]["perplexity"]["bits_per_byte"]
    row = next(line for line in rows if line.startswith("| Bits per byte, answer"))
    assert f"{figure['value']:.4g} ({figure['low']:.4g} to {figure['high']:.4g})" in row
    assert all(line.count("|") == 8 for line in rows)


def test_card_of_a_run_without_measurements(unmeasured):
    front, body = head(unmeasured.card.read_text(encoding="utf-8"))
    assert front["model-index"][0]["results"][0]["metrics"] == []
    assert "not trained yet" in body
    assert "Not finished" in body


def test_awkward_names_do_not_break_the_metadata(finished, figures_of):
    recipe = yaml.safe_load(finished.recipe.read_text())
    recipe["data"]["source"] = ["/home/ann/ward 7.csv"]
    audit = read_json(finished.data / "audit.json")
    names = ["a: b #1", '"quoted"', "---"]
    audit["sources"] = [audit["sources"][0] | {"name": name} for name in names]
    write_json(finished.data / "audit.json", audit)
    recipe["description"] = "Ends the head?\n---\nNo: it does not."
    finished.recipe.write_text(yaml.safe_dump(recipe))
    write_report(finished)
    front, _ = head(model_card(figures_of(finished)))
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == ", ".join(names)
    assert front["datasets"] == names
    assert "/home/ann" not in model_card(figures_of(finished))


def test_measured_harm_leaves_the_list_of_what_is_unknown(finished, figures_of):
    metrics = read_json(finished.metrics)
    assert any("harm" in text for text in figures_of(finished).not_measured())
    assert not any("held-out answers" in text for text in figures_of(finished).not_measured())
    metrics["before"]["safety"] = {}
    write_json(finished.metrics, metrics)
    assert not any("harm" in text for text in figures_of(finished).not_measured())


def test_base_model_card_has_metadata_attribution_and_held_out_figures():
    from medtune.recipe.schema import Corpus, PretrainRecipe
    from medtune.training.pretraining import BaseModelFigures

    corpus = Corpus(
        source="corpus.parquet",
        licence="CC BY 4.0",
        attribution="The authors: all of them",
        held_out=0.02,
    )
    recipe = PretrainRecipe(
        name="tiny-base", kind="pretrain", description="A base: small.", corpus=corpus
    )
    figures = {
        "held_out": {"book": {"bits_per_byte": 1.23456, "documents": 12, "bytes": 34_567}},
        "samples": [{"prompt": "The heart", "greedy": "is a\nmuscle", "sampled": "beats"}],
        "stats": {"steps": 1200, "tokens": 5_000_000, "seconds": 600.0},
        "parameters": 7_654_321,
    }
    front, body = head(base_model_card(recipe, BaseModelFigures.model_validate(figures)))
    assert front["license"] == "cc-by-4.0"
    assert re.search(r"\| book \| 1\.235 \| 12 \| 34,567 \|", body)
    for text in (
        "The authors: all of them",
        "7,654,321 parameters",
        "1,200 steps",
        "10 minutes",
        "is a muscle",
    ):
        assert text in body


HOSTILE = (
    "x`y`|<script>alert(1)</script>[a](javascript:b)\n# *Head* _em_ $z$ ![i](http://j) \x1b[31m"
)


def plain_text(markdown):
    """What a reader of Markdown sees, and whether anything but text is in it."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parseInline(markdown)[0].children
    return "".join(token.content for token in tokens), {token.type for token in tokens}


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "# a",
        "- a",
        "+ a",
        "1. a",
        "> a",
        "---",
        "***",
        "~~~",
        "a_b",
        "_a_",
        "&lt;",
        "\\",
        "==",
    ],
)
def test_any_text_is_shown_as_it_is(text):
    line = markdown_line(text)
    seen, kinds = plain_text(line)
    assert seen == " ".join(text.split()).replace("\x1b", "\\u001b")
    assert kinds <= {"text", "text_special"}
    blocks = MarkdownIt("gfm-like", {"linkify": False}).parse(line)
    assert [token.type for token in blocks] == ["paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize("name", ["gpt2", "a`b", "``", "a`b``c", "a\nb"])
def test_a_code_span_holds_any_name(name):
    tokens = MarkdownIt().parseInline(code_span(name))[0].children
    assert [(token.type, token.content) for token in tokens] == [
        ("code_inline", " ".join(name.split()))
    ]


def test_nothing_of_a_recipe_or_a_file_name_is_markup_in_the_card(finished, figures_of):
    audit = read_json(finished.data / "audit.json")
    audit["sources"] = [audit["sources"][0] | {"name": HOSTILE, "licence": HOSTILE}]
    write_json(finished.data / "audit.json", audit)
    recipe = yaml.safe_load(finished.recipe.read_text())
    recipe["description"] = HOSTILE
    recipe["statement"] = {"intended_use": HOSTILE, "out_of_scope": HOSTILE}
    finished.recipe.write_text(yaml.safe_dump(recipe))
    body = model_card(figures_of(finished)).split("---\n", 2)[2]
    page = MarkdownIt("gfm-like", {"linkify": False}).render(body)
    assert "<script" not in page
    assert "javascript:" not in re.sub(r"\[a\]\(javascript:b\)", "", page)
    assert "<a " not in page
    assert "<img" not in page
    assert page.count("<h1>") == 1
    assert "\x1b" not in page
    rows = re.findall("<tr>.*?</tr>", page, re.DOTALL)
    assert [row.count("<td") for row in rows if "alert" in row] == [4]
