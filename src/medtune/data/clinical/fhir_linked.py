"""What FHIR resources refer to for their text: Binary resources behind an attachment's ``url``, and
the Observations of a DiagnosticReport's ``result``.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medtune.data.clinical.fhir_people import Resource, is_object, listed
from medtune.data.clinical.fhir_values import coded, observed_value, string_value

_LINKED = ("Binary", "Observation")


@dataclass
class FhirLinks:
    """Texts by reference; only those that some resource asks for (``asked``) are kept, Binary
    data packed.
    """

    asked: set[str] = field(default_factory=set)
    binaries: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)

    def ask(self, resource: Resource) -> None:
        """Remember what a resource refers to."""
        urls = (a.get("url") for a in attachments(resource) if not a.get("data"))
        self.asked.update(linked_key(str(url)) for url in urls if url)
        self.asked.update(_result_keys(resource))

    def collect(self, resource: Resource, url: str) -> None:
        """Keep a resource that another one refers to."""
        kind = resource["resourceType"]
        if kind not in _LINKED:
            return
        for key in {f"{kind}/{resource.get('id')}", linked_key(url)} & self.asked:
            if kind == "Observation":
                self.results[key] = result_line(resource)
            else:
                self.binaries[key] = _binary(resource)

    def attachment(self, attachment: Resource, resource: Resource) -> Resource:
        """The attachment with its data, which may stand in a Binary; as it is where they do not."""
        url = attachment.get("url")
        if attachment.get("data") or not url:
            return attachment
        inner = _contained(resource, str(url))
        kept = self.binaries.get(linked_key(str(url))) if inner is None else _binary(inner)
        if kept is None:
            return attachment
        kind, data = str(attachment.get("contentType") or ""), zlib.decompress(kept[1]).decode()
        kind = kept[0] if not kind or "charset" in kept[0].lower() else kind
        return {**attachment, "contentType": kind or None, "data": data}

    def results_of(self, report: Resource) -> str:
        """A line for each Observation that a report refers to and that is in the files."""
        lines = []
        for key in _result_keys(report):
            inner = _contained(report, key)
            lines.append(result_line(inner) if inner else self.results.get(key, ""))
        return "\n".join(filter(None, lines))


def attachments(resource: Resource) -> list[Resource]:
    """The attachments of a document reference or a report."""
    content = [c.get("attachment") for c in filter(is_object, listed(resource.get("content")))]
    return list(filter(is_object, [*content, *listed(resource.get("presentedForm"))]))


def linked_key(reference: str) -> str:
    """A reference as ``Binary/9``, whatever server and version stand around it."""
    text = reference.split("/_history/")[0]
    match = re.search(rf"(?:^|/)((?:{'|'.join(_LINKED)})/[^/?#]+)$", text)
    return match[1] if match else text


def _result_keys(resource: Resource) -> Iterator[str]:
    if resource["resourceType"] != "DiagnosticReport":
        return
    for each in filter(is_object, listed(resource.get("result"))):
        if isinstance(each.get("reference"), str):
            yield linked_key(each["reference"])


def _contained(resource: Resource, reference: str) -> Resource | None:
    inner = filter(is_object, listed(resource.get("contained")))
    return next((each for each in inner if reference == f"#{each.get('id')}"), None)


def _binary(resource: Resource) -> tuple[str, bytes]:
    data: Any = resource.get("data") or resource.get("content") or ""  # content: before STU3
    return str(resource.get("contentType") or ""), zlib.compress(str(data).encode())


def result_line(observation: Resource) -> str:
    """An Observation as a line, such as ``Hemoglobin: 7.40 g/dL (12 - 16)``; its parts follow."""
    if observation.get("status") == "entered-in-error":
        return ""
    lines = []
    for each in (observation, *filter(is_object, listed(observation.get("component")))):
        value, name = observed_value(each), coded(each.get("code"))
        if value:
            limits = filter(is_object, listed(each.get("referenceRange")))
            within = next((string_value(each.get("text")) for each in limits), "")
            lines.append(f"{name}: {value}" + (f" ({within})" if within else ""))
    return "\n".join(lines)
