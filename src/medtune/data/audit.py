"""audit.json: every figure of preparation, as an ethics board could read it.

The keys of the file are the fields' names, or their aliases.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from medtune.files import read_as, write_json

Number = int | float
_Part = TypeVar("_Part")
# On disk an empty object stands for "there is none".
OrEmpty = Annotated[
    _Part | None,
    BeforeValidator(lambda value: value or None),
    PlainSerializer(lambda part: {} if part is None else part),
]


class AuditPart(BaseModel):
    """A frozen record; keys that a later version may add are passed over."""

    model_config = ConfigDict(
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class SourceFile(AuditPart):
    """What was read: a file, or several below one directory."""

    name: str
    sha256: str
    """Of the bytes; of several files, of their names and hashes in order."""
    rows: int


class SourceAudit(AuditPart):
    """One source of the recipe."""

    name: str
    licence: str
    published: str = ""
    columns: dict[str, str]
    """Part of a conversation → the column that was taken for it."""
    rows: int
    files: list[SourceFile]
    unused: dict[str, int] = {}
    """Column that is not used, or a field of a turn → rows in which it holds something."""
    disagreeing_answers: int = 0
    """Rows whose answer as a letter or number was taken, and whose answer as a text is no or
    another option."""
    unreadable: dict[str, int] = {}
    """Reason → records of a clinical file that could not be read."""
    unreadable_at: list[str] = []
    """File and record of the first of these."""
    not_read: dict[str, int] = {}
    """Kind of record or attachment that is not read → how many."""


class RowCounts(AuditPart):
    """Rows; read = drawn + not drawn + all that were dropped."""

    read: int
    usable: int
    drawn: int
    not_drawn: int


class RepairExample(AuditPart):
    """A text around its first change, identifiers masked."""

    location: str = Field(alias="place")
    """File and row."""
    before: str
    after: str


class RuleAudit(AuditPart):
    """What one cleaning rule changed."""

    rows: int
    texts: int
    characters: int
    """Characters more or fewer, added up."""
    examples: list[RepairExample]


class LearnedPhrases(AuditPart):
    """Phrases at the edges of a source's answers → how often seen in the sample."""

    opening: dict[str, int]
    closing: dict[str, int]
    proposed: dict[str, int] = {}
    """Phrases that may say something, and were left."""


class ProposedRepair(AuditPart):
    """A repair of one source that was not done: what it would change may say something."""

    source: str
    rule: str
    """What ``data.clean.approve`` has to name so that it is done."""
    answers: int
    of: int
    """Answers of the source; for boilerplate those of the sample."""


class CleaningAudit(AuditPart):
    """What cleaning did, and what of it was switched off."""

    rules: dict[str, RuleAudit]
    off: list[str]
    boilerplate: dict[str, LearnedPhrases]
    proposed: list[ProposedRepair] = []
    cut_off_answers: int
    """Answers in prose that end without a full stop."""
    cut_off_policy: str


class DuplicateCounts(AuditPart):
    """Usable rows that repeat an earlier one exactly or almost, or contradict one."""

    same_question: int
    same_answer: int
    near_question: int
    near_answer: int
    questions_with_several_answers: int
    texts_with_several_labels: int


class NearDuplicateAudit(AuditPart):
    """The recipe's settings for texts that are almost the same."""

    policy: str
    threshold: float
    min_words: int


class ContradictionAudit(AuditPart):
    """Sets of rows that ask the same and are answered differently."""

    policy: str
    sets: int


class LabelCeiling(AuditPart):
    """What labels allow before anything is learnt."""

    rows: int
    texts: int
    classes: int
    largest: int
    """Rows of the largest class."""
    smallest: int
    majority_share: float
    """Accuracy of always naming the largest class."""
    texts_with_several_labels: int
    rows_sharing_text_with_another_label: int
    ceiling: float
    """Accuracy of a classifier that knows for every text its most frequent label."""


