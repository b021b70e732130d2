"""A causal language model on this machine, behind the protocol that evaluation knows."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from medtune.conversation import Message
from medtune.models.generation import (
    Choice,
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
    batches,
    split_head,
    token_loglikelihoods,
    windows,
)
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.render import ChatTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
        self.context = context_length(model.config)

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
        ids, firsts, results = [], [], []
        for messages, answer in pairs:
            prompt, text = self.template.answered(messages, answer)
            tokens, first = self._divided(prompt, text)
            ids.append(tokens)
            firsts.append(first)
            results.append((prompt, text, len(answer.strip().encode())))
        scores = self._score(ids, firsts, progress)
        return [
            Likelihood(
                prompt, text, score, len(tokens) - first, size, self._unseen(len(tokens), first)
            )
            for (prompt, text, size), tokens, first, score in zip(
                results, ids, firsts, scores, strict=True
            )
        ]

    def choice_loglikelihoods(
        self, asked: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """Log-likelihood of every answer to every prompt, as ``loglikelihoods`` gives them, each
        prompt computed once.
        """
        texts = [
            [self.template.answered(messages, answer) for answer in answers]
            for messages, answers in asked
        ]
        ids = [[self._divided(*text) for text in some] for some in texts]
        return score_choices(
            self.model, self.tokenizer, asked, texts, ids, (self.context, TOKENS_AT_ONCE), progress
        )

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each text from its first token on, after BOS where the model has one
        (else from its second).
        """
        ids, firsts, sizes = [], [], []
        bos = self.tokenizer.bos_token_id
        for text in texts:
            tokens = self._encode(text)
            starts_with_bos = bos is not None and len(tokens) > 0 and tokens[0] == bos
            ids.append(
                tokens if bos is None or starts_with_bos else np.concatenate([[bos], tokens])
            )
            firsts.append(1)
            # Without BOS nothing stands before the first token: it is not scored, so its bytes do
            # not count.
            unscored = self.tokenizer.decode(tokens[:1]) if bos is None else ""
            sizes.append(len(text.encode()) - len(str(unscored).encode()))
        scores = self._score(ids, firsts, progress)
        return [
            Likelihood("", text, score, max(0, len(tokens) - 1), size)
            for text, tokens, score, size in zip(texts, ids, scores, sizes, strict=True)
        ]

    def _encode(self, text: str) -> np.ndarray:
        return np.array(
            self.tokenizer.encode(text, add_special_tokens=False, verbose=False), dtype=np.int64
        )

    def _divided(self, prompt: str, text: str) -> tuple[np.ndarray, int]:
        """Ids of prompt and text together, and the first id of the text: never an empty text.

        Where tokens run across the border, the token that holds the text's first letter counts for
        the text.
        """
        encoding = self.tokenizer(
            prompt + text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
            truncation=False,
        )
        ends = np.array(encoding["offset_mapping"]).reshape(-1, 2)[:, 1]
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        first = int(np.searchsorted(ends, len(prompt), side="right"))
        return ids, min(max(1, first), max(1, len(ids) - 1))

    def _windows(self, length: int) -> Iterator[tuple[int, int, int]]:
        return windows(length, self.context, max(1, self.context // 2))

    def _unseen(self, length: int, first: int) -> int:
        """Tokens before the window in which the first of an answer's tokens is scored."""
        return next((start for start, end, _ in self._windows(length) if first < end), 0)

    @torch.no_grad()
    def _score(
        self, ids: Sequence[np.ndarray], firsts: Sequence[int], progress: Progress | None
    ) -> list[float]:
        """Summed log-likelihood of each text's tokens from ``first`` on.

        Independent of what is scored beside it.
        """
        self._attend_by_rows()
        totals = [0.0] * len(ids)
        left = [0] * len(ids)
        pieces = []
        for owner, (tokens, first) in enumerate(zip(ids, firsts, strict=True)):
            for start, end, scored in self._windows(len(tokens)):
                if max(scored, first) < end:
                    pieces.append(TextWindow(owner, tokens[start:end], max(scored, first) - start))
                    left[owner] += 1
        for batch in batches(sorted(pieces, key=lambda piece: -len(piece.ids)), TOKENS_AT_ONCE):
            for piece, score in zip(batch, self._score_batch(batch), strict=True):
                totals[piece.owner] += score
                left[piece.owner] -= 1
            if progress:
                progress(
                    sum(
                        left[p.owner] == 0 for p in {piece.owner: piece for piece in batch}.values()
                    )
                )
        return totals

    def _attend_by_rows(self) -> None:
        self.model.set_attn_implementation(PACKED_ATTENTION)

    def _score_batch(self, batch: Sequence[TextWindow]) -> list[float]:
        device = self.model.device
        lengths = [len(piece.ids) for piece in batch]
        filling = [
            np.zeros(n, dtype=np.int64) for n in [padding_rows(sum(lengths))] if n
        ]  # a row that nobody reads
        rows = [*(piece.ids for piece in batch), *filling]
        tokens = torch.from_numpy(np.concatenate(rows)).to(device)
        positions = torch.from_numpy(np.concatenate([np.arange(len(row)) for row in rows])).to(
            device
        )
        starts = np.cumsum([0, *lengths[:-1]])
        wanted = [
            np.arange(start + p.first, start + n)
            for start, p, n in zip(starts, batch, lengths, strict=True)
        ]
        targets = torch.from_numpy(np.concatenate(wanted)).to(device)
        body, head = split_head(self.model)
        hidden = body(
            input_ids=tokens[None],
            position_ids=positions[None],
            cu_seq_lens_q=cumulative_lengths(tuple(map(len, rows)), device),
            use_cache=False,
        ).last_hidden_state[0]
        scores = token_loglikelihoods(head, hidden[targets - 1], tokens[targets])
        owners = torch.from_numpy(np.repeat(np.arange(len(batch)), [len(w) for w in wanted]))
        sums = torch.zeros(len(batch), dtype=torch.float64).index_add_(
            0, owners, scores.double().cpu()
        )
        return [float(value) for value in sums]

    # Generation

    def stop_ids(self) -> list[int]:
        """Tokens that end an answer: EOS, what the model's own settings say, and the chat
        template's terminator.
        """
        ids = {self.tokenizer.eos_token_id}
        settings = getattr(self.model, "generation_config", None)
        own = settings.eos_token_id if settings is not None else None
        ids.update(own if isinstance(own, list) else [own])
        rendered = self.template.conversation([Message("user", "a"), Message("assistant", "b")])
        start, end = rendered.answers[-1]
        tail = self._encode(rendered.text[start:end].rstrip())
        if len(tail) and int(tail[-1]) in set(special_tokens(self.tokenizer).values()):
            ids.add(int(tail[-1]))
        return sorted(i for i in ids if i is not None)

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation, which does not depend on the others (exactly so in
        float32).
        """
        made = [self._prompt(messages, decoding) for messages in prompts]
        encoded = [ids for _, ids, _ in made]
        results: dict[int, Generated] = {}
        for chosen in length_batches(
            [len(ids) for ids in encoded], self._room(decoding), self._at_once(decoding)
        ):
            outputs = self._answers([encoded[i] for i in chosen], decoding)
            for index, (text, count, finished) in zip(chosen, outputs, strict=True):
                results[index] = Generated(made[index][0], text, count, finished, made[index][2])
            if progress:
                progress(len(chosen))
        return [results[index] for index in range(len(made))]

    def _at_once(self, decoding: DecodingSettings) -> int:
        """Transformers draws for all rows from one generator: there a sampled answer must be
        alone, to be its seed's.
        """
        return 1 if decoding.temperature > 0 and not self._together(decoding) else self.batch_size

    def _together(self, decoding: DecodingSettings) -> bool:
        """Whether our own loop does it: one token after another, with nothing forbidden."""
        return decoding.beams == 1 and not decoding.no_repeat_ngram and keeps_keys_alone(self.model)

    def _answers(
        self, rows: Sequence[np.ndarray], decoding: DecodingSettings
    ) -> list[tuple[str, int, bool]]:
        """Text, tokens and whether it ended by itself, of the answer to each prompt."""
        if not self._together(decoding):
            return list(self._generate_batch(rows, decoding))
        self._attend()
        stops, choose = frozenset(self.stop_ids()), self._choice(decoding, rows)
        made = generate_batch(self.model, rows, stops, self._room(decoding), choose)
        return [self._read(answer, stops) for answer in made]

    def _choice(self, decoding: DecodingSettings, rows: Sequence[np.ndarray]) -> Choice:
        if decoding.temperature == 0:
            return likeliest
        seeds = [prompt_seed(decoding.seed, row) for row in rows]
        return sampled(decoding.temperature, decoding.top_p, seeds, self.model.device)

    def _attend(self) -> None:
        """As transformers attends: what knows no other way (Mamba has no attention at all) in
        its plainest.
        """
        fused = getattr(base_transformer(self.model), "_supports_sdpa", False)
        self.model.set_attn_implementation("sdpa" if fused else "eager")

    def _read(self, tokens: Sequence[int], stops: frozenset[int]) -> tuple[str, int, bool]:
        end = next((i for i, token in enumerate(tokens) if token in stops), None)
        answer = list(tokens if end is None else tokens[:end])
        return (
            self.tokenizer.decode(answer, skip_special_tokens=True).strip(),
            len(answer),
            end is not None,
        )

    @torch.no_grad()
    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer, handed out piece by piece while it is made.

        Whole where beams decide at the end.
        """
        text, ids, cut = self._prompt(messages, decoding)
        streamer = text_streamer(self.tokenizer, on_text) if decoding.beams == 1 else None
        ((answer, count, finished),) = self._generate_batch([ids], decoding, streamer)
        if streamer is None:
            on_text(answer)
        return Generated(text, answer, count, finished, cut)

    def _room(self, decoding: DecodingSettings) -> int:
        """Tokens of an answer: what is asked for, at most half of the context."""
        return min(decoding.max_new_tokens, max(1, self.context // 2))

    def _prompt(
        self, messages: Messages, decoding: DecodingSettings
    ) -> tuple[str, np.ndarray, int]:
        """The prompt's text and ids as the model gets them, and how many tokens were cut from
        its beginning (after BOS).
        """
        text = self.template.prompt(messages)
        ids = self._encode(text)
        limit = max(2, self.context - self._room(decoding))
        if len(ids) <= limit:
            return text, ids, 0
        kept = np.concatenate([ids[:1], ids[len(ids) - limit + 1 :]])
        return str(self.tokenizer.decode(kept)), kept, len(ids) - limit

    def generation_settings(self, decoding: DecodingSettings) -> dict[str, Any]:
        """Arguments of transformers' ``generate``, complete, so that no default of a model's
        author sneaks in.
        """
        sample = decoding.temperature > 0
        pad = self.tokenizer.pad_token_id
        stops = self.stop_ids()
        return {
            "max_new_tokens": self._room(decoding),
            "do_sample": sample,
            "temperature": decoding.temperature if sample else 1.0,
            "top_p": decoding.top_p if sample else 1.0,
            "top_k": 0 if sample else 50,
            "num_beams": decoding.beams,
            "repetition_penalty": 1.0,
            "no_repeat_ngram_size": decoding.no_repeat_ngram,
            "eos_token_id": stops,
            "pad_token_id": pad if pad is not None else (stops or [0])[0],
        }

    @torch.no_grad()
    def _generate_batch(
        self, rows: Sequence[np.ndarray], decoding: DecodingSettings, streamer: Any = None
    ) -> Iterator[tuple[str, int, bool]]:
        from transformers import GenerationConfig

        self._attend()
        settings = GenerationConfig(**self.generation_settings(decoding))
        ids, mask = left_padded(rows, int(settings.pad_token_id))
        device = self.model.device
        if decoding.temperature > 0:
            torch.manual_seed(prompt_seed(decoding.seed, rows[0]))  # one row: see `_at_once`
        output = self.model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=settings,
            streamer=streamer,
        )[:, ids.shape[1] :].cpu()
        stops = frozenset(self.stop_ids())
        for row in output.tolist():
            yield self._read(row, stops)
