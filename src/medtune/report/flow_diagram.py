"""The way of the data as a picture: boxes with counts, from what was read to what was measured."""

from html import escape

from medtune.data.audit import Audit

WIDTH, BOX_HEIGHT, GAP = 720, 46, 26


def _box(x: float, y: float, width: float, title: str, text: str, kind: str) -> str:
    middle = x + width / 2
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" rx="7"/>'
        f'<text x="{middle}" y="{y + 19}" class="title">{escape(title)}</text>'
        f'<text x="{middle}" y="{y + 36}">{escape(text)}</text></g>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1} {y1} L{x2} {y2 - 7}" marker-end="url(#tip)"/>'


def _left_out(audit: Audit) -> list[str]:
    reasons = [(name.replace("_", " "), count) for name, count in audit.dropped.items() if count]
    if audit.rows.not_drawn:
        reasons.append(("not drawn (limit)", audit.rows.not_drawn))
    return [f"{name}: {count:,}" for name, count in reasons]


def flow_picture(audit: Audit) -> str:
    """SVG: sources → usable → drawn → splits; what was left out stands beside, by reason."""
    names = ", ".join(source.name for source in audit.sources)
    rows, splits = audit.rows, audit.splits
    left = _left_out(audit) or ["nothing left out"]
    parts = [
        _box(40, 10, 380, f"read: {rows.read:,} rows", names, "box"),
        _arrow(230, 10 + BOX_HEIGHT, 230, 10 + BOX_HEIGHT + GAP),
        _box(
            40,
            10 + BOX_HEIGHT + GAP,
            380,
            f"used: {rows.drawn:,} rows",
            f"{audit.groups.count:,} groups, never divided",
            "box",
        ),
    ]
    lines = "".join(
        f'<tspan x="470" dy="17">{escape(line)}</tspan>' for line in ["left out", *left]
    )
    parts.append(f'<text x="470" y="22" class="left">{lines}</text>')
    third, top = 2 * (BOX_HEIGHT + GAP) + 10, 10 + 2 * BOX_HEIGHT + GAP
    width = 206
    use = {
        "train": "learnt from",
        "validation": "watched while training",
        "test": "measured before and after",
    }
    for number, (name, facts) in enumerate(splits.items()):
        x = 40 + number * (width + 11)
        parts.append(_arrow(230, top, x + width / 2, third))
        parts.append(
            _box(x, third, width, f"{name}: {facts.rows:,} rows", use[name], f"box {name}")
        )
    share = audit.leaked_share_of_a_random_split
    note = f"shared between training and the rest: {audit.leaked} (a random split: {share:.0%} of held-out rows)"
    parts.append(f'<text x="40" y="{third + BOX_HEIGHT + 26}">{escape(note)}</text>')
    height = max(third + BOX_HEIGHT + 40, 40 + 17 * len(left))
    tip = '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="2" refY="4" orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    return f'<svg class="flow" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="data flow">{tip}{"".join(parts)}</svg>'
