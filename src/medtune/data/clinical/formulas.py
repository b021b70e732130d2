"""Formulas as plain text that means the same: MathML, TeX of JATS, superscripts, subscripts."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_UP = str.maketrans("0123456789+-−()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿ")
_DOWN = str.maketrans("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")
_MARKED = re.compile(r"(\$\$?|\\\[|\\\()(.+?)(?:\$\$?|\\\]|\\\))", re.DOTALL)
# Elements that say where their children stand, by the number of these.
_PLACED = {"msup": 2, "msub": 2, "mfrac": 2, "mroot": 2, "mover": 2, "munder": 2, "msubsup": 3,
           "munderover": 3}  # fmt: skip


def is_formula(name: str) -> bool:
    """Whether an element of this name is MathML or TeX."""
    return name in ("math", "tex-math", "mtable", "mfenced", "msqrt", "mmultiscripts", *_PLACED)


def formula_text(element: "Element") -> str:
    """The text of a formula: 10⁹, (a + b)/(c), √(2), Σ_(i=1)^(n)."""
    if _name(element) == "tex-math":
        text = "".join(element.itertext())
        marked = _MARKED.search(text.rpartition("\\begin{document}")[2])
        return (marked[2] if marked else text).strip()
    return re.sub(r"\s+", " ", _text(element)).strip()


def raised(text: str, *, up: bool) -> str:
    """A superscript or subscript; what has no such character keeps its mark: ``^(a)``."""
    text = " ".join(text.split())
    new = text.translate(_UP if up else _DOWN)
    if all(old != char for old, char in zip(text, new, strict=True)):
        return new
    return f"^({text})" if up and len(text) > 1 else f"^{text}" if up else f"_{text}"


def _name(element: "Element") -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: "Element") -> str:
    name = _name(element)
    if not name or name in ("annotation", "annotation-xml"):
        return ""
    if len(element) == 0:
        operator = (element.text or "").strip()
        return f" {operator} " if name == "mo" and operator in _SPACED else element.text or ""
    parts = [_text(child) for child in element if isinstance(child.tag, str)]
    if _PLACED.get(name) == len(parts):
        return _placed(name, [part.strip() for part in parts])
    match name:
        case "msqrt":
            return f"√({''.join(parts).strip()})"
        case "mfenced":
            marks = (element.get("separators", ",") or "")[:1]
            inner = f"{marks} ".join(part.strip() for part in parts)
            return f"{element.get('open', '(')}{inner}{element.get('close', ')')}"
        case "mtable":
            return "[" + "; ".join(part.strip() for part in parts) + "]"
        case "mtr" | "mlabeledtr":
            return ", ".join(part.strip() for part in parts)
        case "mmultiscripts":
            return _scripts(element, parts)
    return "".join(parts)


_SPACED = frozenset("=+−±<>≤≥≈×·≠∼→")


def _grouped(text: str) -> str:
    return f"({text})" if re.search(r"\W", text) and not re.fullmatch(r"\(.*\)", text) else text


def _placed(name: str, parts: list[str]) -> str:
    first, second = parts[0], parts[1]
    match name:
        case "msup":
            return _base(first) + raised(second, up=True)
        case "msub":
            return first + raised(second, up=False)
        case "mfrac":
            return f"({first})/({second})"
        case "mroot":
            return f"{raised(second, up=True)}√({first})"
        case "msubsup":
            return _base(first) + raised(second, up=False) + raised(parts[2], up=True)
        case "munderover":
            return f"{first}_({second})^({parts[2]})"
        case "munder":
            return f"{first}_{_grouped(second)}"
    # An accent stands over its letter: x̄, ŷ; anything else is named.
    accent = _ACCENTS.get(second)
    return first + accent if accent and len(first) == 1 else f"{first}^{_grouped(second)}"


_ACCENTS = {
    **dict.fromkeys("¯‾―_-", "\u0304"),
    **dict.fromkeys("^ˆ", "\u0302"),
    **dict.fromkeys("~˜∼", "\u0303"),
    **dict.fromkeys("→⃗", "\u20d7"),
    **dict.fromkeys(".˙", "\u0307"),
}


def _base(text: str) -> str:
    """What an exponent stands over: a sum or a fraction is put in brackets."""
    plain = re.fullmatch(r"[\w.]+|\([^()]*\)|\S", text)
    return text if plain else f"({text})"


def _scripts(element: "Element", parts: list[str]) -> str:
    """Pairs of subscript and superscript, those before the letter behind ``mprescripts``."""
    names = [_name(child) for child in element if isinstance(child.tag, str)]
    cut = names.index("mprescripts") if "mprescripts" in names else len(names)

    def pairs(scripts: list[str]) -> str:
        texts = [text.strip() for text in scripts]
        down, up = "".join(texts[0::2]), "".join(texts[1::2])
        return (raised(up, up=True) if up else "") + (raised(down, up=False) if down else "")

    return pairs(parts[cut + 1 :]) + parts[0].strip() + pairs(parts[1:cut])
