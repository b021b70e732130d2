"""The data sets known by name: what they are, their licence, where they are published, in which
files they are found.
"""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from medtune.data.formats.tables import TABLE_SUFFIXES
from medtune.errors import DataError
from medtune.progress import say

SHIPPED = Path(__file__).parents[1] / "shipped"


@dataclass(frozen=True)
class Hub:
    """A data set repository on the hub, and which of its files are the rows (shell patterns)."""

    repo: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class KnownSource:
    """One data set, as published.

    ``files`` are names and patterns below the data directory, of which the first that matches
    anything is taken; ``{part}`` in one stands for each of ``parts``. A directory of the data set's
    own name may hold any of its forms. ``size`` counts the rows as published (nothing where
    unsure). ``header`` names the columns of a CSV without a line of names.
    """

    name: str
    title: str
    licence: str
    published: str
    columns: str
    files: tuple[str, ...]
    size: int | None = None
    hub: Hub | None = None
    packaged: bool = False
    parts: tuple[str, ...] = ()
    header: tuple[str, ...] = ()

    def find(self, data_dir: Path | None) -> Path | None:
        """Where it is: the first of its files that is here."""
        return next(iter(self.local_files(data_dir)), None)

    def local_files(self, data_dir: Path | None) -> list[Path]:
        """All of its files that are here, of the first form that is."""
        directory = SHIPPED if self.packaged else data_dir
        if directory is None or not directory.is_dir():
            return []
        for pattern in self.files:
            matches = {
                path
                for name in self.spelt(pattern)
                for path in directory.glob(name)
                if path.is_file()
            }
            if matches:
                return sorted(matches)
        return [] if self.packaged else table_files(directory / self.name)

    def rows(self) -> int | None:
        """Rows as published, or of the file that the package brings along."""
        path = self.find(None) if self.packaged else None
        return len(path.read_bytes().splitlines()) if path else self.size

    def spelt(self, pattern: str) -> list[str]:
        """A pattern with ``{part}`` written out."""
        return [pattern.replace("{part}", part) for part in self.parts or ("",)]

    def names_file(self, path: Path) -> bool:
        """Whether a file is named like a published one.

        A pattern that begins with a star names no file.
        """
        names = (
            name.rsplit("/", 1)[-1].lower()
            for pattern in self.files
            for name in self.spelt(pattern)
        )
        return any(fnmatch(path.name.lower(), name) for name in names if not name.startswith("*"))


def table_files(directory: Path) -> list[Path]:
    """All tables below a directory."""
    return sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file()
    )


__all__ = ["KNOWN", "SHIPPED", "KnownSource"]

MEDICAL_SUBJECTS = tuple(
    """
    anatomy clinical_knowledge college_biology college_medicine high_school_biology human_aging medical_genetics
    nutrition professional_medicine professional_psychology virology
    """.split()
)
_ACADEMIC = "academic use"
_MEADOW = "huggingface.co/datasets/medalpaca"

