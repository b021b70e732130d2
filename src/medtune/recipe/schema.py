"""The one definition of a recipe, of the sections that stand beside it (``data.py``, ``model.py``,
``train.py``, ``evaluate.py``) and of ``statement``.

YAML, overrides, checks, help and the reference page all come from here.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from medtune.recipe.base import Section, Seed
from medtune.recipe.data import (
    Clean,
    Columns,
    Contamination,
    Data,
    NearDuplicates,
    SourceSpec,
    Split,
)
from medtune.recipe.evaluate import TOPICS, Arm, Chat, Decoding, Evaluate, JudgeSpec, TaskSpec
from medtune.recipe.model import Endpoint, Model
from medtune.recipe.train import (
    Architecture,
    Corpus,
    Hosted,
    Lora,
    Pretraining,
    PretrainRecipe,
    Train,
)

Said = Annotated[str, Field(min_length=1)] | None


class Statement(Section):
    """Free text by topic. Nothing here changes a figure."""

    purpose: Said = Field(None, description="The question that the study answers, and for whom.")
    population: Said = Field(
        None, description="Whose texts these are, and where the model would be used."
    )
    intended_use: Said = Field(None, description="What the model is meant for.")
    out_of_scope: Said = Field(None, description="What it must not be used for.")
    outcome: Said = Field(None, description="Why the measured outcomes matter in care.")
    annotation: Said = Field(
        None, description="Who labelled the data, how, and how far they agreed."
    )
    text_dates: Said = Field(None, description="Dates of the oldest and the newest text.")
    ethics: Said = Field(None, description="Approval or waiver of an ethics board.")
    funding: Said = Field(None, description="Who paid.")
    conflicts: Said = Field(None, description="Conflicts of interest.")
    protocol: Said = Field(None, description="Where the protocol can be read.")
    registration: Said = Field(None, description="Register and number of the study.")
    public_involvement: Said = Field(None, description="How patients and the public took part.")
    expertise: Said = Field(None, description="What a user must know to use the model.")
    next_steps: Said = Field(None, description="What comes next.")
    risk: Said = Field(None, description="Risk level, and who set it.")
    bias: Said = Field(None, description="What was done about bias.")
    resources: Said = Field(None, description="Papers, reviews and evidence about the model.")
    developer: Said = Field(None, description="Who made the model.")
    availability: Said = Field(None, description="Where the model can be had, in which countries.")
    approval: Said = Field(None, description="Approval by a regulator, or that there is none.")
    maintenance: Said = Field(
        None, description="Who watches over the model in use, and how often it is measured again."
    )
    robustness: Said = Field(
        None,
        description="What happened with empty, misspelt, over-long or foreign input, where "
        "somebody tried.",
    )
    contact: Said = Field(None, description="Whom to ask.")


__all__ = [
    "SHIPPED",
    "TOPICS",
    "AnyRecipe",
    "Architecture",
    "Arm",
    "Chat",
    "Clean",
    "Columns",
    "Contamination",
    "Corpus",
    "Data",
    "Decoding",
    "Endpoint",
    "Evaluate",
    "Hosted",
    "JudgeSpec",
    "Lora",
    "Model",
    "NearDuplicates",
    "PretrainRecipe",
    "Pretraining",
    "Recipe",
    "Section",
    "SourceSpec",
    "Split",
    "Statement",
    "TaskSpec",
    "Train",
]


class Recipe(Section):
    """A whole run: data, model, training and evaluation."""

    name: str = Field(
        pattern=r"^\w[\w.-]*$", description="Name of the run's directory below runs/."
    )
    description: str = Field("", description="One sentence for lists and for the report.")
    seed: Seed = Field(42, description="Seed of every random choice.")
    data: Data
    model: Model
    train: Train = Field(default_factory=Train)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    chat: Chat = Field(default_factory=Chat)
    statement: Statement = Field(default_factory=Statement)

    @model_validator(mode="before")
    @classmethod
    def _qlora_is_quantized(cls, values: Any) -> Any:
        """QLoRA means NF4: written out, so that the resolved recipe says so."""
        train, model = (
            values.get(key) if isinstance(values, dict) else None for key in ("train", "model")
        )
        if isinstance(train, dict) and train.get("method") == "qlora" and isinstance(model, dict):
            return values | {"model": {**model, "quantization": model.get("quantization") or "nf4"}}
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        method, model, split = self.train.method, self.model, self.data.split
        if (method == "hosted") != (model.endpoint is not None):
            raise ValueError(
                "train.method: hosted and model.endpoint belong together: both or neither"
            )
        repeated = self.evaluate.seeds > 1 or self.evaluate.learning_curve
        if repeated and (method == "hosted" or self.train.trackers):
            kind = "hosted training" if method == "hosted" else "train.trackers"
            raise ValueError(
                f"evaluate.seeds and evaluate.learning_curve repeat the training: not with {kind}"
            )
        if not split.test and self.evaluate.split == "test":
            raise ValueError(
                "data.split: test must be above 0 (only evaluate.split: train does without)"
            )
        return self

    @property
    def training_seed(self) -> int:
        """Seed of the training alone, else the recipe's."""
        return self.seed if self.train.seed is None else self.train.seed


AnyRecipe = Recipe | PretrainRecipe
SHIPPED = Path(__file__).parent / "shipped"
