"""PubMed and PubMed Central: nested mark-up, exponents, formulas and every abstract's part."""

import gzip

from medtune.data.clinical.articles import read_articles
from medtune.data.clinical.document import RecordErrors

PUBMED = """<?xml version="1.0"?><PubmedArticleSet>
<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><Journal><Title>J Test</Title></Journal>
<ArticleTitle>Effect of <i>in vitro <b>dosing</b></i> is not proven.</ArticleTitle>
<Abstract><AbstractText Label="METHODS">50 x 10<sup>9</sup>/L, <mml:math xmlns:mml="m"><mml:msup>
<mml:mn>10</mml:mn><mml:mn>6</mml:mn></mml:msup></mml:math> cells; p &lt; 0.05.</AbstractText>
<AbstractText Label="CONCLUSIONS">CO<sub>2</sub> fell.</AbstractText></Abstract>
<PublicationTypeList><PublicationType>Case Reports</PublicationType></PublicationTypeList></Article>
<MeshHeadingList><MeshHeading><DescriptorName>Anemia</DescriptorName></MeshHeading></MeshHeadingList>
</MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>2</PMID><Article><ArticleTitle>No abstract</ArticleTitle>
</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"""
PMC = """<article article-type="research-article"><front><article-meta>
<article-id pub-id-type="pmc">PMC9</article-id>
<title-group><article-title>Title</article-title></title-group>
<abstract><sec><title>Results</title><p>Fell.</p></sec></abstract></article-meta></front>
<body><p>Opening.</p><sec><title>Methods</title>
<p>Dose of 5 μg<xref ref-type="bibr"><sup>12</sup></xref>.</p>
<table-wrap><table><tr><td rowspan="2">A</td><td>5 μg</td></tr>
<tr><td>7</td></tr></table></table-wrap>
<sec><title>Details</title><p>More.</p></sec></sec></body>
<back><ref-list><ref>A reference</ref></ref-list></back></article>"""


def test_pubmed(tmp_path):
    path = tmp_path / "p.xml.gz"
    path.write_bytes(gzip.compress(PUBMED.encode()))
    errors = RecordErrors()
    [read] = read_articles([path], errors)
    assert read.title == "Effect of in vitro dosing is not proven."
    assert [(s.heading, s.text) for s in read.sections] == [
        ("Methods", "50 x 10⁹/L, 10⁶ cells; p < 0.05."),
        ("Conclusions", "CO₂ fell."),
    ]
    assert read.labels == {
        "PublicationType": "Case Reports", "MeshHeading": "Anemia", "Journal": "J Test"
    }  # fmt: skip
    assert errors.unread == {"article without an abstract or text": 1}


def test_pmc(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(PMC)
    [read] = read_articles([path], RecordErrors())
    assert [(s.heading, s.text) for s in read.sections] == [
        ("Abstract: Results", "Fell."),
        ("", "Opening."),
        ("Methods", "Dose of 5 μg[12].\n\nA | 5 μg\nA | 7"),
        ("Details", "More."),
    ]
    assert read.id == "PMC9"


def test_boxes_captions_and_what_stands_behind_the_text(tmp_path):
    path = tmp_path / "a.nxml"
    path.write_text(
        "<article><front/><body><sec><title>A</title><boxed-text><sec><title>Box</title><p>In it."
        "</p></sec></boxed-text><fig><caption><title>Figure.</title></caption></fig></sec></body>"
        "<floats-group><table-wrap><table><tr><td>1</td></tr></table></table-wrap></floats-group>"
        "<back><app-group><app><title>Appendix</title><p>More.</p></app></app-group></back>"
        "</article>"
    )
    [read] = read_articles([path], RecordErrors())
    assert [(s.heading, s.text.split()) for s in read.sections] == [
        ("A", ["Box", "In", "it.", "Figure."]),
        ("", ["1"]),
        ("Appendix", ["More."]),
    ]


def test_parts_that_say_they_have_no_heading(tmp_path):
    path = tmp_path / "p.xml"
    path.write_text(PUBMED.replace('"METHODS"', '"UNLABELLED"'))
    [read] = read_articles([path], RecordErrors())
    assert read.sections[0].heading == ""
