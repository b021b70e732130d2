"""A pre-training run: corpus → tokenizer → training → held-out figures → a base model with its
card.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.cpu_threads import threads_text
from medtune.errors import DataError
from medtune.files import read_as, whole_directory, write_json, write_text
from medtune.models.load import load_tokenizer, load_weights, locate
from medtune.models.precision import compute_dtype
from medtune.progress import say
from medtune.recipe.read import to_yaml
from medtune.recipe.schema import PretrainRecipe
from medtune.report.cards import base_model_card
from medtune.runs.estimate import UTILISATION, matrix_peak
from medtune.runs.stage import RunDirectory, Stage, hardware, now, versions
from medtune.training.corpus import TokenizedCorpus, corpus_hash, read_corpus, tokenize_corpus
from medtune.training.memory_estimate import resident_bytes
from medtune.training.pretraining import (
    BaseModelFigures,
    Pretrainer,
    learnt_from,
    new_model,
    save_base_model,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel


LIBRARIES = ("torch", "transformers", "tokenizers")
BYTES_PER_TOKEN = 4.0  # of English under a vocabulary of some thousand tokens


def corpus_path(recipe: PretrainRecipe, data_dir: Path | None) -> Path:
    """The corpus, a file or a directory: a path, or a name in the data directory."""
    for path in (
        Path(recipe.corpus.source),
        *([data_dir / recipe.corpus.source] if data_dir else []),
    ):
        if path.is_file() or path.is_dir():
            return path
    raise DataError(
        f"there is no corpus {recipe.corpus.source}",
        where="corpus.source",
        fix="Give its path, or the directory that holds it with --data-dir or MEDTUNE_DATA.",
    )


def plan_pretraining(recipe: PretrainRecipe, path: Path) -> dict[str, str | int]:
    """What a pre-training needs, estimated from the size of its text; nothing is written."""
    documents = read_corpus(path, recipe.corpus)
    size = sum(len(document.text.encode()) for document in documents)
    tokens = int(size / BYTES_PER_TOKEN * (1 - recipe.corpus.held_out) * recipe.train.epochs)
    steps = min(tokens // recipe.train.batch_tokens, recipe.train.max_steps or tokens)
    shape, dtype = recipe.model, compute_dtype(recipe.train.dtype)
    layer = 4 * shape.width**2 + 3 * shape.width * shape.feed_forward
    parameters = shape.vocabulary * shape.width + shape.layers * layer
    seconds = (
        6 * parameters * steps * recipe.train.batch_tokens / (UTILISATION * matrix_peak(dtype))
    )
    # Activations: about 34 widths a layer and token (Korthikanti et al. 2022, arXiv:2205.05198,
    # halves counted).
    activations = 17 * dtype.itemsize * recipe.train.batch_tokens * shape.layers * shape.width
    return {
        "recipe": recipe.name,
        "documents": len(documents),
        "bytes": size,
        "estimated_parameters": parameters,
        "estimated_tokens": steps * recipe.train.batch_tokens,
        "estimated_steps": steps,
        "estimated_seconds": round(seconds),
        "estimated_memory_bytes": resident_bytes() + 18 * parameters + activations,
    }


def pretrain(recipe: PretrainRecipe, out: Path, data_dir: Path | None) -> BaseModelFigures:
    """Train (or go on training) a base model in ``out``; returns the figures of its card."""
    path = corpus_path(recipe, data_dir)
    run = RunDirectory(out)
    run.open()
    try:
        machine = hardware()
        say(f"threads: {threads_text(machine.threads)}")
        run.update(
            recipe=recipe.name,
            status="running",
            start=run.state().get("start", now()),
            versions=versions(),
            hardware=machine.as_json(),
        )
        write_text(run.recipe, to_yaml(recipe))
        run.train.mkdir(exist_ok=True)
        figures_path = run.train / "figures.json"
        inputs = {"recipe": learnt_from(recipe), "corpus": corpus_hash(path)}
        stage = Stage("pretrain", inputs, (run.model, figures_path), LIBRARIES)
        run.perform(stage, lambda: _train(recipe, path, run, figures_path))
        run.update(status="complete", end=now())
        return read_as(figures_path, BaseModelFigures)
    except BaseException as error:
        run.update(
            status="interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed"
        )
        raise
    finally:
        run.close()


def _train(recipe: PretrainRecipe, path: Path, run: RunDirectory, figures_path: Path) -> None:
    model, corpus, tokenizer = _beginning(recipe, path, run)
    trainer = Pretrainer(recipe, model, corpus, run.train)
    count = sum(p.numel() for p in model.parameters())
    say(f"{count:,} parameters; {trainer.steps:,} steps of {trainer.units_per_step:,} tokens")
    trainer.run()
    with whole_directory(run.model) as directory:
        figures = save_base_model(trainer, tokenizer, directory)
        write_text(directory / "README.md", base_model_card(recipe, figures))
    write_json(figures_path, figures.model_dump(mode="json"))


def _beginning(
    recipe: PretrainRecipe, path: Path, run: RunDirectory
) -> tuple["PreTrainedModel", TokenizedCorpus, Any]:
    """A new model with a tokenizer of its own, or an existing one to go on from."""
    if recipe.model.continue_from:
        located = locate(recipe.model.continue_from)
        corpus, tokenizer = tokenize_corpus(recipe, path, run.train, load_tokenizer(located))
        return load_weights(located, compute_dtype(recipe.train.dtype), "sdpa"), corpus, tokenizer
    corpus, tokenizer = tokenize_corpus(recipe, path, run.train, None)
    special = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")
    }
    return new_model(recipe, len(tokenizer), special), corpus, tokenizer
