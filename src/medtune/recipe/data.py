"""`data`: where the conversations come from, how they are cleaned, and how they are split."""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from medtune.recipe.base import Positive, Section, Share, as_list, off


class Columns(Section):
    """Which column of a file plays which part. Left out: columns are recognised by their usual
    names.
    """

    question: str | None = Field(None, description="What the user asks.")
    answer: str | None = Field(None, description="The answer to learn.")
    context: str | None = Field(
        None, description="Text put before the question, such as a passage or a report."
    )
    system: str | None = Field(None, description="A system message, row by row.")
    messages: str | None = Field(
        None, description="A whole conversation: a list of {role, content} or {from, value}."
    )
    entity: str | None = Field(
        None, description="What the row is about (a disease); rows of one entity stay together."
    )
    label: str | None = Field(None, description="A class, used to stratify.")
    id: str | None = Field(None, description="The row's own identifier.")
    split: str | None = Field(
        None, description="The part that the row was published in: train, validation or test."
    )


class Split(Section):
    """Shares of the groups in each split. A group never lies in two splits."""

    train: Share = Field(0.8, description="Share for training.")
    validation: Share = Field(0.1, description="Share for validation during training.")
    test: Share = Field(0.1, description="Share for the measurement before and after.")
    group_by: list[Literal["question", "answer", "entity"]] = Field(
        default=["question", "answer", "entity"],
        description="Rows that share one of these after normalisation form one group.",
    )

    @model_validator(mode="after")
    def _shares(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
        if not self.train:
            raise ValueError("train must be above 0")
        return self


class Where(Section):
    """Which rows are kept, by exact values after cleaning; null: all."""

    id: list[str] | None = Field(None, description="The rows' own identifiers.")
    label: list[str] | None = Field(None, description="Labels.")
    entity: list[str] | None = Field(None, description="What rows are about.")


class SourceSpec(Section):
    """One source of several, with its part in the mixture, and how it is read where that is not
    as `data` says.
    """

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: str = Field(description="A known source, a file, or a directory of MedQuAD XML.")
    columns: Columns | None = Field(
        None, description="Column names of this file; null: those of data.columns."
    )
    rows: Positive | None = Field(
        None, description="Rows to draw from it, by seed and stratified; null: all."
    )
    weight: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Its part in the mixture against the other weights; the scarcest source sets "
        "the total.",
    )
    as_: Literal["notes", "qa", "classification"] | None = Field(
        None, alias="as", description="What its documents become; null: as data.as says."
    )
    label: str | None = Field(None, description="Its label; null: data.label.")
    section: str | None = Field(None, description="Its section; null: data.section.")
    encoding: str | None = Field(None, description="Its encoding; null: data.encoding.")
    sheet: str | None = Field(None, description="Its sheet; null: data.sheet.")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _short(self, serialize: SerializerFunctionWrapHandler) -> Any:
        """A source without a part of its own is written as its name."""
        values = serialize(self)
        return (
            self.name
            if all(value is None for key, value in values.items() if key != "name")
            else values
        )


RepairName = Literal[
    "encoding", "line_endings", "literal_newlines", "markup", "brands", "leftovers", "tables",
    "comma_breaks", "blanks", "boilerplate",
]  # fmt: skip


class Clean(Section):
    """Repairs of texts, each counted and shown with examples in the audit; each can be switched
    off.
    """

    encoding: bool = Field(
        True, description="Text decoded wrongly somewhere before (mojibake), by ftfy."
    )
    line_endings: bool = Field(
        True, description="\\r\\n, \\r and Excel's _x000D_ become line breaks."
    )
    literal_newlines: bool = Field(
        True, description="A backslash followed by n that was meant as a line break."
    )
    markup: bool = Field(
        True, description="HTML tags and entities, wiki links, templates, headings and quotes."
    )
    brands: list[str] = Field(
        default=["Chat Doctor", "ChatDoctor"],
        description="Names spliced into texts, also inside words: taken out. An empty list "
        "switches it off.",
    )
    leftovers: bool = Field(
        True, description="What pointed at a web page: watch the video, click here, <link>."
    )
    tables: bool = Field(True, description="The flattened symptom tables of MedQuAD become lists.")
    comma_breaks: bool = Field(
        True, description="Commas that were line breaks (MTSamples) become line breaks."
    )
    blanks: bool = Field(
        True, description="Runs of blanks, blanks at edges and before a closing question mark."
    )
    labels: bool = Field(True, description="Blanks around and in labels.")
    boilerplate: bool = Field(
        True,
        description="Greetings, thanks and good-byes at the edges of answers, learned from each "
        "source.",
    )
    boilerplate_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01,
        description="A short sentence at the edge of this share of a source's answers is "
        "boilerplate.",
    )
    approve: list[RepairName] = Field(
        default=[],
        description="Repairs that the audit proposes and leaves undone, because in more than 3 % "
        "of a source's answers they would change figures, units, signs or denials (boilerplate: "
        "take away sentences that are no courtesies): those named here are done.",
    )
    cut_off: Literal["keep", "trim", "drop"] = Field(
        "keep",
        description="Answers that end without a full stop: count only, cut to the last whole "
        "sentence, drop.",
    )
    min_answer_words: Annotated[int, Field(ge=0)] = Field(
        2, description="Answers of fewer words are left out (labels and options are not)."
    )


