"""The stages of a run, one function each: what it reads, what it makes, where it writes."""

import csv
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from medtune.conversation import Conversation, read_conversations
from medtune.errors import RunError
from medtune.evaluation.evaluate import evaluate, figure_named, read_samples
from medtune.evaluation.tasks import Sample, Task, task_of
from medtune.files import file_hash, sha256_paths, whole_directory, whole_file, write_json
from medtune.hosted.fine_tuning import train_hosted
from medtune.hosted.quote import endpoint_of
from medtune.models.adapters import add_lora, frozen_hash, save_model
from medtune.models.cache import CachedModel
from medtune.models.causal import CausalModel
from medtune.models.interface import InferenceSettings, LanguageModel
from medtune.models.load import LocalModelRef, load_tokenizer, load_weights
from medtune.models.model_names import lasting_name
from medtune.models.open import ModelRef, open_model, resolve_model, trained_endpoint_ref
from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
from medtune.models.precision import compute_dtype
from medtune.progress import detail, say
from medtune.recipe.schema import Recipe
from medtune.report.loss_plots import write_loss_files
from medtune.runs.plan import Plan
from medtune.runs.preflight import memory_of, objective_of, require_fit
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.task_items import TaskItems, source_hashes
from medtune.tokens.encode import encode_all
from medtune.training.callbacks import read_metrics
from medtune.training.distributed import Processes
from medtune.training.memory_estimate import peak_memory_bytes, reset_peak
from medtune.training.trainer import SupervisedTrainer, TrainingResult

VALIDATION = "validation"  # below a side: what was asked of validation rows, for calibration


def read_split(run: RunDirectory, name: str) -> list[Conversation]:
    """The conversations of one split."""
    return list(read_conversations(run.data / f"{name}.parquet"))


def evaluate_stage(plan: Plan, run: RunDirectory, side: Literal["before", "after"]) -> None:
    """eval/before/ or eval/after/: the untouched or the trained model on the held-out items."""
    trained = side == "after"
    model = trained_model(plan, run) if trained else plan.base
    directory = run.after if trained else run.before
    inputs = plan.evaluate_inputs(item_hashes(plan, run), model.fingerprint())
    stage = Stage(f"evaluate_{side}", inputs, (directory,), model.libraries)
    run.perform(stage, lambda: _evaluate(plan, run, model, directory, trained=trained))


def item_hashes(plan: Plan, run: RunDirectory) -> list[str]:
    """Hashes of the files whose rows are measured."""
    split = run.data / f"{plan.recipe.evaluate.split}.parquet"
    return [file_hash(split), *source_hashes(plan.recipe, plan.data_dir)]


def _evaluate(
    plan: Plan, run: RunDirectory, reference: ModelRef, directory: Path, *, trained: bool
) -> None:
    recipe, evaluation = plan.recipe, plan.recipe.evaluate
    items = task_items(plan, run)
    model = open_measured(plan, run, reference, trained=trained, to_train=not trained)
    for file in directory.glob("*.json*") if directory.exists() else []:
        if file.name.split(".")[0] not in {spec.key for spec in evaluation.tasks}:
            file.unlink()
    results = evaluate(model, items.jobs(), evaluation.resamples, directory)
    evaluate(model, items.validation_jobs(), evaluation.resamples, directory / VALIDATION)
    for task, scores in results.items():
        for metric, score in scores.items():
            detail(f"  {task} {metric}: {score.value:.4g} (n = {score.n})")
    figures = [figure_named(name) for name in evaluation.published] if trained else []
    for figure in figures:
        if not figure.needs_trained_model:
            continue
        inner = model.model if isinstance(model, CachedModel) else model  # opened here at last
        if isinstance(inner, CausalModel):
            rows = read_split(run, recipe.evaluate.split)
            figure.measure(inner, rows, items.settings(), run.published)


