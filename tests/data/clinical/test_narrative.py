"""Mark-up as text that means the same: spans of cells, citations beside exponents, formulas."""

from xml.etree.ElementTree import fromstring

import pytest

from medtune.data.clinical.narrative import html_text, narrative_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            '<table><tr><th rowspan="2">Test</th><th colspan="2">Day</th></tr>'
            '<tr><th>1</th><th>2</th></tr><tr><td colspan="3">Blood</td></tr>'
            "<tr><td>K</td><td><p>4.0</p><p>(low)</p></td><td>5<br/>6</td></tr></table>",
            "Test | Day | Day\nTest | 1 | 2\nBlood\nK | 4.0; (low) | 5; 6",
        ),
        ('<p>of 10<sup><xref ref-type="bibr">12</xref></sup></p>', "of 10[12]"),
        ('<p>seen<sup>[<xref ref-type="bibr">1</xref>]</sup></p>', "seen[1]"),
        ('<p>5.3<xref ref-type="table-fn">1</xref></p>', "5.3[1]"),
        ('<p>10<sup>-9</sup>, 2<sup>nd</sup>, <xref ref-type="fig">Fig. 1</xref></p>',
         "10⁻⁹, 2^(nd), Fig. 1"),
        ("<p>5<break/>6</p>", "5\n6"),
        ('<p>a<content revised="delete">b</content> c<footnote>d</footnote></p>',
         "a[struck out: b] c [d]"),
        ("<math><mroot><mn>8</mn><mn>3</mn></mroot></math>", "³√(8)"),
        ("<math><msqrt><mn>2</mn></msqrt></math>", "√(2)"),
        ("<math><msup><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></msup></math>",
         "(a + b)²"),
        ("<math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup></math>", "x₁²"),
        ("<math><munderover><mo>∑</mo><mi>a</mi><mi>n</mi></munderover></math>", "∑_(a)^(n)"),
        ("<math><mfenced open='['><mi>a</mi><mi>b</mi></mfenced></math>", "[a, b)"),
        ("<math><mmultiscripts><mi>C</mi><mprescripts/><none/><mn>14</mn></mmultiscripts></math>",
         "¹⁴C"),
        ("<p><alternatives><tex-math>$$x^2$$</tex-math><math><mi>y</mi></math></alternatives></p>",
         "y"),
        (r"<p><tex-math>\usepackage{x}\begin{document}$$x^2$$\end{document}</tex-math></p>",
         "x^2"),
    ],
)  # fmt: skip
def test_mark_up(source, text):
    assert narrative_text(fromstring(source)) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<html><head><title>t<body>Text<ul><li>a<li>b</ul>end", "Text\n\n- a\n- b\nend"),
        ("<table><tr><td>1<td>2<tr><td>3<td>4</table>", "1 | 2\n3 | 4"),
        ("<pre>Line 1\n Line 2</pre>5 &lt; 6 &micro;g", "Line 1\nLine 2\n5 < 6 µg"),
        ("10<sup>9</sup> <script>x</script></b>stays", "10⁹ stays"),
        ("<b>" * 3000 + "deep", "deep"),
    ],
)
def test_html_that_is_not_well_formed(source, text):
    assert html_text(source) == text
