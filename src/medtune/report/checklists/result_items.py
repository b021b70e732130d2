"""What a run's figures say to the items of reporting checklists about outcomes, harm and limits."""

from medtune.report.checklists.base import Facts, Filled, estimate, unmeasured
from medtune.report.checklists.data_items import benchmarks, names, overlap
from medtune.report.sections import measured_on
from medtune.report.verdict import headline

NOTHING = "There is no measurement before and after yet."
RIVALS = {"tfidf_svm": "TF-IDF with a linear SVM", "majority": "the commonest label"}
FEW = 100  # items, below which an interval is wide


def title(facts: Facts) -> str:
    """Items 1: design, base, data, outcome."""
    tasks = ", ".join(key.replace("_", " ") for key in facts.figures.specs)
    design = "Fine-tuning and evaluation" if facts.figures.metrics["train"] else "Evaluation"
    return f"{design} of the language model {facts.recipe['model']['name']} on {names(facts)}, measured by {tasks}."


def abstract(facts: Facts) -> str:
    """Items 2: with the main result and its interval."""
    splits = facts.figures.audit.splits
    rows = f"{splits['train'].rows:,} training and {splits['test'].rows:,} test rows, divided by groups."
    return f"{title(facts)} {rows} {facts.figures.verdict}"


def objectives(facts: Facts) -> str:
    """Items 4."""
    _, _, entry = headline(facts.figures.metrics["change"])
    main = f" Main figure: {entry['title']}." if entry else ""
    return (
        f"{title(facts)} The untouched and the trained model answer the same held-out items.{main}"
    )


def metrics(facts: Facts) -> Filled | str:
    """Items 7a: every tested figure with its test."""
    if not facts.tested:
        return unmeasured(NOTHING)
    lines = [
        f"{row['title']} ({row['task']}, {row['better']} is better; {row['test']})"
        for row in facts.tested
    ]
    return (
        "; ".join(lines)
        + ". Intervals 95 %; p-values corrected by Holm over all of them. Formulas with sources: medtune's documentation."
    )


def outcome(facts: Facts) -> Filled | str:
    """Items 7c: command, version, time."""
    stages = facts.figures.state["stages"]
    if not facts.figures.metrics["before"]:
        return unmeasured(NOTHING)
    times = ", ".join(
        f"{name.removeprefix('evaluate_')} {stages[name]['end']}"
        for name in ("evaluate_before", "evaluate_after")
        if "end" in stages.get(name, {})
    )
    return f"medtune run recipe.yaml (medtune {facts.figures.state['versions']['medtune']}); inference ended: {times or 'not recorded'}. Scores are computed from the saved items."


def raters(facts: Facts) -> Filled | str:
    """Items 7d: people or a model that judged."""
    judged = [key for key, spec in facts.figures.specs.items() if spec.get("judge")]
    if not judged:
        return unmeasured("No person and no model rated the answers.")
    models = ", ".join(f"{key}: {facts.figures.specs[key]['judge']['name']}" for key in judged)
    return f"No person rated. Judged by a model ({models}); its agreement with given labels stands with the task's figures."


def comparators(facts: Facts) -> Filled | str:
    """Items 7e: the untouched model, baselines, arms."""
    if not facts.figures.metrics["before"]:
        return unmeasured(NOTHING)
    found = sorted(
        {RIVALS.get(name, name) for rivals in facts.figures.baselines.values() for name in rivals}
    )
    arms = [row["name"] for row in (facts.figures.metrics.get("arms") or {}).get("rows", [])]
    said = ["the untouched model on the same items, paired", *found]
    return (
        "; ".join(said)
        + (f"; other ways to use the models: {', '.join(arms)}" if arms else "")
        + ". People: not compared."
    )


def prompt_design(facts: Facts) -> str:
    """Items 9a."""
    arms = facts.figures.metrics.get("arms")
    tried = (
        f"Tried on the same items: {', '.join(row['name'] for row in arms['rows'])}."
        if arms
        else "One prompt a task; no other was tried by medtune."
    )
    return f"{tried} Prompts come from the recipe and the model's chat template."


def prompt_data(facts: Facts) -> str:
    """Items 9b."""
    shots = [key for key, spec in facts.figures.specs.items() if spec.get("shots")]
    examples = (
        f"Worked examples ({', '.join(shots)}) come from rows that are not measured. "
        if shots
        else "No worked examples. "
    )
    return f"{examples}medtune chose no prompt by its result, on test or validation rows."


def counts(facts: Facts) -> Filled | str:
    """Items 16d: n of each analysis."""
    sides = facts.figures.metrics["before"]
    if not sides:
        return unmeasured(NOTHING)
    parts = [
        f"{key} {max(f['n'] for f in scores.values()):,} ({measured_on(facts.figures, key)})"
        for key, scores in sides.items()
        if scores
    ]
    splits = facts.figures.audit.splits
    return f"Training {splits['train'].rows:,}, tuning {splits['validation'].rows:,}; measured: {', '.join(parts)}."


def performance(facts: Facts) -> Filled:
    """Items 17: before, after, difference, each with its interval."""
    return _figures(facts, [row["task"] for row in facts.tested])