class NearDuplicates(Section):
    """Texts that share most of their three-word shingles, found by MinHash (Broder 1997)."""

    policy: Annotated[Literal["group", "drop", "off"], BeforeValidator(off)] = Field(
        "group",
        description="Keep near-duplicates in one group, keep only the first answer of each, or "
        "do not look.",
    )
    threshold: Annotated[float, Field(ge=0.3, le=1)] = Field(
        0.8, description="Jaccard similarity from which on."
    )
    min_words: Annotated[int, Field(ge=3)] = Field(
        12,
        description="Shorter texts are compared exactly only: questions alike in form ask for "
        "different things.",
    )


class Contamination(Section):
    """Overlap of training rows with held-out rows and with public benchmarks: counted and
    listed, never hidden.
    """

    check: bool = Field(True, description="Whether to look.")
    against: list[str] | None = Field(
        None,
        description="Benchmarks, by known name or file; null: those that are here (medqa, "
        "medmcqa, pubmedqa, mmlu_medical).",
    )
    ngram: Annotated[int, Field(ge=5)] = Field(
        13, description="Words in a row that count as overlap."
    )


class Data(Section):
    """Where the conversations come from and how they are split."""

    model_config = ConfigDict(serialize_by_alias=True)

    source: Annotated[list[SourceSpec], BeforeValidator(as_list)] = Field(
        min_length=1,
        description="A known source (`curated`, `medquad`), a file (.csv .tsv .json .jsonl "
        ".parquet), a directory of "
        "MedQuAD XML, or a list of these; a source may be `{name: …, rows: …}` or `{name: …, "
        "weight: …}`.",
    )
    columns: Columns = Field(default_factory=Columns, description="Column names of your own file.")
    as_: Literal["notes", "qa", "classification"] | None = Field(
        None,
        alias="as",
        description="What documents of a clinical format (FHIR, HL7 v2, C-CDA, PubMed …) become: "
        "`notes` to write, `qa` (the section `data.section` from the others, or a title's text), "
        "`classification` (text to `data.label`); null: classification where a label is named, "
        "else what the format is for.",
    )
    label: str | None = Field(
        None,
        description="The coded field of a clinical document that is the label, such as "
        "`Composition.type`.",
    )
    section: str | None = Field(
        None, description="The section of a clinical document that is the answer."
    )
    on_error: Literal["stop", "skip"] = Field(
        "stop",
        description="A record of a clinical file that cannot be read: stop, or leave it out, "
        "counted.",
    )
    encoding: str = Field(
        "auto",
        description="Encoding of text files; auto: by mark, UTF-8, else Windows-1252 where the "
        "bytes allow it, and said.",
    )
    sheet: str | None = Field(
        None, description="Sheet of a spreadsheet; null: the only one that holds something."
    )
    clean: Clean = Field(default_factory=Clean, description="Repairs of the texts.")
    near_duplicates: NearDuplicates = Field(
        default_factory=NearDuplicates, description="Texts that are almost the same."
    )
    contradictions: Literal["group", "first", "drop", "label_sets"] = Field(
        "group",
        description="One question with several answers, one text with several labels: keep all "
        "in one group, keep the "
        "first, drop them, or make one row with the set of its labels.",
    )
    contamination: Contamination = Field(
        default_factory=Contamination, description="Overlap with held-out texts."
    )
    system_prompt: str | None = Field(
        None, description="A system message put before every conversation without one."
    )
    limit: Positive | None = Field(
        None, description="Rows to keep, drawn by seed and stratified, never the first n."
    )
    where: Where = Field(default_factory=Where, description="Which rows are kept at all.")
    per_label: Positive | None = Field(
        None, description="Rows to keep of each label, drawn by seed."
    )
    stratify_by: Literal["auto", "label", "source", "none"] = Field(
        "auto",
        description="What `limit` and the split keep in proportion; auto: the label where there "
        "is one, else source.",
    )
    split: Split = Field(default_factory=Split, description="How the rows are divided.")
    published_split: Literal["keep", "ignore"] = Field(
        "keep",
        description="The parts that rows were published in (a column `split`, files named train, "
        "validation, test): keep them, and make only those that are missing from train; or divide "
        "all rows anew.",
    )
    overlong: Literal["truncate", "drop", "error"] = Field(
        "truncate",
        description="A training row longer than `train.max_length`: cut it, leave it out, or stop.",
    )
    identifiers: Annotated[
        Literal["off", "report", "mask", "drop", "refuse"], BeforeValidator(off)
    ] = Field(
        "report",
        description="Patients' identifiers that a scan can see (names in context, dates, ages "
        "over 89, numbers, addresses): "
        "count them, replace them, drop the row, or stop. An aid, not a guarantee.",
    )

    @model_validator(mode="after")
    def _mixture(self) -> "Data":
        weighted = sum(source.weight is not None for source in self.source)
        if weighted and weighted != len(self.source):
            raise ValueError("give every source a weight, or none")
        if any(source.weight is not None and source.rows is not None for source in self.source):
            raise ValueError("a source takes rows or weight, not both")
        if len({(source.name, source.sheet) for source in self.source}) < len(self.source):
            raise ValueError("a source is there twice")
        return self
