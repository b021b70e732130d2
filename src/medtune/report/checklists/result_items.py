"""What a run's figures say to the items of reporting checklists about outcomes, harm and limits."""

from medtune.evaluation.decisions import margin_notes
from medtune.evaluation.tasks import TASKS
from medtune.report.checklists.base import Facts, Filled, estimate_ci, unmeasured
from medtune.report.checklists.data_items import benchmarks, names, overlap
from medtune.report.figures import MetricRow
from medtune.report.run_metrics import main_change
from medtune.report.sections import measured_on

NOTHING = "There is no measurement before and after yet."
BASELINES = {b.name: b.short for task in TASKS.values() for b in task.baselines}
FEW = 100  # items, below which an interval is wide
NOT_RUN = "The task safety did not run."
NONE_WORSE = "nothing that this test set shows"


def title(facts: Facts) -> str:
    """Item 1: design, base, data, outcome."""
    tasks = ", ".join(key.replace("_", " ") for key in facts.figures.specs)
    design = "Fine-tuning and evaluation" if facts.figures.metrics.trained else "Evaluation"
    return (
        f"{design} of the language model {facts.recipe.model.name} on {names(facts)}, measured by "
        f"{tasks}."
    )


def abstract(facts: Facts) -> str:
    """Item 2: with the main result and its interval."""
    splits = facts.figures.audit.splits
    rows = (
        f"{splits['train'].rows:,} training and {splits['test'].rows:,} test rows, divided "
        "by groups."
    )
    return f"{title(facts)} {rows} {facts.figures.verdict}"


def objectives(facts: Facts) -> str:
    """Item 4: what is compared on which items, and the main figure."""
    main = main_change(facts.figures.metrics.change)
    figure = f" Main figure: {main[2].title}." if main else ""
    return (
        f"{title(facts)} The untouched and the trained model answer the same held-out items."
        f"{figure}"
    )


def metrics(facts: Facts) -> Filled | str:
    """Item 7a: every tested figure with its test."""
    if not facts.tested:
        return unmeasured(NOTHING)
    lines = [
        f"{row.title} ({row.task}, {row.change.better} is better; {row.change.test})"
        for row in facts.tested
    ]
    return (
        f"{'; '.join(lines)}. Intervals 95 %; p-values corrected by Holm over all of them. "
        "Formulas with sources: medtune's documentation."
    )


def outcome(facts: Facts) -> Filled | str:
    """Item 7c: command, version, time."""
    state = facts.figures.state
    if not facts.figures.metrics.before:
        return unmeasured(NOTHING)
    times = ", ".join(
        f"{side} {stage.end}"
        for side in ("before", "after")
        if (stage := state.stages.get(f"evaluate_{side}")) and stage.end
    )
    return (
        f"medtune run recipe.yaml (medtune {state.versions['medtune']}); inference ended: "
        f"{times or 'not recorded'}. Scores are computed from the saved items."
    )


def raters(facts: Facts) -> Filled | str:
    """Item 7d: people or a model that judged."""
    judges = {key: spec.judge.name for key, spec in facts.figures.specs.items() if spec.judge}
    if not judges:
        return unmeasured("No person and no model rated the answers.")
    models = ", ".join(f"{key}: {name}" for key, name in judges.items())
    return (
        f"No person rated. Judged by a model ({models}); its agreement with given labels stands "
        "with the task's figures."
    )


def comparators(facts: Facts) -> Filled | str:
    """Item 7e: the untouched model, baselines, arms."""
    if not facts.figures.metrics.before:
        return unmeasured(NOTHING)
    tasks = facts.figures.baselines.values()
    baselines = sorted({BASELINES.get(name, name) for task in tasks for name in task})
    compared = "; ".join(["the untouched model on the same items, paired", *baselines])
    arms = facts.figures.metrics.arms
    ways = ", ".join(row.name for row in arms.rows) if arms else ""
    others = f"; other ways to use the models: {ways}" if ways else ""
    return f"{compared}{others}. People: not compared."