KNOWN = {
    source.name: source
    for source in (
        KnownSource(
            "curated",
            "Medical questions and answers written for medtune",
            "CC BY 4.0",
            "in the package",
            "question answer topic specialty question_type red_flag",
            ("curated.jsonl",),
            packaged=True,
        ),
        KnownSource(
            "notes",
            "Synthetic clinical notes by specialty, written for medtune",
            "CC BY 4.0",
            "in the package",
            "text specialty note_type synthetic",
            ("notes.jsonl",),
            packaged=True,
        ),
        KnownSource(
            "medquad",
            "MedQuAD: questions and answers from National Institutes of Health sites",
            "CC BY 4.0",
            "github.com/abachaa/MedQuAD (XML); as CSV on Kaggle",
            "question answer source focus_area",
            (
                "medquad.parquet",
                "medquad.csv",
                "MedQuAD.csv",
                "medDataset_processed.csv",
                "medquad/**/*.xml",
                "MedQuAD/**/*.xml",
                "MedQuAD-master/**/*.xml",
            ),
            size=47_441,
            hub=Hub("keivalya/MedQuad-MedicalQnADataset", ("medDataset_processed.csv",)),
        ),
        KnownSource(
            "wikidoc",
            "Medical Meadow WikiDoc: questions made from the paragraphs of a textbook",
            "CC BY-SA 3.0",
            f"{_MEADOW}/medical_meadow_wikidoc",
            "instruction input output",
            (
                "wikidoc.parquet",
                "medical_meadow_wikidoc.json",
                "medical_meadow_wikidoc.parquet",
                "wikidoc.csv",
            ),
            size=10_000,
            hub=Hub("medalpaca/medical_meadow_wikidoc", ("medical_meadow_*.json",)),
        ),
        KnownSource(
            "wikidoc_patient",
            "Medical Meadow WikiDoc, what is written for patients",
            "CC BY-SA 3.0",
            f"{_MEADOW}/medical_meadow_wikidoc_patient_information",
            "instruction input output",
            (
                "wikidoc_patient_information.parquet",
                "medical_meadow_wikidoc_patient_info.json",
                "medical_meadow_wikidoc_patient_information.json",
                "wikidoc_patient.parquet",
            ),
            size=5_942,
            hub=Hub(
                "medalpaca/medical_meadow_wikidoc_patient_information", ("medical_meadow_*.json",)
            ),
        ),
        KnownSource(
            "wikidoc_medquad_2k",
            "1,000 rows of WikiDoc and 1,000 of MedQuAD; the published prompts are faulty and not used",
            "CC BY-SA 3.0",
            "on the hub, with prompts for several model families",
            "output input instruction prompt from_medquad",
            ("wikidoc_medquad_2k.parquet", "wikidoc_medquad_2k.csv"),
            size=2_000,
        ),
        KnownSource(
            "wiki_medical_terms",
            "Wikipedia pages on medical terms, as pages or as Llama-2 chat text",
            "CC BY-SA (Wikipedia)",
            "huggingface.co/datasets/gamino/wiki_medical_terms; chat text: aboonaji/wiki_medical_terms_llam2_format",
            "page_title page_text, or text",
            (
                "wiki_medical_terms.parquet",
                "wiki_medical_terms.csv",
                "wiki_medical_terms_llam2.jsonl",
                "wiki_medical_terms_llam2.parquet",
                "wiki_medical_terms_llam2_format/**/*.jsonl",
            ),
            size=6_861,
            hub=Hub("gamino/wiki_medical_terms", ("*.parquet",)),
        ),
        KnownSource(
            "medical_glossary",
            "Glossaries of open textbooks: terms and definitions",
            "CC BY / CC BY-NC-SA, by book",
            "the glossaries of openstax.org's books",
            "book kind module module_title term definition",
            ("medical_glossary.parquet", "medical_glossary.csv"),
        ),
        KnownSource(
            "mtsamples",
            "MTSamples: transcribed medical reports by specialty",
            "CC0",
            "kaggle.com/datasets/tboyle10/medicaltranscriptions",
            "description medical_specialty sample_name transcription keywords",
            ("mtsamples.parquet", "mtsamples.csv", "medicaltranscriptions/mtsamples.csv"),
            size=4_999,
        ),
        KnownSource(
            "healthcaremagic",
            "HealthCareMagic (ChatDoctor), also Doctor-HealthCare-100k: patients ask, doctors answer",
            _ACADEMIC,
            "huggingface.co/datasets/lavita/ChatDoctor-HealthCareMagic-100k",
            "instruction input output",
            (
                "healthcaremagic.parquet",
                "HealthCareMagic-100k.json",
                "HealthCareMagic-100k-en.jsonl",
                "Doctor-HealthCare-100k.csv",
                "Doctor-HealthCare-100k.parquet",
                "Doctor-HealthCare-100k.json",
                "Doctor-HealthCare-100k/**/*.parquet",
                "ChatDoctor-HealthCareMagic-100k/**/*.parquet",
            ),
            size=112_165,
            hub=Hub("lavita/ChatDoctor-HealthCareMagic-100k", ("*.parquet",)),
        ),
        KnownSource(
            "icliniq",
            "iCliniq (ChatDoctor): patients ask, doctors answer",
            _ACADEMIC,
            "huggingface.co/datasets/lavita/ChatDoctor-iCliniq",
            "input answer_icliniq answer_chatgpt answer_chatdoctor",
            ("icliniq.parquet", "iCliniq.json", "icliniq.json", "ChatDoctor-iCliniq/**/*.parquet"),
            size=7_321,
            hub=Hub("lavita/ChatDoctor-iCliniq", ("*.parquet",)),
        ),
        KnownSource(
            "genmedgpt",
            "GenMedGPT-5k (ChatDoctor): dialogues written by a model",
            _ACADEMIC,
            "huggingface.co/datasets/wangrongsheng/GenMedGPT-5k-en",
            "instruction input output",
            ("genmedgpt.parquet", "GenMedGPT-5k.json", "GenMedGPT-5k-en.json"),
            hub=Hub("wangrongsheng/GenMedGPT-5k-en", ("GenMedGPT*.json",)),
        ),
        KnownSource(
            "pubmedqa",
            "PubMedQA-L: questions on abstracts, answered yes, no or maybe",
            "MIT",
            "github.com/pubmedqa/pubmedqa; huggingface.co/datasets/qiaojin/PubMedQA",
            "pmid question contexts long_answer final_decision",
            (
                "pubmedqa.parquet",
                "ori_pqal.json",
                "pubmedqa/**/ori_pqal.json",
                "pqa_labeled/*.parquet",
                "PubMedQA/pqa_labeled/*.parquet",
            ),
            size=1_000,
            hub=Hub("qiaojin/PubMedQA", ("pqa_labeled/*.parquet",)),
        ),
        KnownSource(
            "medqa",
            "MedQA: questions of the United States licensing examination",
            "MIT",
            "github.com/jind11/MedQA; four options: huggingface.co/datasets/GBaker/MedQA-USMLE-4-options",
            "question A B C D E answer_idx, or question options answer_idx",
            (
                "medqa.parquet",
                "phrases_no_exclude_*.jsonl",
                "medqa/**/US/*.jsonl",
                "MedQA/**/US/*.jsonl",
                "data_clean/questions/US/*.jsonl",
                "MedQA-USMLE-4-options/*.jsonl",
            ),
            size=12_723,
            hub=Hub("GBaker/MedQA-USMLE-4-options", ("*.jsonl",)),
        ),
        KnownSource(
            "medmcqa",
            "MedMCQA: questions of Indian medical entrance examinations",
            "MIT",
            "github.com/medmcqa/medmcqa; huggingface.co/datasets/openlifescienceai/medmcqa",
            "id question opa opb opc opd cop exp subject_name topic_name",
            ("medmcqa.parquet", "medmcqa/*.json", "MedMCQA/*.json", "medmcqa/**/*.parquet"),
            size=193_155,
            hub=Hub("openlifescienceai/medmcqa", ("*.parquet",)),
        ),
        KnownSource(
            "mmlu_medical",
            "MMLU, its eleven medical subjects",
            "MIT",
            "github.com/hendrycks/test; huggingface.co/datasets/cais/mmlu",
            "question A B C D answer subject, or question choices answer subject",
            (
                "mmlu_medical.parquet",
                "{part}_test.csv",
                "mmlu_medical/**/{part}_*.csv",
                "mmlu/**/{part}_*.csv",
                "mmlu/{part}/*.parquet",
            ),
            hub=Hub("cais/mmlu", ("{part}/*.parquet",)),
            parts=MEDICAL_SUBJECTS,
            header=("question", "A", "B", "C", "D", "answer"),
        ),
        KnownSource(
            "mts_dialog",
            "MTS-Dialog: doctor-patient dialogues and the sections of notes written from them",
            "CC BY 4.0",
            "github.com/abachaa/MTS-Dialog",
            "ID section_header section_text dialogue",
            (
                "mts_dialog.parquet",
                "MTS-Dialog-{part}.csv",
                "MTS-Dialog/Main-Dataset/MTS-Dialog-{part}.csv",
                "MTS-Dialog-main/Main-Dataset/MTS-Dialog-{part}.csv",
            ),
            size=1_701,
            parts=(
                "TrainingSet",
                "ValidationSet",
                "TestSet-1-MEDIQA-Chat-2023",
                "TestSet-2-MEDIQA-Sum-2023",
            ),
        ),
        KnownSource(
            "aci_bench",
            "ACI-Bench: visits as dialogues, and the clinical notes written from them",
            "CC BY 4.0",
            "github.com/wyim/aci-bench",
            "dataset encounter_id dialogue note",
            ("aci_bench.parquet", "aci_bench.csv", "aci-bench/data/challenge_data/{part}.csv"),
            size=207,
            parts=(
                "train",
                "valid",
                "clinicalnlp_taskB_test1",
                "clinicalnlp_taskC_test2",
                "clef_taskC_test3",
            ),
        ),
    )
}


