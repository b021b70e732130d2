"""`model`: the language model to start from, here or behind an endpoint, and how questions are
put to it.
"""

from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from medtune.recipe.base import Positive, Section
from medtune.recipe.extensions import check_extension


class Endpoint(Section):
    """A service that serves the model over the OpenAI-compatible interface. Only with this are
    texts sent anywhere.
    """

    base_url: str = Field(
        description="Such as https://api.openai.com/v1 or http://localhost:8000/v1."
    )
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        description="Environment variable that holds the key. The key itself is written nowhere.",
    )
    concurrency: Positive = Field(4, description="Requests under way at once.")
    max_retries: Annotated[int, Field(ge=0)] = Field(
        5,
        description="Of one request, with growing pauses or those that the service asks for "
        "(Retry-After), up to ten minutes each.",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        60, description="Seconds that one request may take."
    )
    likelihoods: Literal["none", "echo"] = Field(
        "none",
        description="echo: the server's completions route says a prompt back with "
        "log-probabilities (vLLM does), so tasks "
        "of likelihood are measured too; model.chat_template must name the model's family.",
    )


class Model(Section):
    """The language model to start from."""

    name: str = Field(
        description="`medtune-base`, a name of `medtune models list`, a `.gguf` file, a local "
        "directory, or a name on the model hub."
    )
    revision: str | None = Field(None, description="A commit or tag on the hub.")
    endpoint: Endpoint | None = Field(
        None, description="Where a remote model is served; null: the model runs on this machine."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Weights while computing; auto: bfloat16 where the machine multiplies it "
        "fast, else float32. "
        "float16 trains with loss scaling, and is refused for T5.",
    )
    chat_template: Annotated[
        Literal[
            "auto",
            "plain",
            "alpaca",
            "chatml",
            "gemma",
            "llama-2",
            "llama-3",
            "mistral",
            "phi-3",
            "qwen2.5",
            "zephyr",
        ]
        | Annotated[str, AfterValidator(partial(check_extension, "model.chat_template"))],
        Field(union_mode="left_to_right"),
    ] = Field(
        "auto",
        description="How turns are written; auto: the tokenizer's own, else by its vocabulary's "
        "turn markers, else plain. Or one of a module, as module:NAME.",
    )
    prompt: str | None = Field(
        None,
        description="How a question is put to the model, with {question} in its place, such as "
        "'Medical question: {question}'; null: the question alone.",
    )
    quantization: Literal["nf4", "int8"] | None = Field(
        None,
        description="Frozen weights in 4 bits (NF4) or 8 bits through bitsandbytes; method qlora "
        "takes nf4.",
    )
    double_quantization: bool = Field(
        True, description="With nf4: the scales are quantized too (QLoRA)."
    )

    @field_validator("prompt")
    @classmethod
    def _has_question(cls, value: str | None) -> str | None:
        if value is not None and value.count("{question}") != 1:
            raise ValueError("the prompt must hold {question} once")
        return value