class LabelAudit(AuditPart):
    """The ceiling of all labelled rows as they came, and of those selected."""

    as_read: LabelCeiling | None
    selected: LabelCeiling | None
    label_sets: int
    """Rows that stand for several, answered by all their labels."""


class AnswerPositions(AuditPart):
    """Where the right options of multiple-choice questions stand, by letter."""

    rows: int
    counts: dict[str, int]
    even: dict[str, float]
    """What evenly spread answers would give: of n options each letter has 1/n."""


class Shortage(AuditPart):
    """A source or label with fewer usable rows than the recipe asks for."""

    asked: int
    usable: int = Field(alias="there")


class GroupAudit(AuditPart):
    """Groups of rows that are never divided between splits."""

    count: int
    largest: int
    group_by: list[str]
    entities: bool
    """Whether any row names its subject."""


class PublishedSplitAudit(AuditPart):
    """The parts in which rows were published, and what became of them."""

    policy: str
    """keep or ignore, as the recipe says."""
    rows: dict[str, int]
    """Part → usable rows that were published in it; ``none``: in no part."""
    unknown: int
    """Rows whose column names no part that is known; they are divided."""
    missing: list[str]
    """Parts that were not published, and are made of the training rows."""
    leaked: int
    """Held-out rows that shared a question, answer or subject with a training row as published."""
    left_out: int
    """Rows of train and validation that were left out for it."""

    def sentences(self) -> Iterator[str]:
        """What became of the parts, for people; nothing where all were published for training."""
        parts = counts_in_words(self.rows)
        if self.policy == "ignore":
            yield (
                f"the published split ({parts}) is ignored and all rows are divided anew "
                "(data.published_split): figures on these test rows are not those of the published "
                "test"
            )
        elif {"validation", "test"} & set(self.rows):
            missing = f"; {' and '.join(self.missing)} made from train" if self.missing else ""
            yield f"the published split is kept: {parts}{missing}"
        if self.unknown:
            yield (
                f"{counted(self.unknown, 'row')} in a split that is none of train, validation and "
                "test: divided like rows without one"
            )
        if self.leaked:
            yield (
                f"as published, {counted(self.leaked, 'held-out row')} shared a question, answer "
                f"or subject with training: {counted(self.left_out, 'row')} of train or validation "
                "left out"
            )


class DemonstrationAudit(AuditPart):
    """Demonstration questions, and the rows on their subjects that do not train."""

    questions: list[str]
    rows_kept_out_of_training: int


class LeakCounts(AuditPart):
    """Held-out rows that share a normalised text or subject with a training row."""

    question: int
    answer: int
    entity: int
    near: int
    """Rows that share almost a text."""
    any: int

    def parts(self) -> dict[str, int]:
        """What is shared → rows, without the sum."""
        return {name: getattr(self, name) for name in ("question", "answer", "entity", "near")}


class RandomSplitLeaks(LeakCounts):
    """The same, had the rows been split one by one at random."""

    share: float
    """``any`` as a fraction of the held-out rows."""


class IdentifierAudit(AuditPart):
    """Patients' identifiers seen by the scan."""

    policy: str
    counts: dict[str, int] = Field(alias="found")
    """Kind → how many."""
    rows: int
    """Rows with at least one."""


class WordCounts(AuditPart):
    """Words a text over the rows of a split."""

    median: Number
    p95: Number
    max: Number


class SplitAudit(AuditPart):
    """Rows, groups, labels and lengths of one split."""

    rows: int
    groups: int
    sources: dict[str, int]
    labels: dict[str, int]
    """Label → rows; empty where there are more than 60 labels."""
    question_words: WordCounts
    answer_words: WordCounts


class OverlapPair(AuditPart):
    """A training row and an item that share a run of words."""

    training: str
    item: str


class OverlapCounts(AuditPart):
    """Items of one set in the training rows."""

    items: int
    overlapping: int
    mostly: int
    """Items of which more than half the runs stand in training rows."""
    training_rows: int
    examples: list[OverlapPair]