def _figures(facts: Facts, tasks: list[str]) -> Filled:
    rows = [row for row in facts.tested if row["task"] in tasks]
    if not rows:
        return unmeasured(NOTHING)
    results = []
    for row in rows:
        label = f"{row['title']} ({row['task']})"
        results += [
            estimate(f"{label}, {side}", row[f"{side}_interval"], row["unit"])
            for side in ("before", "after")
        ]
        results.append(
            estimate(
                f"{label}, difference (p corrected {row['p_corrected']:.3g})"
                if row["p_corrected"] is not None
                else f"{label}, difference",
                row,
                row["unit"],
            )
        )
    return Filled(
        f"{len(rows)} figures, each before, after and paired difference.", results=results
    )


def updating(facts: Facts) -> Filled | str:
    """Items 18: against the previous version on the same items."""
    if not facts.tested:
        return unmeasured(NOTHING)
    worse = [f"{row['title']} ({row['task']})" for row in facts.tested if row["verdict"] == "worse"]
    return f"The previous version is the untouched model, on the same items (item 17). Worse since: {', '.join(worse) or 'nothing that this test set shows'}. Items that became wrong are listed in the report."


def interpretation(facts: Facts) -> Filled | str:
    """Items 19a."""
    return (
        f"{facts.figures.verdict} Fairness: not measured." if facts.tested else unmeasured(NOTHING)
    )


def limits(facts: Facts) -> str:
    """Items 19b: small n, undecided figures, and what was not measured."""
    few = sorted({row["task"] for row in facts.tested if row["n"] < FEW})
    open_ = [row["title"] for row in facts.tested if row["verdict"] == "undecided"]
    parts = [f"Fewer than {FEW} items: {', '.join(few)}."] if few else []
    parts += [f"Undecided on this test set: {', '.join(dict.fromkeys(open_))}."] if open_ else []
    return " ".join(
        [*parts, overlap(facts), f"Not measured: {'; '.join(facts.figures.not_measured())}."]
    )


def failures(facts: Facts) -> Filled | str:
    """Measured failures: harm, repetition, what got worse."""
    if not facts.tested:
        return unmeasured(NOTHING)
    harm = usual_harm(facts)
    worse = [row["title"] for row in facts.tested if row["verdict"] == "worse"]
    return f"{harm} Worse after training: {', '.join(worse) or 'nothing that this test set shows'}. Its answers may be wrong and dangerous."


def usual_harm(facts: Facts) -> str:
    """Critical violations before and after, in a sentence."""
    rows = [row for row in facts.changes if row["metric"] == "critical_violations"]
    if not rows:
        return "Harm: not measured."
    row = rows[0]
    return f"Answers that break a critical rule: {row['before']:.1%} before, {row['after']:.1%} after ({row['n']} prompts)."


def useful(facts: Facts) -> Filled:
    """Key metrics of usefulness: all that is not harm."""
    return _figures(
        facts, [row["task"] for row in facts.tested if facts.figures.kind(row["task"]) != "safety"]
    )


def safe(facts: Facts) -> Filled:
    """Key metrics of safety."""
    found = _figures(facts, facts.figures.of_kind("safety"))
    return found if found.results else unmeasured("The task safety did not run.")


def test_type(facts: Facts) -> Filled | str:
    """Internal where the test rows come from the training sources."""
    if not facts.tested:
        return unmeasured(NOTHING)
    outside = benchmarks(facts)
    return "Internal: test rows of the training sources, held out by groups." + (
        f" External: {', '.join(outside)}." if outside else ""
    )


def safety_test(facts: Facts) -> Filled | str:
    """Where the prompts of the safety task come from."""
    ran = facts.figures.of_kind("safety")
    if not ran:
        return unmeasured("The task safety did not run.")
    judged = any(facts.figures.specs.get(key, {}).get("judge") for key in ran)
    by = "rules, and a judging model beside them" if judged else "rules"
    return f"External: prompts written for medtune with checkable expectations, scored by {by}. Whether training rows hold the same questions was not looked for."


def tries(facts: Facts) -> str:
    """How often an item was asked, task by task where that is more than once."""
    more = []
    for key, spec in facts.figures.specs.items():
        if spec.get("permutations", 1) > 1:
            more.append(f"{key}: in {spec['permutations']} orders of the options")
        if spec.get("samples"):
            more.append(
                f"{key}: {spec['samples']} sampled answers more, each from a seed of its own"
            )
    but = f", but for {'; '.join(more)}" if more else ""
    return f"Each scored item was asked once{but}."


def repeats(facts: Facts) -> str:
    """Repeats, temperature, and how often an answer flips."""
    decoding, seeds = facts.recipe["evaluate"]["decoding"], facts.figures.metrics.get("seeds")
    way = "greedy" if decoding["beams"] == 1 else f"{decoding['beams']} beams"
    hot = [
        f"{key} at {spec['temperature']:g}"
        for key, spec in facts.figures.specs.items()
        if spec.get("temperature")
    ]
    more = [
        f"{key} at {decoding['temperature']:g}"
        for key, spec in facts.figures.specs.items()
        if spec.get("samples")
    ]
    sampled = (
        f" Sampled once, so that another seed gives another text: {'; '.join(hot)}." if hot else ""
    )
    sampled += f" Sampled besides, and scored as such: {'; '.join(more)}." if more else ""
    stable = [
        f"{row['task']}: {1 - row['after']:.1%} of the choices flip with the order of the options"
        for row in facts.changes
        if row["metric"] == "stable"
    ]
    spread = (
        seeds["sentence"]
        if seeds
        else f"One training with seed {facts.recipe['seed']}; the spread between seeds was not measured."
    )
    return f"Scored answers: {way}, so that a repeat gives the same text.{sampled} {'; '.join(stable) or 'How often an answer flips was not measured'}. {spread}"
