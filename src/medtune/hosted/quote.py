"""What a hosted job sends and costs, shown and confirmed before anything is sent."""

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medtune.data.audit import IdentifierAudit, RunAudit, read_audit
from medtune.errors import RecipeError, RunError
from medtune.hosted.job import JobState, read_state, state_for
from medtune.hosted.request import JobRequest, write_job_request
from medtune.models.openai_client import api_key
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Recipe
from medtune.run_paths import RunPaths


class Quote(BaseModel):
    """A job in numbers. ``tokens`` are billed, over all epochs; costs are in US dollars."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    model: str
    method: str = "hosted"
    endpoint: str
    rows: dict[str, int]
    dropped: dict[str, int]
    truncated_rows: int
    examples: int
    epochs: int
    steps: int | None
    tokens: int
    tokens_of_one_pass: int
    usd_per_million_tokens: float
    estimated_cost_usd: float
    budget_usd: float | None
    identifiers: IdentifierAudit

    @classmethod
    def of(cls, request: JobRequest, recipe: Recipe, audit: RunAudit) -> "Quote":
        """The quote of a request made from data with this audit."""
        settings, examples = recipe.train.hosted, request.reports["train"].examples
        batch = settings.batch_size
        return cls(
            recipe=recipe.name,
            model=recipe.model.name,
            endpoint=endpoint_of(recipe).base_url,
            rows={name: split.rows for name, split in audit.splits.items()},
            dropped=audit.dropped,
            truncated_rows=audit.tokens.truncated_rows,
            examples=examples,
            epochs=request.epochs,
            steps=None if batch == "auto" else -(-examples // batch) * request.epochs,
            tokens=request.tokens * request.epochs,
            tokens_of_one_pass=request.tokens,
            usd_per_million_tokens=settings.usd_per_million_tokens,
            estimated_cost_usd=request.cost,
            budget_usd=settings.budget_usd,
            identifiers=audit.identifiers,
        )


def state_file(run: RunPaths) -> Path:
    """Where the state of a run's job is kept."""
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


def confirm(recipe: Recipe, run: RunPaths, yes: bool) -> None:
    """Show what a job sends and costs and ask once, before anything is sent.

    Raises ``RecipeError`` over the budget or where nobody can be asked, ``RunError`` at a no.
    """
    path = state_file(run)
    request = write_job_request(recipe, run.data, run.train / "hosted")
    _report_unused_settings(recipe)
    state = state_for(path, request.identity, endpoint_of(recipe).base_url)
    _report_other_job(path, state)
    if state.is_alive:
        return
    api_key(endpoint_of(recipe))  # a missing key is an error before the question
    text = quote_text(Quote.of(request, recipe, read_audit(run.data / "audit.json")))
    if yes or state.agreed:
        say(text)
    else:
        print(text, file=sys.stderr)
    check_budget(request, recipe)
    if not (yes or state.agreed):
        _ask()
    state.agreed = True
    state.save(path)


def check_budget(request: JobRequest, recipe: Recipe) -> None:
    """Raise ``RecipeError`` where a job costs more than the recipe allows, or nobody can know."""
    settings = recipe.train.hosted
    if settings.budget_usd is None:
        return
    if not settings.usd_per_million_tokens:
        raise RecipeError(
            "a budget cannot be kept without a price",
            where="train.hosted.budget_usd",
            fix="Set train.hosted.usd_per_million_tokens to what the service takes, "
            "or the budget to null.",
        )
    if request.cost > settings.budget_usd:
        raise RecipeError(
            f"the job would cost about ${request.cost:,.2f}, "
            f"more than the budget of ${settings.budget_usd:,.2f}: nothing was sent",
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


def _report_unused_settings(recipe: Recipe) -> None:
    """Name the settings of local training that the recipe sets and a service ignores."""
    used = {"method", "hosted", "lora", "trackers"}
    train = recipe.train
    changed = [
        name
        for name, field in type(train).model_fields.items()
        if name not in used and getattr(train, name) != field.get_default(call_default_factory=True)
    ]
    if changed:
        say(f"not used by a hosted job (see train.hosted): train.{', train.'.join(changed)}")


def _report_other_job(path: Path, state: JobState) -> None:
    """Warn of an earlier job of this run that may still train, and cost."""
    other = read_state(path)
    if (
        other
        and other.identity != state.identity
        and other.is_alive
        and other.status != "succeeded"
    ):
        say(
            f"data or settings have changed: job {other.job} of before goes on "
            f"at {other.base_url} unless you cancel it"
        )


def quote_text(quote: Quote) -> str:
    """What is sent, and its price, in lines for people."""
    price, examples = quote.usd_per_million_tokens, quote.examples
    cost = (
        f"${quote.estimated_cost_usd:,.2f} at ${price:g} a million"
        if price
        else "unknown (set train.hosted.usd_per_million_tokens)"
    )
    budget = "" if quote.budget_usd is None else f"; budget ${quote.budget_usd:,.2f}"
    passes = f"{quote.epochs} pass" + ("" if quote.epochs == 1 else "es")
    steps = f", {quote.steps:,} steps" if quote.steps else ""
    return (
        f"sends     {examples:,} examples to {quote.endpoint}, to fine-tune {quote.model}\n"
        f"tokens    {quote.tokens_of_one_pass:,} × {passes} = {quote.tokens:,}{steps}\n"
        f"cost      training: {cost}{budget}\n"
        f"          before and after it {quote.rows['test']:,} test rows are asked "
        "as the tasks say: not in the cost\n"
        f"patients  {_identifiers_text(quote.identifiers)}"
    )


def _identifiers_text(identifiers: IdentifierAudit) -> str:
    count, policy = sum(identifiers.counts.values()), identifiers.policy
    if policy == "off":
        return "the data were not scanned for identifiers (data.identifiers)"
    if policy == "report" and count:
        return (
            f"{count:,} identifiers were found in the rows and WOULD BE SENT "
            "(data.identifiers: mask or drop)"
        )
    return (
        "no identifiers that the scan can see are sent with the rows "
        f"({count:,} found, data.identifiers: {policy})"
    )


def dry_run_text(quote: Quote) -> str:
    """The plan of a hosted run, for ``--dry-run``."""
    rows = ", ".join(f"{name} {count:,}" for name, count in quote.rows.items())
    over = quote.budget_usd is not None and quote.estimated_cost_usd > quote.budget_usd
    warning = "OVER THE BUDGET: a run would stop before anything is sent." if over else ""
    plan = (
        f"plan of {quote.recipe}: prepare → evaluate base → train → evaluate tuned → report\n"
        f"model     {quote.model}, by a job at the service\n"
        f"rows      {rows}; {quote.truncated_rows:,} over the service's limit\n"
        f"{quote_text(quote)}\n{warning}"
    )
    return plan.rstrip("\n") + "\nNothing was written, nothing was sent."