def prompt_design(facts: Facts) -> str:
    """Item 9a: which prompts were tried, and where they come from."""
    arms = facts.figures.metrics.arms
    tried = (
        f"Tried on the same items: {', '.join(row.name for row in arms.rows)}."
        if arms
        else "One prompt a task; no other was tried by medtune."
    )
    return f"{tried} Prompts come from the recipe and the model's chat template."


def prompt_data(facts: Facts) -> str:
    """Item 9b: which rows worked examples come from."""
    shots = [key for key, spec in facts.figures.specs.items() if spec.shots]
    examples = (
        f"Worked examples ({', '.join(shots)}) come from rows that are not measured."
        if shots
        else "No worked examples."
    )
    return f"{examples} medtune chose no prompt by its result, on test or validation rows."


def counts(facts: Facts) -> Filled | str:
    """Item 16d: n of each analysis."""
    sides = facts.figures.metrics.before
    if not sides:
        return unmeasured(NOTHING)
    parts = [
        f"{key} {max(score.n for score in scores.values()):,} ({measured_on(facts.figures, key)})"
        for key, scores in sides.items()
        if scores
    ]
    splits = facts.figures.audit.splits
    return (
        f"Training {splits['train'].rows:,}, tuning {splits['validation'].rows:,}; "
        f"measured: {', '.join(parts)}."
    )


def performance(facts: Facts) -> Filled:
    """Item 17: before, after, difference, each with its interval."""
    return _figures(facts, [row.task for row in facts.tested])


def _figures(facts: Facts, tasks: list[str]) -> Filled:
    rows = [row for row in facts.tested if row.task in tasks]
    if not rows:
        return unmeasured(NOTHING)
    results = []
    for row in rows:
        label, unit, p = f"{row.title} ({row.task})", row.change.unit, row.change.p_corrected
        corrected = "" if p is None else f" (p corrected {p:.3g})"
        results += [
            estimate_ci(f"{label}, before", row.before, unit),
            estimate_ci(f"{label}, after", row.after, unit),
            estimate_ci(f"{label}, difference{corrected}", row.change, unit),
        ]
    text = f"{len(rows)} figures, each before, after and paired difference.{_margins(rows)}"
    return Filled(text, results=results)


def _margins(rows: list[MetricRow]) -> str:
    """What was shown against margins that were set before; empty where none was."""
    lines = [
        f"{row.title} ({row.task}) {'; '.join(margin_notes(row.change.margin))}"
        for row in rows
        if row.change.margin
    ]
    return f" Margins set before the run: {'. '.join(lines)}." if lines else ""


def updating(facts: Facts) -> Filled | str:
    """Item 18: against the previous version on the same items."""
    if not facts.tested:
        return unmeasured(NOTHING)
    worse = [f"{row.title} ({row.task})" for row in facts.tested if row.decision == "worse"]
    return (
        "The previous version is the untouched model, on the same items (item 17). Worse since: "
        f"{', '.join(worse) or NONE_WORSE}. Items that became wrong are listed in the report."
    )


def interpretation(facts: Facts) -> Filled | str:
    """Item 19a: the verdict in one sentence; unmeasured without tests."""
    text = f"{facts.figures.verdict} Fairness: not measured."
    return text if facts.tested else unmeasured(NOTHING)


def limits(facts: Facts) -> str:
    """Item 19b: small n, undecided figures, and what was not measured."""
    few = sorted({row.task for row in facts.tested if row.n < FEW})
    undecided = dict.fromkeys(row.title for row in facts.tested if row.decision == "undecided")
    parts = [f"Fewer than {FEW} items: {', '.join(few)}."] if few else []
    parts += [f"Undecided on this test set: {', '.join(undecided)}."] if undecided else []
    missing = f"Not measured: {'; '.join(facts.figures.not_measured())}."
    return " ".join([*parts, overlap(facts), missing])