_PATIENCE = 10.0  # seconds until a silent hub is given up


def fetch(known: KnownSource, data_dir: Path | None) -> list[Path]:
    """The files of a known data set from the hub or from its cache.

    The hub's own variables apply (``HF_HOME``, ``HF_HUB_OFFLINE``, ``HF_TOKEN``, ``HF_ENDPOINT``).
    Raises ``DataError`` where the data set is not on the hub or the hub does not give it.
    """
    if known.hub is None:
        raise _not_here(known, data_dir, "")
    patterns = [name for pattern in known.hub.files for name in known.spelt(pattern)]
    try:
        folder = _snapshot(known, known.hub.repo, patterns)
    except _faults() as error:
        raise _not_here(known, data_dir, _reason(error)) from error
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    matching = [
        path
        for path in files
        if any(fnmatch(path.relative_to(folder).as_posix(), p) for p in patterns)
    ]
    if not matching:
        raise _not_here(
            known, data_dir, f"{known.hub.repo} holds no {' or '.join(known.hub.files)}"
        )
    return matching


def _snapshot(known: KnownSource, repo: str, patterns: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download

    offline = constants.HF_HUB_OFFLINE
    if not offline:
        say(f"{known.name}: looking for {repo} on the hub")
    # snapshot_download itself waits for a silent hub without end.
    reached = not offline and _answers(repo)
    return Path(
        snapshot_download(
            repo,
            repo_type="dataset",
            allow_patterns=patterns,
            etag_timeout=_PATIENCE,
            local_files_only=not reached,
        )
    )


def _answers(repo: str) -> bool:
    """Whether the hub says anything, be it no."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(repo, timeout=_PATIENCE)
    except HfHubHTTPError:
        return True
    except Exception:  # whatever the hub's own HTTP library calls a refused, broken or silent line
        return False
    return True


def _faults() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError, IncompleteSnapshotError

    return (HfHubHTTPError, IncompleteSnapshotError, OSError, ValueError, RuntimeError)


def _reason(error: Exception) -> str:
    """Why the hub did not give it, in a few words."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "not in the hub's cache, and HF_HUB_OFFLINE is set"
    if isinstance(error, GatedRepoError):
        return "the hub asks for consent to its terms: give it there, and set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub does not know it, or not for this HF_TOKEN"
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return (
        f"the hub answered {response.status_code}"
        if response is not None
        else "the hub cannot be reached"
    )


def _not_here(known: KnownSource, data_dir: Path | None, why: str) -> DataError:
    directory = (
        f"in {data_dir}"
        if data_dir
        else "in a directory, and name it with --data-dir or MEDTUNE_DATA"
    )
    names = [name.replace("{part}", "*") for name in known.files]
    return DataError(
        f"{known.name} is not here ({known.title}; published: {known.published})"
        + (f": {why}" if why else ""),
        where="data.source",
        fix=f"Get it there and put one of {', '.join(names)} {directory}.",
    )
