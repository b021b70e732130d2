"""From what a recipe or a person names to something that answers: weights on this machine, or a
model behind an endpoint.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from medtune.errors import ModelError, RecipeError
from medtune.files import read_json, sha256_json, write_json
from medtune.models.load import (
    LocalModelRef,
    load_tokenizer,
    loaded_fingerprint,
    locate,
    read_config,
)
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Evaluate, Model
from medtune.tokens.render import check_template_named

ENDPOINT_FILE = "endpoint.json"


@dataclass(frozen=True)
class EndpointRef:
    """Stands where a ``LocalModelRef`` stands for a model on this machine.

    Its weights cannot be seen, so they have no hash.

    ``system`` is the system message that a tuned model was trained with, where it is known.
    ``chat_template`` names the family by which conversations are written out where the endpoint
    gives likelihoods of texts.
    """

    name: str
    endpoint: Endpoint
    prompt: str | None = None
    system: str | None = None
    chat_template: str = "auto"

    def __post_init__(self) -> None:
        """Raises ``ModelError`` where a secret stands in the place of a name, before it is
        written anywhere.
        """
        if not self.endpoint.api_key_env.isidentifier():
            raise ModelError(
                "this is no name of an environment variable",
                where="model.endpoint.api_key_env",
                fix="Name the variable that holds the key, such as OPENAI_API_KEY; "
                "never the key itself.",
            )
        address = urlsplit(self.endpoint.base_url)
        if (
            address.scheme not in ("http", "https")
            or not address.hostname
            or address.username
            or address.password
        ):
            raise ModelError(
                "this is no address of a service",
                where="model.endpoint.base_url",
                fix="It begins with http:// or https://, ends in /v1 as a rule, "
                "and holds no password.",
            )

    @property
    def libraries(self) -> tuple[str, ...]:
        """None: it is computed elsewhere."""
        return ()

    def weights_hash(self) -> str:
        """Empty: a service shows no weights."""
        return ""

    def fingerprint(self) -> str:
        """SHA-256 over name, address and prompt: all that is known here of the model."""
        return sha256_json(["remote", self.name, self.endpoint.base_url, self.prompt])

    def measured_fingerprint(self) -> str:
        """``fingerprint`` and how likelihoods are asked for: what is measured depends on it,
        training and answers do not.
        """
        if self.endpoint.likelihoods == "none":
            return self.fingerprint()
        return sha256_json([self.fingerprint(), self.endpoint.likelihoods, self.chat_template])

    def behaviour_hash(self) -> str:
        """SHA-256 over the prompt: a service shows neither tokenizer nor template."""
        return sha256_json(["remote", self.prompt])

    def write(self, directory: Path) -> None:
        """endpoint.json in ``directory``.

        The key is not in it, only the name of its variable.
        """
        values = {"name": self.name, "endpoint": self.endpoint.model_dump(mode="json")}
        known = {"prompt": self.prompt, "system": self.system, "chat_template": self.chat_template}
        write_json(directory / ENDPOINT_FILE, values | known)


def read_endpoint_ref(directory: Path) -> EndpointRef:
    """What ``EndpointRef.write`` wrote.

    Raises ``ModelError`` where the file is not of that form.
    """
    try:
        values = read_json(directory / ENDPOINT_FILE)
        endpoint = Endpoint.model_validate(values["endpoint"])
        template = str(values.get("chat_template", "auto"))
        return EndpointRef(
            str(values["name"]), endpoint, values.get("prompt"), values.get("system"), template
        )
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{ENDPOINT_FILE} does not name a model behind an endpoint",
            where=str(directory),
            fix="Train again, or repair the file.",
        ) from error


def check_endpoint_tasks(evaluate: Evaluate, remote: EndpointRef | None = None) -> None:
    """Raises ``RecipeError`` where an evaluation asks what an endpoint cannot answer, before
    anything is sent.

    Without ``remote``, it is one that gives no likelihoods.
    """
    if remote and remote.endpoint.likelihoods == "echo":
        check_template_named(remote.chat_template)
    else:
        _check_generates(evaluate)
    fault = refused_decoding(evaluate.decoding.beams, evaluate.decoding.no_repeat_ngram)
    if fault:
        raise RecipeError(
            f"a chat endpoint has no {fault}", where="evaluate.decoding", fix="Leave it out."
        )


def _check_generates(evaluate: Evaluate) -> None:
    """Raises ``RecipeError`` at the first task that needs likelihoods."""
    for spec in evaluate.tasks:
        task = spec.declared
        if task.needs(spec) == "generation":
            continue
        raise RecipeError(
            f"{spec.key} needs likelihoods, and a chat endpoint gives none",
            where="evaluate.tasks",
            fix=f"{task.without_likelihoods} Or, where the server echoes log-probabilities: "
            "model.endpoint.likelihoods: echo.",
        )


def refused_decoding(beams: int, no_repeat_ngram: int) -> str | None:
    """The setting that a chat endpoint does not know, if one is used."""
    if beams > 1:
        return f"beam search (beams: {beams})"
    return f"no_repeat_ngram ({no_repeat_ngram})" if no_repeat_ngram else None


if TYPE_CHECKING:
    from medtune.models.interface import LanguageModel

ModelRef = LocalModelRef | EndpointRef


def resolve_model(model: Model) -> ModelRef:
    """The model of a recipe.

    Raises ``ModelError`` where it is not to be had; a remote one is not asked yet.
    """
    if model.endpoint:
        return EndpointRef(
            model.name, model.endpoint, model.prompt, chat_template=model.chat_template
        )
    remote = trained_endpoint_ref(model.name)
    if remote:
        return remote
    return replace(
        locate(model.name, model.revision),
        quantization=model.quantization,
        double_quantization=model.double_quantization,
    )


def trained_endpoint_ref(name: str) -> EndpointRef | None:
    """The model behind an endpoint that a run's or a model's directory names.

    None where it names none.
    """
    directory = endpoint_ref_directory(name)
    return read_endpoint_ref(directory) if directory else None


def endpoint_ref_directory(name: str) -> Path | None:
    """The directory with an endpoint.json: a run's ``model``, or the one named."""
    directories = (Path(name) / "model", Path(name))
    return next((path for path in directories if (path / ENDPOINT_FILE).is_file()), None)


