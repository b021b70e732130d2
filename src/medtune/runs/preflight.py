"""A recipe is checked before it costs: libraries, number formats, lengths and memory, each with
a full sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.conversation import Conversation, Message, read_conversations, user_asks
from medtune.errors import DataError, RecipeError
from medtune.evaluation.evaluate import Job, figure_named
from medtune.evaluation.tasks import task_of
from medtune.models.interface import first_equal
from medtune.models.load import LocalModelRef, context_length, read_config
from medtune.models.precision import require_bitsandbytes
from medtune.progress import say
from medtune.recipe.schema import Recipe
from medtune.runs.plan import Plan

if TYPE_CHECKING:
    from medtune.training.memory_estimate import Footprint
    from medtune.training.objectives import Objective


LOOKED_AT = (
    2_000  # training rows whose lengths tell, before all are encoded, whether training will fit
)


def precheck(plan: Plan) -> None:
    """What can be told from the recipe and the model's configuration. Raises ``RecipeError``."""
    recipe = plan.recipe
    if recipe.model.quantization:
        _check_quantized_training(recipe)
        require_bitsandbytes("model.quantization")
    if recipe.train.optimizer == "adamw_8bit" and recipe.train.method != "hosted":
        require_bitsandbytes("train.optimizer")
    _check_tasks(plan)
    for name in recipe.evaluate.published:
        figure_named(name)
    if not isinstance(plan.base, LocalModelRef):
        return
    if plan.is_seq2seq and recipe.model.dtype == "float16":
        raise RecipeError(
            "T5 models overflow in float16: losses become NaN",
            where="model.dtype",
            fix="Set model.dtype to bfloat16, float32 or auto.",
        )
    context = context_length(read_config(plan.base))
    if recipe.train.max_length > context and "max_length" in recipe.train.model_fields_set:
        say(
            f"train.max_length {recipe.train.max_length:,} is above the model's context: "
            f"{context:,} tokens are used"
        )


def _check_quantized_training(recipe: Recipe) -> None:
    if recipe.train.method not in ("lora", "qlora"):
        raise RecipeError(
            f"weights in {recipe.model.quantization} are frozen, and train.method: "
            f"{recipe.train.method} trains them all",
            where="model.quantization",
            fix="Use train.method: qlora (nf4) or lora; medtune evaluate measures it as it is.",
        )


def _check_tasks(plan: Plan) -> None:
    """Files that tasks read themselves, and what they ask of the model, before anything is
    measured.
    """
    for spec in plan.recipe.evaluate.tasks:
        task = task_of(spec)
        task.check_source(spec)
        if task.needs(spec) == "text likelihood" and plan.is_seq2seq:
            raise RecipeError(
                f"{task.name} needs the likelihood of plain text, "
                "and an encoder-decoder gives none",
                where="evaluate.tasks",
                fix="Leave it out.",
            )
        if spec.judge and spec.judge.endpoint:
            say(
                f"{spec.key}: questions and answers are sent to the judge "
                f"at {spec.judge.endpoint.base_url}"
            )


def check_labels(plan: Plan, jobs: Sequence[Job]) -> None:
    """Every label that a task asks for is other tokens than the rest: two that are the same can be
    neither learnt nor chosen between.

    Raises ``DataError``. Of a model behind an endpoint the tokens are not known.
    """
    if not isinstance(plan.base, LocalModelRef):
        return
    from medtune.tokens.encode_pairs import EncodedPair

    for labels in {job.settings.labels for job in jobs if task_of(job.spec).labelled}:
        encoder = plan.encoder()
        named = [
            Conversation(label, "", "", (*user_asks("?"), Message("assistant", label)))
            for label in labels
        ]
        rows = [encoder.encode(conversation) for conversation in named]
        ids = [row.target if isinstance(row, EncodedPair) else row.ids for row in rows]
        firsts = first_equal([of_label.tobytes() for of_label in ids])
        pairs = [f"{first + 1} and {n + 1}" for n, first in enumerate(firsts) if first != n]
        if pairs:
            raise DataError(
                f"of the {len(labels)} labels in alphabetical order, {', '.join(pairs)} are the "
                "same tokens to this model's tokenizer: it can neither learn nor choose between "
                "them",
                where=f"evaluate.tasks: classification, {plan.base.name}",
                fix="Write them with words that the tokenizer keeps apart (below 2, about 2), or "
                "use another model; `medtune data audit SOURCE --tokenizer MODEL` lists the labels "
                "and counts what is lost.",
            )


