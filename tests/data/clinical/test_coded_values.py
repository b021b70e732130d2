"""Coded fields in messages: what a standard knows is shown, and nothing else."""

import pytest

from medtune.data.clinical import coded_values as coded


@pytest.mark.parametrize(
    ("shown", "known", "unknown"),
    [
        (coded.media_type, "application/pdf", "text/meier"),
        (coded.hl7_type, "NM", "MEIER"),
        (coded.resource_type, "MedicationRequest", "Meier"),
        (coded.resource_type, "Patient", None),
        (coded.charset, "utf-8", "meier"),
        (coded.charset, "iso8859-1", "a\0b"),
        (coded.language, "ENG", "Meier"),
    ],
)
def test_known_codes_are_shown(shown, known, unknown):
    assert shown(known) == known
    assert "eier" not in shown(unknown).lower()


def test_types_of_encapsulated_data():
    assert coded.hl7_data("Application", "pdf") == "Application pdf"
    assert coded.hl7_data("Meier", "pdf") == "pdf"
    assert coded.hl7_data("Meier", "Meier") == coded.OTHER