def open_model(
    ref: ModelRef,
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

    With a directory ``cache``, results are kept there item by item and neither computed nor paid
    for again, and the weights are read only when an item is not there.
    """
    if isinstance(ref, EndpointRef):
        from medtune.models.endpoint import EndpointModel

        return EndpointModel(ref, cache)
    from medtune.models.precision import evaluation_dtype

    template, prompt = ("auto", None) if trained else (model.chat_template, model.prompt)
    settings = (ref, evaluation_dtype(ref, dtype), batch_size, template, prompt)
    encoder_decoder = bool(read_config(ref).is_encoder_decoder)
    load = partial(_load_encoder_decoder if encoder_decoder else _load_causal, *settings)
    load = load if encoder_decoder else partial(load, to_train=to_train)
    if cache is None:
        return load()
    from medtune.models.cache import CachedModel

    fingerprint = loaded_fingerprint(ref, load_tokenizer(ref, template, prompt), settings[1])
    return CachedModel(
        load,
        cache / f"results-{fingerprint[:12]}.jsonl",
        name=ref.name,
        fingerprint=fingerprint,
        text_likelihoods=not encoder_decoder,
    )


def _load_encoder_decoder(ref: LocalModelRef, *settings: Any) -> "LanguageModel":
    from medtune.models.encoder_decoder import Seq2SeqModel

    return Seq2SeqModel.load(ref, *settings)


def _load_causal(ref: LocalModelRef, *settings: Any, to_train: bool) -> "LanguageModel":
    from medtune.models.causal import CausalModel
    from medtune.models.packed_attention import PackingUnsupportedError

    try:
        return CausalModel.load(ref, *settings)
    except PackingUnsupportedError:
        if to_train:
            raise
    # Here, where the error no longer holds the first copy of the weights.
    from medtune.models.unpacked import UnpackedModel

    say(
        f"{ref.name}: its kind cannot be computed in packed rows; "
        "it is measured text by text, which is slower"
    )
    return UnpackedModel.load(ref, *settings)
