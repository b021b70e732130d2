"""Articles of PubMed and PubMed Central in XML: titles, abstracts, sections, tables; superscripts,
nested mark-up and symbols kept.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.data.clinical.cda import child, children
from medtune.data.clinical.document import ClinicalDocument, DocumentSection, RecordErrors
from medtune.data.clinical.narrative import local_name, narrative_text
from medtune.data.formats.compression import open_binary

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ARTICLES = ("PubmedArticle", "PubmedBookArticle", "article")


def read_articles(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Articles of all files; a file of PubMed's baseline (30,000 articles) is read as a stream."""
    for path in files:
        yield from _articles(path, errors)


def _articles(path: Path, errors: RecordErrors) -> Iterator[ClinicalDocument]:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    number, inside = 0, 0
    with open_binary(path) as handle:
        try:
            for event, element in iterparse(handle, events=("start", "end")):
                if local_name(element) not in _ARTICLES:
                    continue
                inside += 1 if event == "start" else -1
                if event == "end" and not inside:
                    number += 1
                    article = _article(element, f"{path.name}, article {number}")
                    element.clear()
                    if article.sections:
                        yield article
                    else:
                        errors.not_read("article without an abstract or text")
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            line = getattr(error, "position", (0,))[0]
            where = f"{path.name}, line {line}" if line else path.name
            errors.add("not valid XML", where, "Fetch the file again.")


def _article(article: "Element", location: str) -> ClinicalDocument:
    name = local_name(article)
    return _pmc(article, location) if name == "article" else _pubmed(article, location)


def _pubmed(article: "Element", location: str) -> ClinicalDocument:
    citation = child(article, "MedlineCitation")
    if citation is None:
        citation = child(article, "BookDocument")
    body = child(citation, "Article")
    body = citation if body is None else body
    title = _text(child(body, "ArticleTitle"))
    sections = [
        DocumentSection(_label(part), narrative_text(part))
        for abstract in children(body, "Abstract")
        for part in children(abstract, "AbstractText")
    ]
    kinds = [
        _text(kind) for kind in children(child(body, "PublicationTypeList"), "PublicationType")
    ]
    headings = children(child(citation, "MeshHeadingList"), "MeshHeading")
    topics = [_text(child(heading, "DescriptorName")) for heading in headings]
    labels = {
        "PublicationType": "; ".join(kinds),
        "MeshHeading": "; ".join(filter(None, topics)),
        "Language": _text(child(body, "Language")),
        "Journal": _text(child(body, "Journal", "Title")),
    }
    return ClinicalDocument(
        sections=tuple(section for section in sections if section.text),
        location=location,
        id=_text(child(citation, "PMID")) or None,
        title=title or _text(child(body, "VernacularTitle")) or None,
        labels={name: value for name, value in labels.items() if value},
    )


def _label(part: "Element") -> str:
    """The heading of an abstract's part; some parts say that they have none."""
    label = (part.get("Label") or "").strip()
    return "" if label.upper() in ("UNLABELLED", "UNASSIGNED") else label.capitalize()


def _pmc(article: "Element", location: str) -> ClinicalDocument:
    meta = child(article, "front", "article-meta")
    ids = {part.get("pub-id-type"): _text(part) for part in children(meta, "article-id")}
    sections = [
        section
        for abstract in children(meta, "abstract")
        if abstract.get("abstract-type") in (None, "abstract", "structured")
        for section in _parts(abstract, "Abstract", "Abstract: ")
    ]
    # Tables and figures may stand behind the text, and appendices in the back matter.
    appendices = children(child(article, "back", "app-group"), "app")
    for part in (child(article, "body"), child(article, "floats-group"), *appendices):
        if part is not None:
            sections += _parts(part, _text(child(part, "title")))
    subjects = [
        _text(s) for s in (meta.iter() if meta is not None else ()) if local_name(s) == "subject"
    ]
    labels = {"article-type": article.get("article-type") or "", "subject": "; ".join(subjects)}
    return ClinicalDocument(
        sections=tuple(sections),
        location=location,
        id=next((ids[k] for k in ("pmc", "pmcid", "pmid", "doi") if ids.get(k)), None),
        title=_text(child(meta, "title-group", "article-title")) or None,
        labels={name: value for name, value in labels.items() if value},
    )


def _parts(element: "Element", heading: str, prefix: str = "") -> Iterator[DocumentSection]:
    """Sections of an element, depth first: its own text under its heading, then its parts.

    Those within a box or a figure stay with its text.
    """
    if text := narrative_text(element, skip=("title", "sec", "ref-list")):
        yield DocumentSection(heading, text)
    for part in children(element, "sec"):
        title = _text(child(part, "title"))
        yield from _parts(part, prefix + title if title else heading, prefix)


def _text(element: "Element | None") -> str:
    return re.sub(r"\s+", " ", narrative_text(element)) if element is not None else ""
