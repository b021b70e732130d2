"""From what a recipe or a person names to something that answers: weights on this machine, or a model behind an endpoint."""

from typing import TYPE_CHECKING

from medtune.models.loading import Located, locate, read_config
from medtune.models.remote import Remote
from medtune.recipe.schema import Model

if TYPE_CHECKING:
    from medtune.models.protocol import LanguageModel

Found = Located | Remote


def find(model: Model) -> Found:
    """The model of a recipe. Raises ``ModelError`` where it is not to be had; a remote one is not asked yet."""
    if model.endpoint:
        return Remote(model.name, model.endpoint, model.prompt)
    return locate(model.name, model.revision)


def open_model(
    found: Found, model: Model, *, batch_size: int, dtype: str = "auto", trained: bool = False
) -> "LanguageModel":
    """The model ready to be measured. A ``trained`` one brings its own chat template and prompt."""
    if isinstance(found, Remote):
        from medtune.models.endpoint import EndpointModel

        return EndpointModel(found)
    from medtune.models.precision import evaluation_dtype

    template, prompt = ("auto", None) if trained else (model.chat_template, model.prompt)
    if read_config(found).is_encoder_decoder:
        from medtune.models.seq2seq import Seq2SeqModel

        return Seq2SeqModel.load(found, evaluation_dtype(found, dtype), batch_size, template, prompt)
    from medtune.models.local import LocalModel

    return LocalModel.load(found, evaluation_dtype(found, dtype), batch_size, template, prompt)
