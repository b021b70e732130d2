"""What a tokenizer loses of the texts of the splits, in words."""

from collections.abc import Mapping

from medtune.data.audit import SplitTextLoss, TextLoss, counted


def loss_sentences(losses: Mapping[str, SplitTextLoss]) -> list[str]:
    """What a tokenizer loses, a sentence a split and part; none where it loses nothing."""
    return [
        f"{split}, {name}: {sentence}"
        for split, loss in losses.items()
        for name, part in (("prompts", loss.prompts), ("answers", loss.answers))
        if (sentence := _loss_sentence(part))
    ]


def _loss_sentence(part: TextLoss) -> str:
    parts = []
    if part.with_loss or part.with_unknown:
        most = ", ".join(f"{_shown(c)} {n:,}" for c, n in part.most_lost.items())
        parts.append(
            f"{part.with_loss:,} of {part.texts:,} lose {part.lost_characters:,} of "
            f"{part.characters:,} characters ({most})"
        )
    if part.with_unknown:
        parts.append(f"{part.with_unknown:,} hold {counted(part.unknown_tokens, 'unknown token')}")
    if part.with_control_tokens:
        parts.append(
            f"{part.with_control_tokens:,} hold control tokens ({part.control_tokens:,}), which "
            "are read as text"
        )
    return "; ".join(parts)


def _shown(character: str) -> str:
    """A character for people: what cannot be seen by its code."""
    visible = character.isprintable() and not character.isspace()
    return character if visible else f"U+{ord(character):04X}"
