"""An answer handed out piece by piece while it is made."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def text_streamer(tokenizer: "PreTrainedTokenizerBase", on_text: Callable[[str], None]) -> Any:
    """A streamer for transformers' ``generate`` that gives ``on_text`` whole words, without blanks before the first."""
    from transformers import TextStreamer

    class Pieces(TextStreamer):  # type: ignore[misc]
        begun = False

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            text = text if self.begun else text.lstrip()
            self.begun = self.begun or bool(text)
            on_text(text)

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)
