"""From what a recipe or a person names to something that answers: weights on this machine, or a model behind an endpoint."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.models.loading import Located, locate, read_config
from medtune.models.remote import FILE, Remote, read_remote
from medtune.progress import say
from medtune.recipe.schema import Model

if TYPE_CHECKING:
    from medtune.models.protocol import LanguageModel

Found = Located | Remote


def find(model: Model) -> Found:
    """The model of a recipe. Raises ``ModelError`` where it is not to be had; a remote one is not asked yet."""
    if model.endpoint:
        return Remote(model.name, model.endpoint, model.prompt, chat_template=model.chat_template)
    remote = trained_remotely(model.name)
    if remote:
        return remote
    return replace(
        locate(model.name, model.revision),
        quantization=model.quantization,
        double_quantization=model.double_quantization,
    )


def trained_remotely(name: str) -> Remote | None:
    """The model behind an endpoint that a run's or a model's directory tells of, if it is such a one."""
    place = remote_place(name)
    return read_remote(place) if place else None


def remote_place(name: str) -> Path | None:
    """The directory that tells of a model behind an endpoint: a run's ``model``, or the one named."""
    return next((place for place in (Path(name) / "model", Path(name)) if (place / FILE).is_file()), None)


def open_model(
    found: Found,
    model: Model,
    *,
    batch_size: int,
    dtype: str = "auto",
    trained: bool = False,
    to_train: bool = False,
    cache: Path | None = None,
) -> "LanguageModel":
    """The model ready to be measured. A ``trained`` one brings its own chat template and prompt.

    One that is ``to_train`` and cannot be is refused before it is measured.

    What it answers is kept in the directory ``cache``, item by item, and not computed (or paid for) again.
    """
    if isinstance(found, Remote):
        from medtune.models.endpoint import EndpointModel

        return EndpointModel(found, cache)
    opened = _open_local(found, model, batch_size, dtype, trained=trained, to_train=to_train)
    if cache is None:
        return opened
    from medtune.models.kept import KeptModel

    return KeptModel(opened, cache / f"results-{opened.fingerprint[:12]}.jsonl")


def _open_local(
    found: Located, model: Model, batch_size: int, dtype: str, *, trained: bool, to_train: bool
) -> "LanguageModel":
    from medtune.models.precision import evaluation_dtype

    template, prompt = ("auto", None) if trained else (model.chat_template, model.prompt)
    if read_config(found).is_encoder_decoder:
        from medtune.models.seq2seq import Seq2SeqModel

        return Seq2SeqModel.load(found, evaluation_dtype(found, dtype), batch_size, template, prompt)
    from medtune.models.local import LocalModel
    from medtune.models.selfcheck import NotByRowsError

    wanted = (found, evaluation_dtype(found, dtype), batch_size, template, prompt)
    try:
        return LocalModel.load(*wanted)
    except NotByRowsError:
        if to_train:
            raise
    # Here, where the error no longer holds the first copy of the weights.
    from medtune.models.plain import PlainModel

    say(f"{found.name}: its kind cannot be computed in packed rows; it is measured text by text, which is slower")
    return PlainModel.load(*wanted)
