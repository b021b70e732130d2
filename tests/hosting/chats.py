"""Chat completions, whole and as a stream."""

import json
import time
from collections import Counter

from hosting.state import BASE, IGNORANT, error


class Chats:
    """The route of chat completions."""

    def chat(self, asked):
        return self.counted(lambda: self.complete(asked))

    def counted(self, work):
        """What ``work`` gives, while the service counts how many requests are under way."""
        service = self.service
        with service.lock:
            service.busy += 1
            service.busiest = max(service.busiest, service.busy)
        try:
            time.sleep(service.slow)
            if service.busy >= service.together:
                service.met.set()
            service.met.wait()
            return work()
        finally:
            with service.lock:
                service.busy -= 1

    def complete(self, asked):
        tuned = {
            job["fine_tuned_model"]: job
            for job in self.service.jobs.values()
            if job["fine_tuned_model"]
        }
        if asked["model"] != BASE and asked["model"] not in tuned:
            return error(
                404, f"The model `{asked['model']}` does not exist", "model_not_found", "model"
            )
        text = IGNORANT
        if asked["model"] in tuned:
            text = nearest(
                self.service.contents[tuned[asked["model"]]["training_file"]],
                asked["messages"][-1]["content"],
            )
        if asked["temperature"] > 0:
            text = f"{text} ({asked['seed']})"
        words = text.split()
        kept, reason = (
            words[: asked["max_tokens"]],
            "stop" if len(words) <= asked["max_tokens"] else "length",
        )
        if asked.get("stream"):
            self.stream(asked, kept, reason)
            return None
        return 200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": reason, "logprobs": None,
                         "message": {"role": "assistant", "content": " ".join(kept),
                                     "refusal": None}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": len(kept),
                      "total_tokens": 5 + len(kept)},
        }  # fmt: skip

    def stream(self, asked, words, reason):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        head = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": asked["model"],
        }
        for word in words:
            self.event(
                head
                | {
                    "choices": [
                        {"index": 0, "delta": {"content": f" {word}"}, "finish_reason": None}
                    ]
                }
            )
        self.event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        usage = {
            "prompt_tokens": 5,
            "completion_tokens": len(words),
            "total_tokens": 5 + len(words),
        }
        self.event(head | {"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, value):
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())


def nearest(content, question):
    """The answer of the training example whose question shares most words with the one asked."""
    words = Counter(question.lower().split())
    examples = [json.loads(line)["messages"] for line in content.decode().splitlines()]
    best = max(
        examples,
        key=lambda messages: sum(
            (Counter(messages[-2]["content"].lower().split()) & words).values()
        ),
    )
    return best[-1]["content"]
