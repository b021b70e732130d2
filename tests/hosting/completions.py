"""Legacy completions that echo a prompt with log-probabilities: a real tiny model's, worked out
by plain transformers.
"""

from hosting.state import BASE, error


class Completions:
    """The route of completions; a service without a scorer has none."""

    def completions(self, asked):
        service = self.service
        if service.scorer is None:
            return error(404, "Not Found")
        if asked["model"] != BASE:
            return error(404, f"The model `{asked['model']}` does not exist.", 404)
        return 200, self.counted(lambda: service.scorer(asked))


class Scorer:
    """Answers as vLLM does: BOS put first and counted in ``text_offset``, one token more than
    the prompt has.

    ``write`` is how a token id becomes text (by default: decoded by itself), ``change`` what is
    done to an answer last.
    """

    def __init__(self, place, *, with_bos=True, write=None, change=lambda answer: answer):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(place)
        self.model = AutoModelForCausalLM.from_pretrained(place, attn_implementation="eager").eval()
        self.head = [self.tokenizer.bos_token_id] if with_bos else []
        self.write = write or (lambda token: self.tokenizer.decode([token]))
        self.change = change

    def __call__(self, asked):
        import torch

        ids = self.head + self.tokenizer.encode(asked["prompt"], add_special_tokens=False)
        with torch.no_grad():
            logs = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        new = int(logs[-1].argmax())
        values = [None, *(float(logs[i, token]) for i, token in enumerate([*ids[1:], new]))]
        tokens = [self.write(token) for token in [*ids, new]]
        offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
        logprobs = {
            "tokens": tokens,
            "token_logprobs": values,
            "text_offset": offsets,
            "top_logprobs": None,
        }
        choice = {
            "index": 0,
            "text": asked["prompt"] + tokens[-1],
            "finish_reason": "length",
            "logprobs": logprobs,
        }
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
        head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": asked["model"]}
        return self.change(head | {"choices": [choice], "usage": usage})
