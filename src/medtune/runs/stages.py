"""The stages of a run, one function each: what it reads, what it makes, where it writes."""

import csv
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from medtune.conversation import Conversation, read_conversations
from medtune.errors import RunError
from medtune.evaluation.evaluate import evaluate, read_samples, score
from medtune.evaluation.published import figure_named
from medtune.evaluation.tasks import Task, task_of
from medtune.files import sha256_file, whole_directory, whole_file, write_json
from medtune.hosted.fine_tuning import train_hosted
from medtune.hosted.quote import endpoint_of
from medtune.models.adapters import add_lora, frozen_hash
from medtune.models.cache import CachedModel
from medtune.models.causal import CausalModel
from medtune.models.inference_settings import inference_settings_of
from medtune.models.load import LocalModelRef, load_tokenizer, load_weights
from medtune.models.open import ModelRef, open_model, resolve_model, trained_endpoint_ref
from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
from medtune.models.precision import compute_dtype
from medtune.models.saving import save_model
from medtune.progress import detail, say
from medtune.recipe.schema import Recipe
from medtune.report.loss_plots import write_loss_files
from medtune.runs.plan import Plan
from medtune.runs.preflight import memory_of, objective_of, require_fit
from medtune.runs.stage import RunDirectory
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


def evaluate_stage(plan: Plan, run: RunDirectory, which: str) -> None:
    """eval/before/ or eval/after/: the tasks on the test split, with the untouched or the
    trained model.
    """
    recipe = plan.recipe
    before = which == "before"
    found = plan.base if before else trained_model(plan, run)
    fingerprint = plan.base_fingerprint if before else found.fingerprint()
    directory = run.before if before else run.after
    items_file = run.data / f"{recipe.evaluate.split}.parquet"
    measured = TaskItems(recipe, run.data, plan.data_dir, run.root / "eval" / "judge")
    inputs = plan.evaluate_inputs(
        [sha256_file(items_file), *source_hashes(recipe, plan.data_dir)], fingerprint
    )
    with run.stage(f"evaluate_{which}", inputs, [directory]) as needed:
        if not needed:
            return
        wanted = recipe.evaluate
        cache = directory.parent  # answers that were paid for outlive a change of the tasks
        model = open_model(
            *(found, recipe.model),
            batch_size=wanted.batch_size,
            dtype=wanted.dtype,
            trained=not before,
            to_train=before,
            cache=cache,
        )
        for file in directory.glob("*.json*") if directory.exists() else []:
            if file.name.split(".")[0] not in {spec.key for spec in wanted.tasks}:
                file.unlink()
        results = evaluate(model, measured.jobs(), wanted.resamples, directory)
        evaluate(model, measured.validation_jobs(), wanted.resamples, directory / VALIDATION)
        for task, scores in results.items():
            for metric, score in scores.items():
                detail(f"  {task} {metric}: {score['value']:.4g} (n = {score['n']})")
        inner = model.model if isinstance(model, CachedModel) else model
        figures = [] if before else [figure_named(name) for name in wanted.published]
        for figure in figures:
            if figure.needs_trained_model and isinstance(inner, CausalModel):
                items = read_split(run, wanted.split)
                figure.measure(inner, items, measured.settings(), run.published)


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


def train_inputs_of(plan: Plan, run: RunDirectory) -> str:
    """Hash of everything that the training of a prepared run depends on."""
    return plan.train_inputs(
        {name: sha256_file(run.data / f"{name}.parquet") for name in ("train", "validation")}
    )


def train_stage(plan: Plan, run: RunDirectory, processes: Processes) -> None:
    """model/ and train/: the trained model, its log, loss.csv and trainer_stats.json."""
    inputs = train_inputs_of(plan, run)
    hosted = plan.recipe.train.method == "hosted"
    stats = run.train / "trainer_stats.json"
    outputs = [run.model, run.train / "loss.csv", stats]
    if processes.main:
        with run.stage("train", inputs, outputs) as needed:
            processes.sums([float(needed and not hosted)])
            if needed:
                # What was measured of another model.
                for old in (
                    run.after,
                    run.root / "eval" / "arms",
                    *run.root.glob("repeats/*/eval"),
                ):
                    shutil.rmtree(old, ignore_errors=True)
                for file in (
                    run.comparison,
                    run.root / "eval" / "confidence.json",
                    run.root / "eval" / "tables.json",
                ):
                    file.unlink(missing_ok=True)
                if hosted:
                    train_hosted(plan.recipe, run)
                else:
                    train(plan, run, processes, inputs)
        shutil.rmtree(run.train / "checkpoints", ignore_errors=True)  # they have served
    elif processes.sums([0.0])[0]:
        train(plan, run, processes, inputs)
    processes.wait()


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
            "memory is short: activations are recomputed in the backward pass (train.gradient_checkpointing)"
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
        f"{recipe.train.method} fine-tuning in {str(dtype).removeprefix('torch.')}: {trainable:,} trainable parameters, {len(rows):,} rows, "
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
        with whole_directory(run.model) as place:
            use = inference_settings_of(recipe) | {
                "revision": recipe.model.revision,
                "base_weights_sha256": plan.base_weights,
                "quantization": recipe.model.quantization,
                "double_quantization": recipe.model.double_quantization,
            }
            name = recipe.model.name
            save_model(
                model,
                tokenizer,
                place,
                str(Path(name).resolve()) if Path(name).is_dir() else name,
                use,
            )
        write_training_results(run, result, recipe.train.method, str(dtype), memory_before)
    processes.wait()


def write_training_results(
    run: RunDirectory, result: TrainingResult, method: str, dtype: str, memory_before: int = 0
) -> None:
    """loss.csv and trainer_stats.json."""
    rows = read_metrics(run.train / "metrics.jsonl")
    with (
        whole_file(run.train / "loss.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow(["Step", "Loss", "Validation loss"])
        writer.writerows([r["step"], r.get("loss", ""), r.get("validation_loss", "")] for r in rows)
    losses = [r["loss"] for r in rows if "loss" in r]
    stats: dict[str, Any] = asdict(result) | {
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
    """The base's weight files hash as they did at the start. Raises ``RunError`` otherwise."""
    if resolve_model(plan.recipe.model).weights_hash() != plan.base_weights:
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
) -> dict[str, list[dict[str, Any]]]:
    """Task → samples of one evaluation, in the order of the recipe; empty where it is not whole.

    ``only``: these tasks.
    """
    wanted = [task for task in tasks_of(recipe) if only is None or task in only]
    if not all((which / f"{task}.json").exists() for task in wanted):
        return {}
    return {task: read_samples(which, task) for task in wanted}


def scores_of(which: Path, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Task → scores, computed from the saved samples alone."""
    samples = samples_of(which, recipe)
    tasks = tasks_of(recipe)
    return {
        key: score(tasks[key], samples[key], recipe.evaluate.resamples, recipe.seed)
        for key in samples
    }
