"""Values of FHIR as text: codes by their words, quantities as they are written."""

from typing import Any

from medtune.data.clinical.fhir_people import Resource, is_object, listed

_SKIPPED = frozenset(
    (
        "text",
        "contained",
        "content",
        "presentedForm",
        "section",
        "extension",
        "meta",
        "resourceType",
    )
)


def string_value(value: Any) -> str:
    """A string without blanks around it; empty for any other value."""
    return value.strip() if isinstance(value, str) else ""


def coded(value: Any) -> str:
    """A CodeableConcept or Coding as its text, else the display, else the code, of its first."""
    if isinstance(value, list):
        return next((text for each in value if (text := coded(each))), "")
    if not isinstance(value, dict):
        return string_value(value)
    if text := string_value(value.get("text")):
        return text
    for coding in [*filter(is_object, listed(value.get("coding"))), value]:
        if text := string_value(coding.get("display")) or string_value(coding.get("code")):
            return text
    return coded(value.get("concept")) if "concept" in value else ""  # R5: CodeableReference


def quantity(value: Resource) -> str:
    """A Quantity as it is written, with its comparator and unit: ``<5.0 mg/L``."""
    unit = string_value(value.get("unit")) or string_value(value.get("code"))
    return f"{string_value(value.get('comparator'))}{value.get('value')} {unit}".strip()


def observed_value(observation: Resource) -> str:
    """The value of an Observation or of one of its components; empty where it has none."""
    name = next((name for name in observation if name.startswith("value")), "")
    value = observation.get(name)
    if not isinstance(value, dict):
        return string_value(value) if not isinstance(value, bool) else str(value).lower()
    if "value" in value:
        return quantity(value)
    parts = [value.get(part) for part in ("low", "high", "numerator", "denominator")]
    texts = [quantity(part) for part in parts if isinstance(part, dict) and "value" in part]
    mark = "/" if "numerator" in value else " - "
    return mark.join(texts) if len(texts) == 2 else coded(value)


def resource_labels(resource: Resource) -> dict[str, str]:
    """Coded and plain fields by path (``DiagnosticReport.code``, ``Observation.valueString``)."""
    kind = resource["resourceType"]
    labels = {}
    for name, value in resource.items():
        if name in _SKIPPED or name.startswith("_"):
            continue
        number = isinstance(value, dict) and "value" in value and name.startswith("value")
        text = quantity(value) if number else coded(value)
        if text and isinstance(value, str | dict | list):
            labels[f"{kind}.{name}"] = text
    return labels