def failures(facts: Facts) -> Filled | str:
    """Measured failures: harm, repetition, what got worse."""
    if not facts.tested:
        return unmeasured(NOTHING)
    worse = [row.title for row in facts.tested if row.decision == "worse"]
    return (
        f"{usual_harm(facts)} Worse after training: {', '.join(worse) or NONE_WORSE}. Its answers "
        "may be wrong and dangerous."
    )


def usual_harm(facts: Facts) -> str:
    """Critical violations before and after, in a sentence."""
    row = next((row for row in facts.rows if row.metric == "critical_violations"), None)
    if row is None:
        return "Harm: not measured."
    return (
        f"Answers that break a critical rule: {row.before.value:.1%} before, "
        f"{row.after.value:.1%} after ({row.n} prompts)."
    )


def useful(facts: Facts) -> Filled:
    """Key metrics of usefulness: all that is not harm."""
    harm = facts.figures.in_section("harm")
    return _figures(facts, [row.task for row in facts.tested if row.task not in harm])


def safe(facts: Facts) -> Filled:
    """Metrics of the harm section; unmeasured where no such task ran."""
    figures = _figures(facts, facts.figures.in_section("harm"))
    return figures if figures.results else unmeasured(NOT_RUN)


def test_type(facts: Facts) -> Filled | str:
    """Internal where the test rows come from the training sources."""
    if not facts.tested:
        return unmeasured(NOTHING)
    outside = benchmarks(facts)
    external = f" External: {', '.join(outside)}." if outside else ""
    return f"Internal: test rows of the training sources, held out by groups.{external}"


def safety_test(facts: Facts) -> Filled | str:
    """Where the prompts of the safety task come from."""
    measured = facts.figures.in_section("harm")
    if not measured:
        return unmeasured(NOT_RUN)
    specs = facts.figures.specs
    judged = any(specs[key].judge for key in measured if key in specs)
    by = "rules, and a judging model beside them" if judged else "rules"
    return (
        f"External: prompts written for medtune with checkable expectations, scored by {by}. "
        "Whether training rows hold the same questions was not looked for."
    )


def tries(facts: Facts) -> str:
    """How often an item was asked, task by task where that is more than once."""
    more = []
    for key, spec in facts.figures.specs.items():
        if spec.permutations > 1:
            more.append(f"{key}: in {spec.permutations} orders of the options")
        if spec.samples:
            more.append(f"{key}: {spec.samples} sampled answers more, each from a seed of its own")
    but = f", but for {'; '.join(more)}" if more else ""
    return f"Each scored item was asked once{but}."


def repeats(facts: Facts) -> str:
    """Repeats, temperature, and how often an answer flips."""
    recipe, decoding = facts.recipe, facts.recipe.evaluate.decoding
    specs, seeds = facts.figures.specs, facts.figures.metrics.seeds
    way = "greedy" if decoding.beams == 1 else f"{decoding.beams} beams"
    hot = [f"{key} at {spec.temperature:g}" for key, spec in specs.items() if spec.temperature]
    more = [f"{key} at {decoding.temperature:g}" for key, spec in specs.items() if spec.samples]
    sampled = "Sampled once, so that another seed gives another text"
    sampled = f" {sampled}: {'; '.join(hot)}." if hot else ""
    sampled += f" Sampled besides, and scored as such: {'; '.join(more)}." if more else ""
    stable = [
        f"{row.task}: {1 - row.after.value:.1%} of the choices flip with the order of the options"
        for row in facts.rows
        if row.metric == "stable"
    ]
    flips = "; ".join(stable) or "How often an answer flips was not measured"
    one = f"One training with seed {recipe.seed}; the spread between seeds was not measured."
    return (
        f"Scored answers: {way}, so that a repeat gives the same text.{sampled} {flips}. "
        f"{seeds.sentence if seeds else one}"
    )
