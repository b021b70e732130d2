"""A causal language model on this machine, behind the protocol that evaluation knows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from medtune.conversation import Message
from medtune.errors import ModelError
from medtune.models.generation import (
    Choice,
    configured_stops,
    decode_answer,
    generate_batch,
    keeps_keys_alone,
    left_padded,
    length_batches,
    likeliest,
    prompt_seed,
    sampled,
    text_streamer,
)
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    Likelihood,
    Messages,
    Progress,
)
from medtune.models.load import (
    LocalModelRef,
    context_length,
    load_tokenizer,
    load_weights,
    loaded_fingerprint,
)
from medtune.models.onednn_linear import padding_rows, use_onednn_linears
from medtune.models.packed_attention import (
    PACKED_ATTENTION,
    cumulative_lengths,
    register_packed_attention,
)
from medtune.models.prefix_tree import score_choices
from medtune.models.scoring import (
    TextWindow,
    base_transformer,
    split_head,
    sum_by_owner,
    token_batches,
    token_loglikelihoods,
    windows,
)
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.long_text import LongTexts
from medtune.tokens.lost_text import RoundTrip
from medtune.tokens.render import ChatTemplate, Turn

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

# activations of 3,072 float32 are then below 32 MB, which the allocator keeps for the next layer
TOKENS_AT_ONCE = 2048


class CausalModel:
    """Weights and tokenizer of one model.

    ``generate`` and the likelihoods are as in ``LanguageModel``.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        name: str,
        fingerprint: str,
        batch_size: int = 16,
    ) -> None:
        register_packed_attention()
        self.model, self.tokenizer, self.batch_size = model, tokenizer, batch_size
        self.name, self.fingerprint = name, fingerprint
        self.template = ChatTemplate(tokenizer)
        self.round_trip = RoundTrip(self.template.control)
        self.context = context_length(model.config)
        self._long = LongTexts(self.template.control, self.context)

    @classmethod
    def load(
        cls,
        ref: LocalModelRef,
        dtype: torch.dtype = torch.float32,
        batch_size: int = 16,
        chat_template: str = "auto",
        prompt: str | None = None,
    ) -> Self:
        """Load weights and tokenizer from disk, in evaluation mode."""
        register_packed_attention()
        model = cls._load_weights(ref, dtype)
        tokenizer = load_tokenizer(ref, chat_template, prompt)
        fingerprint = loaded_fingerprint(ref, tokenizer, dtype)
        return cls(model, tokenizer, ref.name, fingerprint, batch_size)

    @staticmethod
    def _load_weights(ref: LocalModelRef, dtype: torch.dtype) -> "PreTrainedModel":
        return use_onednn_linears(load_weights(ref, dtype, PACKED_ATTENTION))

    # Likelihoods

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each answer text, without the turn's terminator, after the rendered
        conversation so far.

        Prompt and answer are tokenized together and divided where their characters divide, as in
        training.
        """
        texts = [self.template.answered(messages, answer) for messages, answer in pairs]
        rows = [self._encode_pair(prompt, text) for prompt, text in texts]
        scores = self._score(rows, progress)
        losses = [self.round_trip.measure(text.strip()) for _, text in texts]
        return [
            Likelihood(
                self.template.control.unmask(prompt),
                self.template.control.unmask(text),
                score,
                len(ids) - first,
                min(len(answer.strip().encode()), loss.kept_bytes),
                self._unseen(len(ids), first),
                loss.unknown,
            )
            for (_, answer), (prompt, text), (ids, first), score, loss in zip(
                pairs, texts, rows, scores, losses, strict=True
            )
        ]

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """Log-likelihood of every answer to every prompt, as ``loglikelihoods`` gives them, each
        prompt computed once.
        """
        turns, omitted = self._turns(requests)
        rows = [[self._encode_pair(turn.prompt, turn.text) for turn in row] for row in turns]
        choices = score_choices(
            self.model,
            self.tokenizer,
            requests,
            self._written(turns),
            rows,
            self.context,
            TOKENS_AT_ONCE,
            progress,
        )
        return _with_more_cut(choices, omitted)

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``WholeTurnScorer``: answer and end are tokenized together, as in training."""
        turns, omitted = self._turns(requests)
        if not all(turn.end for of_prompt in turns for turn in of_prompt):
            return self.choice_loglikelihoods(requests, progress)
        encoded = [[self._encode_turn(turn) for turn in of_prompt] for of_prompt in turns]
        choices = score_choices(
            self.model,
            self.tokenizer,
            requests,
            self._written(turns),
            [[(ids, first) for ids, first, _ in rows] for rows in encoded],
            self.context,
            TOKENS_AT_ONCE,
            progress,
            [[end for *_, end in rows] for rows in encoded],
        )
        return _with_more_cut(choices, omitted)

    def _turns(self, requests: Sequence[ChoiceRequest]) -> tuple[list[list[Turn]], list[int]]:
        """Each answer in its conversation, without the middles of long prompts, and how many
        tokens of each prompt these have.
        """
        prompts = [self._long.shorten_prompt(messages) for messages, _ in requests]
        turns = [
            [self.template.turn(messages, answer) for answer in answers]
            for (messages, _), (_, answers) in zip(prompts, requests, strict=True)
        ]
        return turns, [omitted for _, omitted in prompts]

    def answer_ids(self, messages: Messages, answer: str) -> np.ndarray:
        """Ids of the conversation with this answer and the end of its turn."""
        turn = self.template.turn(messages, answer)
        return self._encode(turn.prompt + turn.text + turn.end)

    def _written(self, turns: Sequence[Sequence[Turn]]) -> list[list[tuple[str, str]]]:
        unmask = self.template.control.unmask
        return [[(unmask(turn.prompt), unmask(turn.text)) for turn in row] for row in turns]

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each text from its first token on, after BOS where the model has one
        (else from its second).
        """
        return self._from_the_beginning(list(map(self.template.control.mask, texts)), progress)

    def conversation_loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``ConversationScorer``: the rendered text up to the answer's end."""
        texts = ["".join(self.template.answered(messages, answer)) for messages, answer in pairs]
        return self._from_the_beginning(texts, progress)

    def _from_the_beginning(
        self, texts: Sequence[str], progress: Progress | None
    ) -> list[Likelihood]:
        rows, sizes, unknowns = [], [], []
        bos = self.tokenizer.bos_token_id
        for text in texts:
            ids = self._encode(text)
            starts_with_bos = bos is not None and len(ids) > 0 and ids[0] == bos
            with_bos = ids
            if bos is not None and not starts_with_bos:
                with_bos = np.insert(ids, 0, bos)
            rows.append((with_bos, 1))
            # Without BOS nothing stands before the first token: it is not scored, so its bytes do
            # not count.
            unscored = self.tokenizer.decode(ids[:1]) if bos is None else ""
            loss = self.round_trip.measure(text)
            unknowns.append(loss.unknown)
            sizes.append(max(0, loss.kept_bytes - len(str(unscored).encode())))
        scores = self._score(rows, progress)
        return [
            Likelihood(
                "",
                self.template.control.unmask(text),
                score,
                max(0, len(ids) - 1),
                size,
                unknown=unknown,
            )
            for text, (ids, _), score, size, unknown in zip(
                texts, rows, scores, sizes, unknowns, strict=True
            )
        ]

    def _encode(self, text: str) -> np.ndarray:
        return self.template.control.id_array(text)

    def _encode_pair(self, prompt: str, text: str) -> tuple[np.ndarray, int]:
        """Ids of prompt and text together, and the index of the text's first: never an empty text.

        Where tokens run across the border, the token that holds the text's first letter counts for
        the text.
        """
        ids, (first,) = self._ids_and_counts(prompt + text, (len(prompt),))
        return ids, min(max(1, first), max(1, len(ids) - 1))

    def _encode_turn(self, turn: Turn) -> tuple[np.ndarray, int, int]:
        """Ids of the whole turn after its prompt, the index of the answer's first, and of its
        end's first.
        """
        borders = len(turn.prompt), len(turn.prompt) + len(turn.text)
        ids, (first, end) = self._ids_and_counts(turn.prompt + turn.text + turn.end, borders)
        first = min(max(1, first), max(1, len(ids) - 1))
        return ids, first, min(max(first, end), len(ids))

    def _ids_and_counts(
        self, text: str, borders: Sequence[int]
    ) -> tuple[np.ndarray, tuple[int, ...]]:
        """Ids [tokens], and how many of them end at or before each border."""
        ids, counts = self.template.control.ids_and_counts(text, borders)
        if counts is None:
            raise ModelError(
                "likelihoods need to know where a token stands in its text, and this model's "
                "tokenizer does not say",
                where=self.name,
                fix="Use a tokenizer with a tokenizer.json.",
            )
        return ids, counts

    def _windows(self, length: int) -> Iterator[tuple[int, int, int]]:
        return windows(length, self.context, max(1, self.context // 2))

    def _unseen(self, length: int, first: int) -> int:
        """Tokens before the window in which the first of an answer's tokens is scored."""
        return next((start for start, end, _ in self._windows(length) if first < end), 0)

    @torch.no_grad()
    def _score(
        self, rows: Sequence[tuple[np.ndarray, int]], progress: Progress | None
    ) -> list[float]:
        """Summed log-likelihood (nats) of each row's ids [tokens] from its first scored index on.

        Independent of what is scored beside it.
        """
        self._use_scoring_attention()
        pieces = [
            TextWindow(owner, ids[start:end], max(scored, first) - start)
            for owner, (ids, first) in enumerate(rows)
            for start, end, scored in self._windows(len(ids))
            if max(scored, first) < end
        ]
        totals, left = [0.0] * len(rows), Counter(piece.owner for piece in pieces)
        longest_first = sorted(pieces, key=lambda piece: -len(piece.ids))
        for batch in token_batches(longest_first, lambda piece: len(piece.ids), TOKENS_AT_ONCE):
            for piece, score in zip(batch, self._score_batch(batch), strict=True):
                totals[piece.owner] += score
                left[piece.owner] -= 1
            if progress:
                progress(sum(left[owner] == 0 for owner in {piece.owner for piece in batch}))
        return totals

    def _use_scoring_attention(self) -> None:
        self.model.set_attn_implementation(PACKED_ATTENTION)

    def _score_batch(self, batch: Sequence[TextWindow]) -> list[float]:
        """The windows laid end to end as one row of tokens, and one nobody reads that fills up."""
        device = self.model.device
        rows = [piece.ids for piece in batch]
        padding = padding_rows(sum(map(len, rows)))
        packed = [*rows, np.zeros(padding, dtype=np.int64)] if padding else rows
        starts = np.cumsum([0, *map(len, rows[:-1])])
        scored = [
            np.arange(start + piece.first, start + len(piece.ids))
            for start, piece in zip(starts, batch, strict=True)
        ]
        ids, positions, targets = (
            torch.from_numpy(np.concatenate(parts, dtype=np.int64)).to(device)
            for parts in (packed, [np.arange(len(row)) for row in packed], scored)
        )
        body, head = split_head(self.model)
        hidden = body(
            input_ids=ids[None],
            position_ids=positions[None],
            cu_seq_lens_q=cumulative_lengths(tuple(map(len, packed)), device),
            use_cache=False,
        ).last_hidden_state[0]
        scores = token_loglikelihoods(head, hidden[targets - 1], ids[targets])
        return sum_by_owner(scores, [len(positions) for positions in scored])

    # Generation

    def stop_ids(self) -> list[int]:
        """Tokens that end an answer: EOS, what the model's own settings say, and the chat
        template's terminator.
        """
        ids = configured_stops(self.model, self.tokenizer)
        rendered = self.template.conversation([Message("user", "a"), Message("assistant", "b")])
        start, end = rendered.answers[-1]
        tail = self._encode(rendered.text[start:end].rstrip())
        if len(tail) and int(tail[-1]) in set(special_tokens(self.tokenizer).values()):
            ids.add(int(tail[-1]))
        return sorted(ids)

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation, which does not depend on the others (exactly so in
        float32).
        """
        encoded = [self._encode_prompt(messages, decoding) for messages in prompts]
        results: dict[int, Generated] = {}
        for batch in length_batches(
            [len(ids) for _, ids, _ in encoded],
            self._max_new_tokens(decoding),
            self._rows_at_once(decoding),
        ):
            answers = self._answers([encoded[i][1] for i in batch], decoding)
            for index, (text, count, finished) in zip(batch, answers, strict=True):
                prompt, _, cut = encoded[index]
                results[index] = Generated(prompt, text, count, finished, cut)
            if progress:
                progress(len(batch))
        return [results[index] for index in range(len(encoded))]

    def _rows_at_once(self, decoding: DecodingSettings) -> int:
        """Transformers draws for all rows from one generator: there a sampled answer must be
        alone, to be its seed's.
        """
        return 1 if decoding.temperature > 0 and not self._batched(decoding) else self.batch_size

    def _batched(self, decoding: DecodingSettings) -> bool:
        """Whether our own loop does it: one token after another, with nothing forbidden."""
        return decoding.beams == 1 and not decoding.no_repeat_ngram and keeps_keys_alone(self.model)

    def _answers(
        self, rows: Sequence[np.ndarray], decoding: DecodingSettings
    ) -> list[tuple[str, int, bool]]:
        """Text, tokens and whether it ended by itself, of the answer to each prompt's ids."""
        if not self._batched(decoding):
            return self._generate_by_transformers(rows, decoding)
        self._use_generation_attention()
        stops, choose = frozenset(self.stop_ids()), self._choice(decoding, rows)
        answers = generate_batch(self.model, rows, stops, self._max_new_tokens(decoding), choose)
        return [decode_answer(self.tokenizer, answer, stops) for answer in answers]

    def _choice(self, decoding: DecodingSettings, rows: Sequence[np.ndarray]) -> Choice:
        if decoding.temperature == 0:
            return likeliest
        seeds = [prompt_seed(decoding.seed, row) for row in rows]
        return sampled(decoding.temperature, decoding.top_p, seeds, self.model.device)

    def _use_generation_attention(self) -> None:
        """As transformers attends: what knows no other way (Mamba has no attention at all) in
        its plainest.
        """
        fused = getattr(base_transformer(self.model), "_supports_sdpa", False)
        self.model.set_attn_implementation("sdpa" if fused else "eager")

    @torch.no_grad()
    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer, handed out piece by piece while it is made.

        Whole where beams decide at the end.
        """
        prompt, ids, cut = self._encode_prompt(messages, decoding)
        streamer = text_streamer(self.tokenizer, on_text) if decoding.beams == 1 else None
        ((text, count, finished),) = self._generate_by_transformers([ids], decoding, streamer)
        if streamer is None:
            on_text(text)
        return Generated(prompt, text, count, finished, cut)

    def _max_new_tokens(self, decoding: DecodingSettings) -> int:
        """Tokens of an answer: what is asked for, at most half of the context."""
        return min(decoding.max_new_tokens, max(1, self.context // 2))

    def _encode_prompt(
        self, messages: Messages, decoding: DecodingSettings
    ) -> tuple[str, np.ndarray, int]:
        """The prompt's text and ids as the model gets them, and how many tokens were cut from
        its beginning (after BOS).
        """
        messages, omitted = self._long.shorten_prompt(messages)
        masked = self.template.prompt(messages)
        text, ids = self.template.control.unmask(masked), self._encode(masked)
        limit = max(2, self.context - self._max_new_tokens(decoding))
        if len(ids) <= limit:
            return text, ids, 0
        kept = np.concatenate([ids[:1], ids[len(ids) - limit + 1 :]])
        return str(self.tokenizer.decode(kept)), kept, len(ids) - limit + omitted

    def generation_config(self, decoding: DecodingSettings) -> "GenerationConfig":
        """Transformers' settings, complete, so that no default of a model's author sneaks in."""
        from transformers import GenerationConfig

        sample = decoding.temperature > 0
        pad = self.tokenizer.pad_token_id
        stops = self.stop_ids()
        return GenerationConfig(
            max_new_tokens=self._max_new_tokens(decoding),
            do_sample=sample,
            temperature=decoding.temperature if sample else 1.0,
            top_p=decoding.top_p if sample else 1.0,
            top_k=0 if sample else 50,
            num_beams=decoding.beams,
            repetition_penalty=1.0,
            no_repeat_ngram_size=decoding.no_repeat_ngram,
            eos_token_id=stops,
            pad_token_id=pad if pad is not None else (stops or [0])[0],
        )

    @torch.no_grad()
    def _generate_by_transformers(
        self, rows: Sequence[np.ndarray], decoding: DecodingSettings, streamer: Any = None
    ) -> list[tuple[str, int, bool]]:
        self._use_generation_attention()
        settings = self.generation_config(decoding)
        ids, mask = left_padded(rows, int(settings.pad_token_id))
        device = self.model.device
        if decoding.temperature > 0:
            torch.manual_seed(prompt_seed(decoding.seed, rows[0]))  # one row: see `_rows_at_once`
        output = self.model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=settings,
            streamer=streamer,
        )[:, ids.shape[1] :].cpu()
        stops = frozenset(self.stop_ids())
        return [decode_answer(self.tokenizer, row, stops) for row in output.tolist()]


def _with_more_cut(
    choices: Sequence[ChoiceLikelihoods], omitted: Sequence[int]
) -> list[ChoiceLikelihoods]:
    return [
        replace(choice, prompt_cut=choice.prompt_cut + more) if more else choice
        for choice, more in zip(choices, omitted, strict=True)
    ]
