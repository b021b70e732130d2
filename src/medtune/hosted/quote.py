"""A hosted job before it is sent: what goes where and what it costs, the budget, and a person's
word.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from medtune.errors import RecipeError, RunError
from medtune.files import read_json
from medtune.hosted.job import JobState, read_state, state_for
from medtune.hosted.request import Offer, make_offer
from medtune.models.openai_client import api_key
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Recipe
from medtune.run_paths import RunPaths
from medtune.runs.plan import Plan
from medtune.runs.preparation import prepared_data


def state_file(run: RunPaths) -> Path:
    """Where the state of a run's job lies."""
    return run.train / "hosted.json"


def endpoint_of(recipe: Recipe) -> Endpoint:
    """The service of a recipe. Raises ``RecipeError`` where it names none."""
    if recipe.model.endpoint is None:
        raise RecipeError(
            f"{recipe.name} is trained on this machine",
            where="train.method",
            fix="There is no job.",
        )
    return recipe.model.endpoint


def agree(plan: Plan, run: RunPaths, yes: bool) -> None:
    """Show what a job sends and costs, and ask, before anything is sent; once for a job.

    Raises ``RecipeError`` over the budget, or where nobody can be asked; ``RunError`` at a no.
    """
    recipe, path = plan.recipe, state_file(run)
    offer = make_offer(recipe, run.data, run.train / "hosted")
    _say_unused(recipe)
    state = state_for(path, offer.identity, endpoint_of(recipe).base_url)
    _say_left_behind(path, state)
    if state.is_alive:
        return
    api_key(endpoint_of(recipe))  # found missing now, not after the question
    text = offer_text(offer_facts(offer, recipe, read_json(run.data / "audit.json")))
    if yes or state.agreed:
        say(text)
    else:
        print(text, file=sys.stderr)
    check_budget(offer, recipe)
    if not (yes or state.agreed):
        _ask()
    state.agreed = True
    state.save(path)


def check_budget(offer: Offer, recipe: Recipe) -> None:
    """Raise ``RecipeError`` where a job costs more than the recipe allows, or nobody can know."""
    settings = recipe.train.hosted
    if settings.budget_usd is None:
        return
    if not settings.usd_per_million_tokens:
        raise RecipeError(
            "a budget cannot be kept without a price",
            where="train.hosted.budget_usd",
            fix="Set train.hosted.usd_per_million_tokens to what the service takes, or the budget to null.",
        )
    if offer.cost > settings.budget_usd:
        raise RecipeError(
            f"the job would cost about ${offer.cost:,.2f}, more than the budget of ${settings.budget_usd:,.2f}: nothing was sent",
            where="train.hosted.budget_usd",
            fix="Lower data.limit or train.hosted.n_epochs, or raise the budget.",
        )


def _ask() -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RecipeError(
            "nothing was sent: this costs money or sends data away, and nobody is here to be asked",
            where="train.method: hosted",
            fix="Look at --dry-run, then give --yes.",
        )
    print("Send it? [y/N] ", end="", file=sys.stderr, flush=True)
    if input().strip().lower() not in ("y", "yes"):
        raise RunError(
            "nothing was sent", where="train.method: hosted", fix="Answer y, or give --yes."
        )


def _say_unused(recipe: Recipe) -> None:
    """Settings of local training that were set and that a service knows nothing of."""
    other = {"method", "hosted", "lora", "trackers"}
    train = recipe.train
    fields = {name: field for name, field in type(train).model_fields.items() if name not in other}
    changed = [
        name
        for name, field in fields.items()
        if getattr(train, name) != field.get_default(call_default_factory=True)
    ]
    if changed:
        say(f"not used by a hosted job (see train.hosted): train.{', train.'.join(changed)}")


def _say_left_behind(path: Path, state: JobState) -> None:
    """Another job of this run may still be going on, and cost."""
    other = read_state(path)
    if (
        other
        and other.identity != state.identity
        and other.is_alive
        and other.status != "succeeded"
    ):
        say(
            f"data or settings have changed: job {other.job} of before goes on at {other.base_url} unless you cancel it"
        )


