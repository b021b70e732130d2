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
from medtune.runs.stage import RunDirectory, Stage, hardware, now, versions
from medtune.training.corpus import TokenizedCorpus, corpus_hash, tokenize_corpus
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