def task_items(plan: Plan, run: RunDirectory) -> TaskItems:
    """The items of the recipe's tasks; judgements are cached in the run."""
    return TaskItems(plan.recipe, run.data, plan.data_dir, run.root / "eval" / "judge")


def open_measured(
    plan: Plan, run: RunDirectory, reference: ModelRef, *, trained: bool, to_train: bool = False
) -> LanguageModel:
    """A model to be measured. Its answers are cached in eval/, whatever the tasks."""
    return open_model(
        reference,
        plan.recipe.model,
        batch_size=plan.recipe.evaluate.batch_size,
        dtype=plan.recipe.evaluate.dtype,
        trained=trained,
        to_train=to_train,
        cache=run.root / "eval",
    )


def trained_model(plan: Plan, run: RunDirectory) -> ModelRef:
    """What training made. Raises ``RunError`` where there is nothing yet."""
    remote = trained_endpoint_ref(str(run.model))
    if remote:
        # How it is asked (key, pace) is the recipe's to say; the name and the prompt are the
        # trained model's.
        return replace(remote, endpoint=endpoint_of(plan.recipe))
    if (
        not (run.model / "config.json").exists()
        and not (run.model / "adapter_config.json").exists()
    ):
        raise RunError(
            "there is no trained model yet", where=str(run.root), fix="Train first: medtune train"
        )
    adapter = (run.model / "adapter_config.json").exists()
    return (
        replace(plan.local, name=plan.recipe.name, adapter=run.model)
        if adapter
        else LocalModelRef(plan.recipe.name, run.model)
    )


def training(plan: Plan, run: RunDirectory) -> Stage:
    """model/ and train/: the trained model, loss.csv and trainer_stats.json."""
    hashes = {name: file_hash(run.data / f"{name}.parquet") for name in ("train", "validation")}
    outputs = (run.model, run.train / "loss.csv", run.train / "trainer_stats.json")
    return Stage("train", plan.train_inputs(hashes), outputs, plan.training_libraries)


def train_stage(plan: Plan, run: RunDirectory, processes: Processes) -> None:
    """Train, here on all processes or at the hosted service."""
    stage, hosted = training(plan, run), plan.recipe.train.method == "hosted"

    def work() -> None:
        _remove_measurements(run)
        if hosted:
            train_hosted(plan.recipe, run)
        else:
            train(plan, run, processes, stage.key)

    if processes.main:
        processes.sums([float(not hosted and not run.is_done(stage))])
        run.perform(stage, work)
        shutil.rmtree(run.train / "checkpoints", ignore_errors=True)  # they have served
    elif processes.sums([0.0])[0]:
        train(plan, run, processes, stage.key)
    processes.wait()


def _remove_measurements(run: RunDirectory) -> None:
    """Remove what was measured of an earlier trained model."""
    evaluation = run.root / "eval"
    for directory in (run.after, evaluation / "arms", *run.root.glob("repeats/*/eval")):
        shutil.rmtree(directory, ignore_errors=True)
    for file in (run.comparison, evaluation / "confidence.json", evaluation / "tables.json"):
        file.unlink(missing_ok=True)