def offer_facts(offer: Offer, recipe: Recipe, audit: dict[str, Any]) -> dict[str, Any]:
    """A job before it is sent, in numbers. Cost in US dollars."""
    settings, examples = recipe.train.hosted, offer.reports["train"].examples
    batch = settings.batch_size
    return {
        "recipe": recipe.name,
        "model": recipe.model.name,
        "method": "hosted",
        "endpoint": endpoint_of(recipe).base_url,
        "rows": {name: facts["rows"] for name, facts in audit["splits"].items()},
        "dropped": audit["dropped"],
        "truncated_rows": audit["tokens"]["truncated_rows"],
        "examples": examples,
        "epochs": offer.epochs,
        "steps": None if batch == "auto" else -(-examples // batch) * offer.epochs,
        "tokens": offer.tokens * offer.epochs,
        "tokens_of_one_pass": offer.tokens,
        "usd_per_million_tokens": settings.usd_per_million_tokens,
        "estimated_cost_usd": offer.cost,
        "budget_usd": settings.budget_usd,
        "identifiers": audit["identifiers"],
    }


def offer_text(facts: dict[str, Any]) -> str:
    """The same in words."""
    price = facts["usd_per_million_tokens"]
    cost = (
        f"${facts['estimated_cost_usd']:,.2f} at ${price:g} a million"
        if price
        else "unknown (set train.hosted.usd_per_million_tokens)"
    )
    budget = "" if facts["budget_usd"] is None else f"; budget ${facts['budget_usd']:,.2f}"
    passes = f"{facts['epochs']} pass" + ("" if facts["epochs"] == 1 else "es")
    steps = f", {facts['steps']:,} steps" if facts["steps"] else ""
    return (
        f"sends     {facts['examples']:,} examples to {facts['endpoint']}, to fine-tune {facts['model']}\n"
        f"tokens    {facts['tokens_of_one_pass']:,} × {passes} = {facts['tokens']:,}{steps}\n"
        f"cost      training: {cost}{budget}\n"
        f"          before and after it {facts['rows']['test']:,} test rows are asked as the tasks say: not in the cost\n"
        f"patients  {_identifiers_text(facts['identifiers'])}"
    )


def _identifiers_text(found: dict[str, Any]) -> str:
    count, policy = sum(found["found"].values()), found["policy"]
    if policy == "off":
        return "the data were not scanned for identifiers (data.identifiers)"
    if policy == "report" and count:
        return (
            f"{count:,} identifiers were found and WOULD BE SENT (data.identifiers: mask or drop)"
        )
    return f"no identifiers that the scan can see are sent ({count:,} found, data.identifiers: {policy})"


def hosted_estimate(plan: Plan, root: Path) -> dict[str, Any]:
    """``--dry-run``: the facts of the job; nothing is kept, nothing is sent."""
    with prepared_data(plan, root) as (audit, data), tempfile.TemporaryDirectory() as place:
        return offer_facts(make_offer(plan.recipe, data, Path(place)), plan.recipe, audit)


def hosted_text(facts: dict[str, Any]) -> str:
    """The same in words."""
    rows = ", ".join(f"{name} {count:,}" for name, count in facts["rows"].items())
    over = facts["budget_usd"] is not None and facts["estimated_cost_usd"] > facts["budget_usd"]
    return (
        f"plan of {facts['recipe']}: prepare → evaluate base → train → evaluate tuned → report\n"
        f"model     {facts['model']}, by a job at the service\n"
        f"rows      {rows}; {facts['truncated_rows']:,} over the service's limit\n"
        f"{offer_text(facts)}\n"
        f"{'OVER THE BUDGET: a run would stop before anything is sent.' if over else ''}"
    ).rstrip("\n") + "\nNothing was written, nothing was sent."
