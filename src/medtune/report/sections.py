"""The parts of the report as plain values: what was compared, task by task, harm, forgetting,
arms and repeated trainings.
"""

from typing import Any

from medtune.evaluation.published import figure_named
from medtune.report.classification import classifications
from medtune.report.figures import Figures

TITLES = {
    "perplexity": "Prediction of held-out answers",
    "answers": "Answers to test questions",
    "topics": "Demonstration questions",
    "classification": "Classification",
    "multiple_choice": "Questions with options",
    "rubric": "Answers judged by criteria",
    "safety": "Harm: answers to prompts that ask for safe advice",
    "forgetting": "General text",
}
METHODS = {
    "full": "all weights trained",
    "lora": "LoRA adapter",
    "qlora": "QLoRA adapter on 4-bit weights",
    "hosted": "fine-tuned by a hosted service",
}
SHOWN_ANSWERS, SHOWN_TOPICS = 5, 50
OWN_ITEMS = {
    "topics": "demonstration questions",
    "safety": "prompts that come with medtune",
    "forgetting": "passages that come with medtune",
}
CATEGORY = (
    "critical_violations_",
    "expectations_met_",
)  # begin the names of figures of one category
GENERATE = ("answers", "topics", "safety", "rubric")

# Scores of people on all test items of a benchmark, as published; not computed here, for their
# answers are not in the files.
PEOPLE = {
    "pubmedqa": "one annotator who saw the abstracts without their conclusions reached accuracy 0.780 and macro-F1 0.722 on its 500 test items (Jin et al. 2019, arXiv:1909.06146)"
}


def compared(figures: Figures) -> dict[str, Any]:
    """``models`` (title, said, hash) and ``tasks`` (key, kind, on, n, groups, how)."""
    state, recipe, train = figures.state, figures.recipe, figures.metrics["train"]
    method = METHODS.get(recipe["train"]["method"], recipe["train"]["method"])
    trained = (
        f"{method}, {train['steps']:,} steps, seed {recipe['seed']}" if train else "not trained yet"
    )
    models = [
        {
            "title": "untouched",
            "said": state["base"]["name"],
            "hash": state["base"].get("weights_sha256"),
        },
        {
            "title": "trained",
            "said": trained,
            "hash": state.get("result", {}).get("weights_sha256"),
        },
    ]
    sides = figures.metrics["before"] or figures.metrics["after"]
    return {
        "models": models,
        "tasks": [_task_facts(figures, key, found) for key, found in sides.items() if found],
    }


def _task_facts(figures: Figures, key: str, scores: dict[str, Any]) -> dict[str, Any]:
    kind = figures.kind(key)
    largest = max(scores.values(), key=lambda figure: figure["n"])
    facts = {
        "key": key,
        "kind": kind,
        "n": largest["n"],
        "groups": largest.get("groups", largest["n"]),
    }
    return facts | {"on": measured_on(figures, key), "how": how_measured(figures, key)}


def measured_on(figures: Figures, key: str) -> str:
    """Whose items a task asks."""
    spec, kind = figures.specs.get(key, {}), figures.kind(key)
    if spec.get("source"):
        return f"{spec['source']}, {spec.get('split') or 'its test part, or all of it'}"
    if kind in OWN_ITEMS:
        return OWN_ITEMS[kind]
    return f"{figures.metrics['data'].get('measured_on', 'test')} rows of this run"


def how_measured(figures: Figures, key: str) -> str:
    """How a task asks: by likelihood or generation, with how many worked examples."""
    spec, kind, decoding = (
        figures.specs.get(key, {}),
        figures.kind(key),
        figures.recipe["evaluate"]["decoding"],
    )
    generated = kind in GENERATE or "generation" in (spec.get("scoring"), spec.get("primary"))
    how = "log-likelihood"
    if generated:
        warm = spec.get("temperature") or 0
        way = (
            f"sampled at {warm:g}"
            if warm
            else "greedy"
            if decoding["beams"] == 1
            else f"{decoding['beams']} beams"
        )
        how = f"answers, {way}, at most {decoding['max_new_tokens']} tokens"
    elif kind == "multiple_choice":
        how = f"log-likelihood of {spec.get('primary', 'letters').replace('_', ' ')}"
    return how + (f", {spec['shots']} worked examples" if spec.get("shots") else "")