def train(plan: Plan, run: RunDirectory, processes: Processes, fingerprint: str) -> None:
    """Train, on every process; write the results, on the main one."""
    recipe = plan.recipe
    register_packed_attention()
    encoder = plan.encoder()
    rows, _ = encode_all(encoder, read_split(run, "train"), recipe.data.overlong)
    validation, _ = encode_all(encoder, read_split(run, "validation"), "truncate")
    dtype = compute_dtype(recipe.model.dtype)
    objective = objective_of(plan)
    memory = memory_of(plan, [row.tokens for row in rows], lambda chosen: [rows[i] for i in chosen])
    require_fit(memory)
    if memory.checkpointing and recipe.train.gradient_checkpointing == "auto":
        say(
            "memory is short: activations are recomputed in the backward pass "
            "(train.gradient_checkpointing)"
        )
    reset_peak()
    memory_before = peak_memory_bytes()
    model = load_weights(plan.local, dtype, PACKED_ATTENTION)
    if recipe.train.method != "full":
        model = add_lora(model, recipe.train.lora, recipe.training_seed)
    frozen = frozen_hash(model)
    trainer = SupervisedTrainer(
        model,
        recipe.train,
        recipe.training_seed,
        rows,
        validation,
        run.train,
        fingerprint,
        processes,
        objective,
        memory.checkpointing,
    )
    size = recipe.train.batch_size * recipe.train.gradient_accumulation
    trainable = sum(p.numel() for p in trainer.weights.masters.values())
    say(
        f"{recipe.train.method} fine-tuning in {str(dtype).removeprefix('torch.')}: "
        f"{trainable:,} trainable parameters, {len(rows):,} rows, "
        f"{size} a step, {trainer.steps:,} steps"
    )
    processes.start_tracking(recipe.name, recipe.train.model_dump(mode="json"))
    result = trainer.run()
    processes.close()
    if frozen_hash(model) != frozen:
        raise RunError(
            "frozen weights changed during training",
            where=plan.base.name,
            fix="This is a fault of medtune: please report it.",
        )
    if processes.main:
        tokenizer = load_tokenizer(plan.local, recipe.model.chat_template, recipe.model.prompt)
        with whole_directory(run.model) as directory:
            settings = InferenceSettings.of(
                recipe,
                revision=recipe.model.revision,
                base_weights_sha256=plan.base_weights,
                quantization=recipe.model.quantization,
                double_quantization=recipe.model.double_quantization,
            )
            save_model(model, tokenizer, directory, lasting_name(recipe.model.name), settings)
        write_training_results(run, result, recipe.train.method, str(dtype), memory_before)
    processes.wait()


def write_training_results(
    run: RunDirectory, result: TrainingResult, method: str, dtype: str, memory_before: int = 0
) -> None:
    """Write loss.csv (a row a logged step) and trainer_stats.json."""
    rows = read_metrics(run.train / "metrics.jsonl")
    with (
        whole_file(run.train / "loss.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow(["Step", "Loss", "Validation loss"])
        writer.writerows([r["step"], r.get("loss", ""), r.get("validation_loss", "")] for r in rows)
    losses = [r["loss"] for r in rows if "loss" in r]
    stats = asdict(result) | {
        "method": method,
        "dtype": dtype.removeprefix("torch."),
        "memory_before_bytes": memory_before,
        "train_loss": sum(losses) / max(1, len(losses)),
        "train_runtime": result.seconds,
        "train_steps_per_second": result.steps / max(1e-9, result.seconds),
        "total_flos": (6 if method == "full" else 4) * result.parameters * result.tokens,
    }
    write_json(run.train / "trainer_stats.json", stats)
    write_loss_files(run)


def check_base_untouched(plan: Plan) -> None:
    """Read the base's weight files once more. Raises ``RunError`` where they have changed."""
    reference = resolve_model(plan.recipe.model)
    if not isinstance(reference, LocalModelRef):
        return
    if sha256_paths(reference.weight_files(), reread=True) != plan.base_weights:
        raise RunError(
            "the base model's weight files changed during the run",
            where=plan.base.name,
            fix="Fetch it again; the figures are void.",
        )


def tasks_of(recipe: Recipe) -> dict[str, Task]:
    """The recipe's tasks, by the key of their files and figures."""
    return {spec.key: task_of(spec) for spec in recipe.evaluate.tasks}


def samples_of(
    which: Path, recipe: Recipe, only: set[str] | None = None
) -> dict[str, list[Sample]]:
    """Task → samples of one evaluation, in the order of the recipe; empty where it is not whole.

    ``only``: these tasks.
    """
    keys = [task for task in tasks_of(recipe) if only is None or task in only]
    if not all((which / f"{task}.json").exists() for task in keys):
        return {}
    return {task: read_samples(which, task) for task in keys}
