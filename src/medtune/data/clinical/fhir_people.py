"""Who the people of FHIR files are: the identifiers of each patient, and of those whom a resource
refers to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medtune.data.clinical.document import KnownIdentifier, known
from medtune.data.clinical.identifiers import date_spellings, name_spellings, written_name

Resource = dict[str, Any]
PEOPLE = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person")
_TELECOM = {"phone": "phone", "fax": "fax", "email": "email", "url": "url", "sms": "phone"}
# Elements that name a person, also by a display alone.
_PERSONS = frozenset(
    "subject patient author authenticator performer resultsInterpreter party actor individual "
    "practitioner recorder asserter requester informant generalPractitioner attester".split()
)
_NO_PERSONS = ("Organization", "Device", "Group", "Location", "CareTeam", "HealthcareService")


def listed(value: Any) -> list[Any]:
    """One value stands for a list of one; none for an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def is_object(value: Any) -> bool:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def person_key(value: Any) -> str | None:
    """A reference as ``Patient/7``, whatever server and version stand around it; one by the
    person's number as ``identifier SYSTEM|NUMBER``.
    """
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str):
        identifier = value.get("identifier") if isinstance(value, dict) else None
        return _number_key(identifier)
    text = text.split("/_history/")[0]
    if searched := re.search(r"(?:^|/)\w+\?identifier=([^&]+)", text):
        return f"identifier {searched[1]}"
    match = re.search(rf"(?:^|/)((?:Encounter|{'|'.join(PEOPLE)})/[^/]+)$", text)
    return match[1] if match else text


def _number_key(identifier: Any) -> str | None:
    if not isinstance(identifier, dict) or not identifier.get("value"):
        return None
    return f"identifier {identifier.get('system') or ''}|{identifier['value']}"


@dataclass
class FhirPeople:
    """Identifiers by the reference under which a person is named (``Patient/7``, a full URL, or
    location and ``#p1`` for a contained one); ``alias`` leads from other references of the same
    person (full URLs, numbers, linked records) to that one.
    """

    identifiers: dict[str, tuple[KnownIdentifier, ...]] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)

    def key(self, reference: str | None) -> str:
        """The one reference of a person."""
        key = reference or ""
        while key in self.alias:
            key = self.alias[key]
        return key

    def of(self, reference: str | None) -> tuple[KnownIdentifier, ...]:
        """Identifiers of one person; none where the person is not in the files."""
        return self.identifiers.get(self.key(reference), ())

    def named_in(self, resource: Resource, location: str) -> Iterator[KnownIdentifier]:
        """Identifiers of all persons whom a resource refers to, and the names it gives them."""
        for name, value in _references(resource, ""):
            reference = person_key(value) or ""
            local = reference.startswith("#")
            key = self.key(f"{location}{reference}" if local else reference)
            yield from self.of(key)
            kind = str(value.get("type") or reference.split("/")[0])
            person = kind in PEOPLE or key.split("/")[0] in PEOPLE or name in _PERSONS
            if person and kind not in _NO_PERSONS:
                display = value.get("display")
                yield from written_name(display if isinstance(display, str) else None)

    def collect(self, resource: Resource, url: str, location: str) -> None:
        """Remember the persons of one resource."""
        for inner in listed(resource.get("contained")):
            if is_object(inner) and inner.get("resourceType") in PEOPLE:
                self._add(f"{location}#{inner.get('id')}", inner, location)
        kind = resource["resourceType"]
        if kind in PEOPLE:
            key = f"{kind}/{resource['id']}" if resource.get("id") else url
            self._add(key, resource, location)
            if url:
                self._join(key, url)

    def _add(self, key: str, person: Resource, location: str) -> None:
        kind, root = person["resourceType"], self.key(key)
        self._keep(root, person_identifiers(person))
        if kind == "Patient":
            for identifier in listed(person.get("identifier")):
                if number := _number_key(identifier):
                    self._join(key, number)
        for link in filter(is_object, listed(person.get("link"))):
            self._join(key, person_key(link.get("other") or link.get("target")))
        if kind == "PractitionerRole":
            self._join(key, self._local(person.get("practitioner"), location))
        if kind == "RelatedPerson" and (patient := self._local(person.get("patient"), location)):
            self._keep(self.key(patient), person_identifiers(person))

    def _local(self, value: Any, location: str) -> str | None:
        reference = person_key(value)
        return f"{location}{reference}" if (reference or "").startswith("#") else reference

    def _keep(self, key: str, identifiers: tuple[KnownIdentifier, ...]) -> None:
        self.identifiers[key] = tuple(dict.fromkeys(self.identifiers.get(key, ()) + identifiers))

    def _join(self, first: str, second: str | None) -> None:
        """Two references are of one person."""
        root, other = self.key(first), self.key(second)
        if other and root != other:
            self.alias[other] = root
            self._keep(root, self.identifiers.pop(other, ()))


def _references(value: Any, name: str) -> Iterator[tuple[str, Resource]]:
    """All references below a value, with the names of the elements that hold them."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str) or (name in _PERSONS and "display" in value):
            yield name, value
        for inner_name, inner in value.items():
            yield from _references(inner, inner_name)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, name)


def person_identifiers(person: Resource) -> tuple[KnownIdentifier, ...]:
    """Names, numbers, contacts, addresses and dates of a person resource."""
    values: list[KnownIdentifier] = []
    for name in filter(is_object, listed(person.get("name"))):
        given = [part for part in listed(name.get("given")) if isinstance(part, str)]
        family = " ".join(part for part in listed(name.get("family")) if isinstance(part, str))
        values += [*written_name(name.get("text")), *name_spellings(family, given)]
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
