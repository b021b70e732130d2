"""What columns that are not read suggest: a subject or a patient to keep in one split, answers that
were rejected.
"""

import re
from collections.abc import Iterator
from shlex import quote

from medtune.data.rows import Source

_SUBJECTS = """
    subject subjects topic topics subtopic drug drugs drugname medication medicationname medicine
    disease diseases diseasename condition conditions conditionname diagnosis disorder concept tags
    tag entity entities keyword keywords
""".split()
_PATIENTS = """
    patient patientid patientnumber patientno patientname patientuid patientuuid subjectid personid
    participantid mrn medicalrecordnumber hadmid admissionid encounterid visitid stayid caseid
""".split()
_REJECTED = """
    rejected rejectedanswer rejectedresponse rejectedcompletion dispreferred negative
    negativeresponse losing loser
""".split()


def _first(source: Source, names: list[str]) -> str | None:
    """The first unread column of these names that holds single values."""
    unused = {re.sub(r"[\W_]+", "", name).lower(): name for name in source.use.unused()}
    held = (unused[name] for name in names if name in unused)
    return next((name for name in held if name not in source.use.nested), None)


def column_advice(source: Source) -> Iterator[str]:
    """Sentences on columns of a source that has been read, each with a line to copy."""
    entity = source.columns.get("entity")
    patient, subject = _first(source, _PATIENTS), _first(source, _SUBJECTS)
    unused = source.use.unused()
    if patient:
        instead = f", in place of {entity}" if entity else ""
        yield (
            f"{source.name}: {patient} ({unused[patient]:,} rows) looks like a patient: rows of "
            "one may lie in training and test. --set data.columns.entity="
            f"{quote(patient)} keeps them together{instead}"
        )
    elif subject and not entity:
        yield (
            f"{source.name}: {subject} ({unused[subject]:,} rows) looks like what a row is about: "
            "rows on one subject may lie in training and test. --set data.columns.entity="
            f"{quote(subject)} keeps them together"
        )
    plain = {re.sub(r"[\W_]+", "", name).lower(): name for name in unused}
    for name in (plain[name] for name in _REJECTED if name in plain):
        yield (
            f"{source.name}: preferences: {source.columns.get('answer', 'the answer')} is learnt; "
            f"that {name} is worse ({unused[name]:,} rows) is not"
        )
