"""``parse_html``: an HTML page as a tree of elements, so that one reader serves HTML and XML."""

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder

_OF_HEAD = frozenset("title meta link style script base noscript".split())
_MAX_DEPTH = 100  # elements that stand in each other; what is deeper is read as if beside
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
# What a start tag ends without saying so, and the elements in which that holds.
_ENDS = {
    "li": ({"li"}, {"ul", "ol"}),
    "tr": ({"tr", "td", "th"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    **dict.fromkeys(
        ("p", "div", "ul", "ol", "table", "h1", "h2", "h3", "h4", "pre"),
        ({"p"}, {"div", "td", "th", "li", "table", "body", "blockquote"}),
    ),
}


def parse_html(source: str) -> Element:
    """The root of a page, which need not be well formed: elements left open are closed."""
    parser = _Parser()
    parser.feed(source)
    parser.close()
    return parser.tree()


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._builder = TreeBuilder()
        self._builder.start("html-page", {})
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ended, within = _ENDS.get(tag, (set(), set()))
        inner = next((n for n in reversed(self._open) if n in ended or n in within), None)
        if inner in ended:
            self._close(next(n for n in reversed(self._open) if n in ended))
            if tag == "tr" and self._open and self._open[-1] == "tr":
                self._close("tr")
        if "head" in self._open and tag not in _OF_HEAD:
            self._close("head")
        if len(self._open) >= _MAX_DEPTH and tag not in _VOID:
            return
        self._builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self._builder.end(tag)
        else:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in self._open and tag not in _VOID:
            self._close(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self._close(tag)

    def handle_data(self, data: str) -> None:
        self._builder.data(data)

    def tree(self) -> Element:
        """The root, after all that is still open is closed."""
        while self._open:
            self._close(self._open[-1])
        self._builder.end("html-page")
        return self._builder.close()

    def _close(self, tag: str) -> None:
        while True:
            last = self._open.pop()
            self._builder.end(last)
            if last == tag:
                return