def objective_of(plan: Plan) -> "Objective":
    """How rows of this plan's model become losses."""
    if plan.is_seq2seq:
        from medtune.training.objectives import Seq2SeqObjective

        return Seq2SeqObjective()
    from medtune.training.objectives import CausalObjective

    return CausalObjective()


def memory_of(
    plan: Plan, lengths: Sequence[int], rows: Callable[[list[int]], Sequence[Any]]
) -> "Footprint":
    """Memory at the highest point of training rows of these lengths.

    ``rows`` gives the rows of chosen numbers.
    """
    from medtune.models.precision import compute_dtype
    from medtune.training.memory_estimate import footprint
    from medtune.training.trainer import heaviest_batch

    recipe = plan.recipe
    heaviest = rows(heaviest_batch(lengths, recipe.train, recipe.training_seed))
    dtype = compute_dtype(recipe.model.dtype)
    return footprint(read_config(plan.local), recipe, dtype, objective_of(plan), heaviest)


def check_training(plan: Plan, data: Path) -> None:
    """Training fits this machine, and its adapters the model, before anything is measured or a
    weight is loaded.

    Found from some of the rows; training looks at all of them before it begins. Raises
    ``RecipeError``.
    """
    if plan.recipe.model.quantization:
        _check_quantized_training(plan.recipe)
    if plan.recipe.train.early_stopping and not len(
        read_conversations(data / "validation.parquet")
    ):
        raise RecipeError(
            "there are no validation rows to stop early by",
            where="train.early_stopping",
            fix="Give data.split.validation a share, or leave early_stopping out.",
        )
    require_fit(memory_from_splits(plan, data, LOOKED_AT))


def memory_from_splits(plan: Plan, data: Path, most: int | None = None) -> "Footprint":
    """The same from a prepared ``train.parquet``: rows (at most so many) are measured, the
    heaviest are encoded.
    """
    encoder, conversations = plan.encoder(), read_conversations(data / "train.parquet")
    if most and len(conversations) > most:
        conversations = [
            conversations[i] for i in range(0, len(conversations), -(-len(conversations) // most))
        ]
    limit = encoder.max_length if plan.recipe.data.overlong != "drop" else None
    measured = [length for chunk in _chunks(conversations) for length in encoder.lengths(chunk)]
    kept = [n for n, length in enumerate(measured) if limit or length.tokens <= encoder.max_length]
    lengths = [min(measured[n].tokens, encoder.max_length) for n in kept]
    return memory_of(
        plan, lengths, lambda chosen: [encoder.encode(conversations[kept[i]]) for i in chosen]
    )


def require_fit(footprint: "Footprint") -> None:
    """Raise ``RecipeError`` where this machine has less memory than training needs."""
    from medtune.training.memory_estimate import available_bytes

    available = available_bytes() + footprint.process
    if footprint.total > available:
        raise RecipeError(
            f"training needs about {footprint.total / 2**30:.1f} GiB of memory, "
            f"and {available / 2**30:.1f} GiB are to be had",
            where="train",
            fix="Lower train.batch_size or train.max_length, "
            "or use train.method: lora or qlora, or a smaller model.",
        )


def _chunks(
    conversations: Sequence[Conversation], size: int = 1000
) -> Iterator[Sequence[Conversation]]:
    for start in range(0, len(conversations), size):
        yield conversations[start : start + size]
