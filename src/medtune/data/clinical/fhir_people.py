"""Who the people of FHIR files are: the identifiers of each patient, and of those whom a resource
refers to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medtune.data.clinical.document import KnownIdentifier, known
from medtune.data.clinical.identifiers import date_spellings, name_spellings

Resource = dict[str, Any]
PEOPLE = ("Patient", "Practitioner", "RelatedPerson", "Person")
_TELECOM = {"phone": "phone", "fax": "fax", "email": "email", "url": "url", "sms": "phone"}


def listed(value: Any) -> list[Any]:
    """One value stands for a list of one; none for an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def is_object(value: Any) -> bool:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


@dataclass
class FhirPeople:
    """Identifiers by the reference under which a person is named (``Patient/7``, a full URL, or
    location and ``#p1`` for a contained one); ``alias`` leads from full URLs to patients.
    """

    identifiers: dict[str, tuple[KnownIdentifier, ...]] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)

    def of(self, reference: str | None) -> tuple[KnownIdentifier, ...]:
        """Identifiers of one person; none where the person is not in the files."""
        key = reference or ""
        return self.identifiers.get(self.alias.get(key, key), ())

    def named_in(self, resource: Resource, location: str) -> Iterator[KnownIdentifier]:
        """Identifiers of all persons whom a resource refers to, and the names it gives them."""
        for reference, display in _references(resource):
            kind = reference.split("/")[-2] if "/" in reference else ""
            key = "/".join(reference.split("/_history/")[0].split("/")[-2:]) if kind else reference
            yield from self.of(f"{location}{reference}" if reference.startswith("#") else key)
            yield from self.of(reference)
            if kind in PEOPLE:
                yield from known("name", display)

    def collect(self, resource: Resource, url: str, location: str) -> None:
        """Remember the persons of one resource."""
        for inner in listed(resource.get("contained")):
            if is_object(inner) and inner.get("resourceType") in PEOPLE:
                self.identifiers[f"{location}#{inner.get('id')}"] = person_identifiers(inner)
        kind = resource["resourceType"]
        if kind in PEOPLE:
            key = f"{kind}/{resource['id']}" if resource.get("id") else url
            self.identifiers[key] = self.identifiers.get(key, ()) + person_identifiers(resource)
            if url and url != key:
                self.alias[url] = key


def _references(value: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            display = value.get("display")
            yield value["reference"], display if isinstance(display, str) else None
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def person_identifiers(person: Resource) -> tuple[KnownIdentifier, ...]:
    """Names, numbers, contacts, addresses and dates of a person resource."""
    values: list[KnownIdentifier] = []
    for name in filter(is_object, listed(person.get("name"))):
        given = [part for part in listed(name.get("given")) if isinstance(part, str)]
        family = name.get("family") if isinstance(name.get("family"), str) else ""
        values += [*known("name", name.get("text")), *name_spellings(family, given)]
    for identifier in filter(is_object, listed(person.get("identifier"))):
        values += known("record", identifier.get("value"))
    for contact in filter(is_object, listed(person.get("telecom"))):
        values += known(_TELECOM.get(str(contact.get("system")), "phone"), contact.get("value"))
    for address in filter(is_object, listed(person.get("address"))):
        lines = [line for line in listed(address.get("line")) if isinstance(line, str)]
        values += known("address", address.get("text"), *lines, address.get("city"))
        values += known("zip", address.get("postalCode"))
    for other in filter(is_object, listed(person.get("contact"))):
        values += person_identifiers(other)
    for key in ("birthDate", "deceasedDateTime"):
        values += date_spellings(person.get(key))
    return tuple(dict.fromkeys(values))
