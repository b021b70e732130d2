"""An encoder-decoder (T5, Flan-T5) on this machine, behind the protocol that evaluation knows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medtune.conversation import Message
from medtune.models.generation import configured_stops, decode_answer, prompt_seed, text_streamer
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    Likelihood,
    Messages,
    Progress,
    choices_in_portions,
)
from medtune.models.load import (
    LocalModelRef,
    context_length,
    load_tokenizer,
    load_weights,
    loaded_fingerprint,
)
from medtune.models.onednn_linear import use_onednn_linears
from medtune.models.scoring import windows
from medtune.models.t5_packed import PairBatch, decoder_hidden, start_token
from medtune.tokens.encode_pairs import PairEncoder, keep_source
from medtune.tokens.lost_text import RoundTrip

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

TOKENS_AT_ONCE = 4096
PROMPTS_AT_ONCE = 64  # of questions with choices, between two signs of progress
LOGITS_AT_ONCE = 512  # positions
LONGEST_WINDOW = 1024  # tokens of an answer that are scored together


@dataclass(frozen=True)
class _Piece:
    """A window of one answer: what its source is, its ids with the one before them, and the
    first that counts.
    """

    owner: int
    source: np.ndarray
    ids: np.ndarray
    first: int


class Seq2SeqModel:
    """Weights and tokenizer of one model.

    ``generate`` and the likelihoods are as in ``LanguageModel``.
    """

    remembers = False  # it is trained on single questions: in a shell, each stands alone

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        name: str,
        fingerprint: str,
        batch_size: int = 16,
    ) -> None:
        self.model, self.tokenizer, self.batch_size = model, tokenizer, batch_size
        self.name, self.fingerprint = name, fingerprint
        self.context = context_length(model.config)
        self.encoder = PairEncoder(tokenizer, self.context, self.context)
        self.template = self.encoder.template
        self.round_trip = RoundTrip(self.template.control)

    @classmethod
    def load(
        cls,
        ref: LocalModelRef,
        dtype: torch.dtype = torch.float32,
        batch_size: int = 16,
        chat_template: str = "auto",
        prompt: str | None = None,
    ) -> "Seq2SeqModel":
        """Load weights and tokenizer from disk, in evaluation mode."""
        model = use_onednn_linears(load_weights(ref, dtype, "sdpa"))
        tokenizer = load_tokenizer(ref, chat_template, prompt)
        fingerprint = loaded_fingerprint(ref, tokenizer, dtype)
        return cls(model, tokenizer, ref.name, fingerprint, batch_size)

    def _source(self, messages: Messages) -> tuple[str, np.ndarray, int]:
        """What the encoder reads, its ids, and how many tokens its middle lost to the model's
        context.
        """
        messages, omitted = self.encoder.long_texts.shorten_prompt(messages)
        text = self.encoder.source_text(messages)
        ids = self.encoder.ids(text)
        kept = ids[keep_source(len(ids), self.context)]
        cut = len(ids) - len(kept) + omitted
        shown = self.tokenizer.decode(kept[:-1]) if cut else self.template.control.unmask(text)
        return str(shown), kept, cut

    # Likelihoods

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each answer text, without the terminator, given its source.

        Answers to one source share it.
        """
        return self._loglikelihoods(pairs, progress)

    def _loglikelihoods(
        self,
        pairs: Sequence[tuple[Messages, str]],
        progress: Progress | None,
        with_end: bool = False,
    ) -> list[Likelihood]:
        known: dict[tuple[Message, ...], tuple[str, np.ndarray, int]] = {}
        start = start_token(self.model.config)
        read = [
            known.get(tuple(m)) or known.setdefault(tuple(m), self._source(m)) for m, _ in pairs
        ]
        texts = [answer.strip() for _, answer in pairs]
        masked = [self.encoder.target_text(text) for text in texts]
        targets = [self.encoder.ids(text) for text in masked]
        losses = [self.round_trip.measure(text) for text in masked]
        answers = [np.concatenate([[start], ids if with_end else ids[:-1]]) for ids in targets]
        scores = self._score([source for _, source, _ in read], answers, progress)
        return [
            Likelihood(prompt, text, score, len(ids) - 1, loss.kept_bytes, cut, loss.unknown)
            for (prompt, _, cut), text, ids, score, loss in zip(
                read, texts, answers, scores, losses, strict=True
            )
        ]

    def answer_ids(self, messages: Messages, answer: str) -> np.ndarray:
        """Ids of the target that this answer is."""
        return self.encoder.ids(self.encoder.target_text(answer))

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``ChoiceScorer``: the encoder reads each prompt once."""
        return choices_in_portions(self, requests, PROMPTS_AT_ONCE, progress)

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``WholeTurnScorer``: the tokenizer's own end of a target is scored."""
        results = []
        for start in range(0, len(requests), PROMPTS_AT_ONCE):
            portion = requests[start : start + PROMPTS_AT_ONCE]
            choices = choices_in_portions(self, portion, PROMPTS_AT_ONCE, progress)
            pairs = [(messages, text) for messages, texts in portion for text in texts]
            wholes = iter(self._loglikelihoods(pairs, None, with_end=True))
            for choice in choices:
                ends = [next(wholes).loglikelihood - text for text in choice.loglikelihoods]
                results.append(replace(choice, ends=tuple(ends)))
        return results

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Empty: an encoder-decoder predicts answers to sources, and has no likelihood of a text
        by itself.
        """
        if progress:
            progress(len(texts))
        return []

    @torch.no_grad()
    def _score(
        self,
        sources: Sequence[np.ndarray],
        answers: Sequence[np.ndarray],
        progress: Progress | None,
    ) -> list[float]:
        """Summed log-likelihood of each answer's tokens after its first.

        Independent of what is scored beside it.
        """
        totals, window = [0.0] * len(answers), min(self.context, LONGEST_WINDOW)
        pieces = [
            _Piece(owner, source, ids[begin:end], scored - begin)
            for owner, (source, ids) in enumerate(zip(sources, answers, strict=True))
            for begin, end, scored in windows(len(ids), window, max(1, window // 2))
            if scored < end
        ]
        left = Counter(piece.owner for piece in pieces)
        # the first piece of each source, so that its answers stand together
        first: dict[int, int] = {}
        for number, piece in enumerate(pieces):
            first.setdefault(id(piece.source), number)
        for batch in _batches(
            sorted(pieces, key=lambda p: (-len(p.source), first[id(p.source)], -len(p.ids)))
        ):
            for piece, score in zip(batch, self._score_batch(batch), strict=True):
                totals[piece.owner] += score
                left[piece.owner] -= 1
            if progress:
                progress(sum(left[owner] == 0 for owner in {piece.owner for piece in batch}))
        return totals

    def _score_batch(self, batch: Sequence[_Piece]) -> list[float]:
        packed = PairBatch.of([p.source for p in batch], [p.ids for p in batch], self.model.device)
        hidden, head = decoder_hidden(self.model, packed)
        scores = []
        for states, targets in zip(
            hidden.split(LOGITS_AT_ONCE), packed.targets.split(LOGITS_AT_ONCE), strict=True
        ):
            logits = head(states).float()
            scores.append(logits.gather(1, targets[:, None]).squeeze(1) - logits.logsumexp(dim=-1))
        rows = torch.cat(scores).double().cpu().split(list(packed.target_lengths))
        return [float(row[piece.first - 1 :].sum()) for row, piece in zip(rows, batch, strict=True)]

    # Generation

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation.

        Greedy and beam answers do not depend on the batch (exactly so in float32).
        """
        sources = [self._source(messages) for messages in prompts]
        order = sorted(range(len(sources)), key=lambda i: -len(sources[i][1]))
        # A sampled answer must not depend on its neighbours: one at a time, each from the seed.
        size = self.batch_size if decoding.temperature == 0 else 1
        results: dict[int, Generated] = {}
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            outputs = self._generate_batch([sources[i][1] for i in chosen], decoding)
            for index, (text, count, finished) in zip(chosen, outputs, strict=True):
                prompt, _, cut = sources[index]
                results[index] = Generated(prompt, text, count, finished, cut)
            if progress:
                progress(len(chosen))
        return [results[index] for index in range(len(sources))]

    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer, handed out piece by piece while it is made.

        Whole where beams decide at the end.
        """
        prompt, source, cut = self._source(messages)
        streamer = text_streamer(self.tokenizer, on_text) if decoding.beams == 1 else None
        ((answer, count, finished),) = self._generate_batch([source], decoding, streamer)
        if streamer is None:
            on_text(answer)
        return Generated(prompt, answer, count, finished, cut)

    def stop_ids(self) -> list[int]:
        """Tokens that end an answer: EOS, and those of the model's own settings."""
        return sorted(configured_stops(self.model, self.tokenizer))

    def generation_config(self, decoding: DecodingSettings) -> "GenerationConfig":
        """Transformers' settings, complete, so that no default of a model's author sneaks in."""
        from transformers import GenerationConfig

        sample = decoding.temperature > 0
        return GenerationConfig(
            max_new_tokens=min(decoding.max_new_tokens, self.context),
            do_sample=sample,
            temperature=decoding.temperature if sample else 1.0,
            top_p=decoding.top_p if sample else 1.0,
            top_k=0 if sample else 50,
            num_beams=decoding.beams,
            length_penalty=1.0,
            early_stopping=False,
            repetition_penalty=1.0,
            no_repeat_ngram_size=decoding.no_repeat_ngram,
            eos_token_id=self.stop_ids(),
            pad_token_id=int(self.model.config.pad_token_id),
            decoder_start_token_id=start_token(self.model.config),
        )

    @torch.no_grad()
    def _generate_batch(
        self, rows: Sequence[np.ndarray], decoding: DecodingSettings, streamer: Any = None
    ) -> list[tuple[str, int, bool]]:
        settings = self.generation_config(decoding)
        width, device = max(len(row) for row in rows), self.model.device
        ids = torch.full((len(rows), width), int(settings.pad_token_id))
        mask = torch.zeros((len(rows), width), dtype=torch.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = torch.from_numpy(row), 1
        if decoding.temperature > 0:
            torch.manual_seed(prompt_seed(decoding.seed, rows[0]))
        output = self.model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=settings,
            streamer=streamer,
        )[:, 1:].cpu()  # the first is the start token
        stops = frozenset(self.stop_ids())
        return [decode_answer(self.tokenizer, row, stops) for row in output.tolist()]


def _batches(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces in their order, at most ``TOKENS_AT_ONCE`` tokens (or one piece) at a time.

    A shared source counts once.
    """
    batch: list[_Piece] = []
    tokens = 0
    for piece in pieces:
        shared = bool(batch) and piece.source is batch[-1].source
        size = len(piece.ids) + (0 if shared else len(piece.source))
        if batch and tokens + size > TOKENS_AT_ONCE:
            yield batch
            batch, tokens, size = [], 0, len(piece.source) + len(piece.ids)
        batch.append(piece)
        tokens += size
    if batch:
        yield batch
