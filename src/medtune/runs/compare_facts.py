"""What a reader of a comparison is told beside the figures: losses over steps, tokens of answers, and what to mind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtune.conversation import read_conversations
from medtune.errors import MedtuneError
from medtune.files import read_json_lines, sha256_json
from medtune.models.opening import find
from medtune.progress import say
from medtune.recipe.schema import TaskSpec
from medtune.run_paths import RunPaths
from medtune.runs.contestants import Contestant, Run
from medtune.runs.ground import Ground
from medtune.runs.plan import Plan


def read_log(path: Path) -> list[Any]:
    """The lines of a training log; none where there is no log."""
    return read_json_lines(path) if path.exists() else []


def answer_tokens(contestant: Contestant) -> float | None:
    """Mean tokens of a generated answer, in the contestant's own tokens; None where it made none or they are unknown."""
    outputs = [s["output"] for samples in contestant.samples.values() for s in samples if s.get("output") is not None]
    if contestant.vocabulary is None or not outputs:
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(contestant.vocabulary))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(outputs, add_special_tokens=False)
    return sum(len(one.ids) for one in encoded) / len(outputs)


def curve_of(run: Run, contestant: Contestant) -> dict[str, Any]:
    """Losses of a run over its steps, and the tokens a byte of what it was validated on."""
    rows = read_log(run.paths.train / "metrics.jsonl")
    return {
        "name": run.name,
        "tokenizer": contestant.tokenizer,
        "loss_on": run.recipe.train.loss_on,
        "loss": [[row["step"], row["loss"]] for row in rows if "loss" in row],
        "validation": [[row["step"], row["validation_loss"]] for row in rows if "validation_loss" in row],
        "tokens_per_byte": _tokens_per_byte(run),
    }


def _tokens_per_byte(run: Run) -> float | None:
    """Learnt tokens of the validation rows, cut as in training, for each byte of their text; None for a remote model.

    A turn's terminator is a token without bytes: predicting the end counts, as it does in the loss.
    """
    items = read_conversations(run.paths.data / "validation.parquet")
    if run.recipe.model.endpoint or not items:
        return None
    try:
        encoder: Any = Plan(run.recipe, find(run.recipe.model), None).encoder()
    except MedtuneError as error:
        say(f"{run.name}: no loss a byte, its base is not to be had ({error.what})")
        return None
    tokens = size = 0
    for item in items:
        row = encoder.encode(item)
        ids = row.target if hasattr(row, "target") else row.ids[row.supervised]
        tokens += len(ids)
        size += len(str(encoder.tokenizer.decode(ids, skip_special_tokens=True)).encode())
    return tokens / size if size else None


def notes_on(there: Sequence[Contestant], runs: Sequence[Run], ground: Ground) -> list[str]:
    """What a reader must know before comparing."""
    notes = []
    for key in ground.tasks:
        missing = [c.name for c in there if not c.samples.get(key)]
        if missing:
            notes.append(f"{key}: not measured for {', '.join(missing)}.")
        ways = {sha256_json(_way(c.settings[key])): _way(c.settings[key]) for c in there if key in c.settings}
        if len(ways) > 1:
            differing = sorted(
                {n for way in ways.values() for n in way if len({str(w.get(n)) for w in ways.values()}) > 1}
            )
            notes.append(
                f"{key}: measured with different settings ({', '.join(differing)}); --on measures all with one."
            )
    others = sorted({key for c in there for key in c.samples if key not in ground.tasks})
    if others:
        notes.append(f"Not compared, since {ground.recipe.name} does not have it: {', '.join(others)}.")
    if len({_hash_of(run.paths) for run in runs}) > 1:
        notes.append("The runs were validated on different rows: their validation losses are not of the same items.")
    if len({run.recipe.train.loss_on for run in runs}) > 1:
        notes.append("Some runs learn answers alone, others whole texts: their losses are not of the same tokens.")
    return notes


def _way(settings: dict[str, Any]) -> dict[str, Any]:
    """What answers depend on, beside the model: seeds are in the sampled ones, which are for reading."""
    decoding = {k: v for k, v in settings["decoding"].items() if k not in ("temperature", "top_p")}
    spec = dict(TaskSpec.model_validate(settings["spec"])) if settings.get("spec") else {}
    return decoding | {k: v for k, v in spec.items() if k not in ("limit", "name")}


def _hash_of(paths: RunPaths) -> str:
    return sha256_json([item.as_dict() for item in read_conversations(paths.data / "validation.parquet")])