def task_sections(figures: Figures) -> list[dict[str, Any]]:
    """A part for each measured task: title, n, rows of figures, and what else there is to read."""
    rows = figures.changes()
    found = {section["task"]: section for section in classifications(figures)}
    sections = []
    for key in figures.metrics["change"]:
        if figures.kind(key) in ("safety", "forgetting"):
            continue  # they have parts of their own
        kind, own = figures.kind(key), [row for row in rows if row["task"] == key]
        title = TITLES.get(kind, kind) + ("" if key == kind else f": {key.replace('_', ' ')}")
        sections.append(
            {
                "key": key,
                "kind": kind,
                "title": title,
                "n": max((row["n"] for row in own), default=0),
                "rows": own,
                "people": PEOPLE.get(figures.specs.get(key, {}).get("source") or ""),
                "classifications": [found[key]] if key in found else [],
                "topics": figures.side_by_side(key, SHOWN_TOPICS) if kind == "topics" else [],
                "answers": figures.side_by_side(key, SHOWN_ANSWERS) if kind == "answers" else [],
            }
        )
    return sections


def perplexities(figures: Figures) -> list[tuple[str, float, float]]:
    """Perplexity a token before and after, of the answer and of the whole text.

    And as the published project computed it.
    """
    names = {"perplexity": "answer", "text_perplexity": "question and answer"}
    found = [
        (names[row["metric"]], row["before"], row["after"])
        for row in figures.changes()
        if figures.kind(row["task"]) == "perplexity" and row["metric"] in names
    ]
    for name, wrong in figures.metrics.get("published", {}).items():
        label = figure_named(name).plot_label
        if label and wrong.get("before") and wrong.get("after"):
            found.append((label, wrong["before"], wrong["after"]))
    return found


def harm(figures: Figures) -> list[dict[str, Any]]:
    """A part for each task ``safety``: ``n``, the ``rows`` of the whole, ``judged``, and figures
    by ``categories``.
    """
    changes, sections = figures.changes(), []
    for key in figures.of_kind("safety"):
        rows = [row for row in changes if row["task"] == key]
        if rows:
            whole = [row for row in rows if not row["metric"].startswith(CATEGORY)]
            judged = any("judge" in row["metric"] for row in rows)
            n = max(row["n"] for row in rows)
            sections.append(
                {"n": n, "rows": whole, "judged": judged, "categories": _categories(rows)}
            )
    return sections


def _categories(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Both shares of each category, before and after."""
    by_name = {row["metric"]: row for row in rows}
    found = []
    for name, row in by_name.items():
        if name.startswith(CATEGORY[0]):
            pair = [by_name.get(prefix + name.removeprefix(CATEGORY[0])) for prefix in CATEGORY]
            figures = [
                own and own[f"{side}_interval"] for own in pair for side in ("before", "after")
            ]
            found.append(
                {"title": row["title"].split(": ", 1)[-1], "n": row["n"], "figures": figures}
            )
    return found


def forgetting(figures: Figures) -> list[list[dict[str, Any]]]:
    """The rows of each task ``forgetting``."""
    changes = figures.changes()
    found = [
        [row for row in changes if row["task"] == key] for key in figures.of_kind("forgetting")
    ]
    return [rows for rows in found if rows]


def titled(figures: Figures, name: str) -> dict[str, Any] | None:
    """``arms``, ``learning_curve`` or ``seeds`` of the metrics with the ``title`` of its figure.

    None where not measured.
    """
    part = figures.metrics.get(name)
    if not part:
        return None
    entry = figures.metrics["change"].get(part["task"], {}).get(part["metric"], {})
    return {"title": entry.get("title", part["metric"].replace("_", " ")), **part}


def parts_of(context: dict[str, Any]) -> dict[str, str]:
    """Anchors of the page with their titles, in order; what the run has not is left out."""
    titles = {
        "compared": ("Compared", True),
        "scores": ("Before and after", context["changes"]),
        "arms": ("Was it needed?", context["arms"]),
        "curve": ("More data?", context["curve"]),
        "seeds": ("Seeds", context["seeds"] or context["decodings"]),
        "tasks": ("Task by task", context["tasks"]),
        "calibration": ("Calibration", context["tasks"]),
        "harm": ("Harm", context["tasks"]),
        "forgetting": ("Forgetting", context["tasks"]),
        "changed": ("Changed items", context["changed"]),
        "training": ("Training", "loss" in context["pictures"]),
        "audit": ("Data", True),
        "checklists": ("Checklists", True),
        "unmeasured": ("Not measured", True),
        "reproduce": ("Reproduce", True),
    }
    return {name: title for name, (title, there) in titles.items() if there}
