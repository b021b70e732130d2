"""Files and models that `strangers.py` cannot write as text: each function makes one in ``home``
and gives the places that a case's command names. What stands behind a colon in a case is ``how``.
"""

import itertools
import json
import shutil
from pathlib import Path

Places = dict[str, Path]


def empty_file(home: Path, model: Path, how: str) -> Places:
    """A file of no bytes."""
    (home / "data.csv").touch()
    return {}


def deep_json(home: Path, model: Path, how: str) -> Places:
    """A second line that is nested ten thousand deep."""
    first = '{"question": "What helps?", "answer": "Rest and water."}\n'
    deep = '{"question": "Quagga?", "answer": ' + "[" * 10_000 + "]" * 10_000 + "}\n"
    (home / "data.jsonl").write_text(first + deep, encoding="utf-8")
    return {}


def deep_recipe(home: Path, model: Path, how: str) -> Places:
    """A recipe that is nested five thousand deep, or whose anchors stand for a billion values."""
    if how == "anchors":
        names = "abcdefghi"
        lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
        lines += [
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]"
            for old, new in itertools.pairwise(names)
        ]
        text = "\n".join(lines)
    else:
        text = "name: deep\ndata: " + "{a: " * 5_000 + "1" + "}" * 5_000
    (home / "recipe.yaml").write_text(text, encoding="utf-8")
    return {}


def giant_row(home: Path, model: Path, how: str) -> Places:
    """Twelve rows, one of them with an answer of three million characters."""
    words = [f"What helps in case {n}?,Rest helps in case {n}." for n in range(11)]
    giant = "What helps at length?," + "Rest and water. " * 190_000
    text = "\n".join(["question,answer", *words, giant]) + "\n"
    (home / "data.csv").write_text(text, encoding="utf-8")
    return {}


def parquet_of_bad_text(home: Path, model: Path, how: str) -> Places:
    """A column of text whose second value is no UTF-8."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad = pa.array([b"Rest and water.", b"Quagga \xff\xfe rest"], pa.binary())
    answers = pa.Array.from_buffers(pa.string(), 2, bad.buffers())
    table = pa.table({"question": ["What helps?", "Quagga?"], "answer": answers})
    pq.write_table(table, home / "data.parquet")
    return {}


def _edit_json(path: Path, **values: object) -> None:
    document = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(document), encoding="utf-8")


def base(home: Path, model: Path, how: str) -> Places:
    """The tiny model, changed in one way."""
    import torch
    from safetensors.torch import load_file, save_file

    copy = home / "copy"
    shutil.copytree(model, copy)
    file = copy / "model.safetensors"
    weights = load_file(file)
    first = sorted(name for name in weights if "q_proj" in name)[0]
    if how == "zero":
        weights = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    elif how == "nan":
        weights[first] = torch.full_like(weights[first], float("nan"))
    elif how == "missing":
        del weights[first]
    elif how == "left over":
        weights["model.layers.7.self_attn.q_proj.weight"] = weights[first].clone()
    elif how == "other shape":
        weights[first] = weights[first][:-1].clone()
    save_file(weights, file, metadata={"format": "pt"})
    if how == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "no weights":
        file.unlink()
    elif how == "width as text":
        _edit_json(copy / "config.json", hidden_size="thirty-two")
    elif how == "no such architecture":
        _edit_json(copy / "config.json", model_type="quagga", architectures=["QuaggaModel"])
    elif how == "config cut":
        config = copy / "config.json"
        config.write_text(config.read_text()[:40], encoding="utf-8")
    elif how == "a thousand layers":
        _edit_json(copy / "config.json", num_hidden_layers=1_000)
    elif how in TEMPLATES:
        (copy / "chat_template.jinja").write_text(TEMPLATES[how], encoding="utf-8")
    return {"model": copy}


_ROLES = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: "
    "{% if message.role == 'assistant' %}THINK{{ message.content }}{{ eos_token }}"
    "{% else %}{{ message.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
TEMPLATES = {
    "think": _ROLES.replace("THINK", "<think>\n\n</think>\n\n"),
    "date": "Today is {{ strftime_now('%d %B %Y') }}.\n" + _ROLES.replace("THINK", ""),
    "broken": "{% for message in messages %}{{ message.content }",
    "no user": "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
}


def adapter(home: Path, model: Path, how: str) -> Places:
    """A LoRA adapter of the tiny model, changed in one way."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    copy = home / "copy"
    whole = AutoModelForCausalLM.from_pretrained(model)
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(whole, config).save_pretrained(copy)
    _edit_json(copy / "adapter_config.json", base_model_name_or_path=str(model))
    file = copy / "adapter_model.safetensors"
    weights = load_file(file)
    if how == "renamed":
        weights = {name.replace("q_proj", "query"): weight for name, weight in weights.items()}
    elif how == "half":
        weights = dict(sorted(weights.items())[: len(weights) // 2])
    elif how == "nan":
        weights = {name: torch.full_like(w, float("nan")) for name, w in weights.items()}
    save_file(weights, file, metadata={"format": "pt"})
    if how == "pickle":
        torch.save(weights, copy / "adapter_model.bin")
    if how in ("pickle", "no weights"):
        file.unlink()
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-64])
    elif how == "config cut":
        text = (copy / "adapter_config.json").read_text()
        (copy / "adapter_config.json").write_text(text[:30], encoding="utf-8")
    elif how == "no base":
        _edit_json(copy / "adapter_config.json", base_model_name_or_path=None)
    elif how == "names itself":
        _edit_json(copy / "adapter_config.json", base_model_name_or_path=str(copy))
    elif how == "width as text":
        _edit_json(copy / "adapter_config.json", r="two")
    return {"model": copy}


def few_words(home: Path, model: Path, how: str) -> Places:
    """The tiny model under a tokenizer that knows a few words, all others being ``<unk>``."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    copy = home / "copy"
    shutil.copytree(model, copy)
    known = ["<pad>", "<unk>", "<|bos|>", "<|eos|>", *"Question : Answer INR is 2 normal .".split()]
    tokens = Tokenizer(models.WordLevel({word: n for n, word in enumerate(known)}, "<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (copy / file).unlink(missing_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, unk_token="<unk>", pad_token="<pad>", bos_token="<|bos|>",
        eos_token="<|eos|>",
    ).save_pretrained(copy)  # fmt: skip
    return {"model": copy}


def long_question(home: Path, model: Path, how: str) -> Places:
    """A question of more words than the tiny model's context holds."""
    (home / "question.txt").write_text("Why does it hurt so? " * 200, encoding="utf-8")
    return {}