class ContaminationAudit(AuditPart):
    """Overlap of training rows with held-out rows and benchmarks."""

    checked: bool
    ngram: int = 0
    """Words of a run."""
    sets: dict[str, OverlapCounts] = {}
    not_compared: list[str] = []


class ListedRow(AuditPart):
    """A row for a reader: excerpts, identifiers masked."""

    location: str = Field(alias="place")
    question: str
    answer: str


class Histogram(AuditPart):
    """Rows by tokens: bin i holds ``edges[i]`` < tokens ≤ ``edges[i + 1]``."""

    edges: list[int]
    counts: list[int]
    limit: int | None
    over_limit: int


class TokenLengths(AuditPart):
    """Tokens of a split's rows before any cutting."""

    rows: int
    median: Number
    p95: Number
    max: int
    tokens: int
    supervised_share: float
    histogram: Histogram


class TokenAudit(AuditPart):
    """Lengths under the recipe's model, and what the policy for overlong training rows costs."""

    max_length: int
    overlong: str
    truncated_rows: int
    truncated_tokens: int
    overlong_dropped: int
    lost_terminators: int
    splits: dict[str, TokenLengths]


class TextLoss(AuditPart):
    """What the model's tokenizer cannot say of the ``texts``."""

    texts: int
    characters: int
    with_unknown: int
    """Texts with tokens that it does not know."""
    unknown_tokens: int
    with_loss: int
    """Texts of which a character is gone when the tokens are read back."""
    lost_characters: int
    most_lost: dict[str, int]
    """The characters lost most often."""
    with_control_tokens: int
    """Texts that hold the characters of a control token, which are read as text."""
    control_tokens: int


class SplitTextLoss(AuditPart):
    """What the model's tokenizer loses of a split's prompts and answers."""

    prompts: TextLoss
    answers: TextLoss


class TemplateMark(AuditPart):
    """A mark of chat templates in the texts as they were read, before any repair."""

    mark: str
    family: str
    rows: int
    answers: int
    """Of these rows those with it in an answer."""
    at: list[str]
    """The first of these rows."""


class Audit(AuditPart):
    """What preparation read, repaired, left out, grouped and split."""

    sources: list[SourceAudit]
    rows: RowCounts
    dropped: dict[str, int]
    """Reason → rows."""
    cleaning: CleaningAudit
    duplicates: DuplicateCounts
    near_duplicates: NearDuplicateAudit
    contradictions: ContradictionAudit
    labels: OrEmpty[LabelAudit] = None
    answer_positions: OrEmpty[AnswerPositions] = None
    ending_with_a_user: int = 0
    """Conversations whose last turn nobody answers."""
    unfilled: dict[str, Shortage] = {}
    groups: GroupAudit
    published_split: OrEmpty[PublishedSplitAudit] = None
    """None where no row was published in a part."""
    demonstrations: DemonstrationAudit
    leaked: int
    leaked_by: LeakCounts | None = None
    leaked_share_of_a_random_split: float
    random_split: RandomSplitLeaks
    identifiers: IdentifierAudit
    splits: dict[str, SplitAudit]
    warnings: list[str]
    contamination: ContaminationAudit
    template_marks: list[TemplateMark] = []
    text_loss: dict[str, SplitTextLoss] = {}
    """By split, where a tokenizer is known."""
    near_duplicates_listed: list[list[ListedRow]]
    contradictions_listed: list[list[ListedRow]]

    def as_json(self) -> dict[str, Any]:
        """As it stands in audit.json; what was never set is left out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def write(self, file: Path) -> None:
        """Write audit.json, whole or not at all."""
        write_json(file, self.as_json())


class RunAudit(Audit):
    """The audit of a run: with token lengths under its model."""

    tokens: TokenAudit


def read_audit(file: Path) -> RunAudit:
    """The audit of a prepared run."""
    return read_as(file, RunAudit)


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 group, 2 groups."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counts_in_words(counts: Mapping[str, int], none: str = "nothing") -> str:
    """Counts in words, zeros left out."""
    parts = (f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)
    return ", ".join(parts) or none
