"""Prompt formats of a published project with their mistakes.

All three hold a backslash followed by n where a line break was meant. Llama-2's has ``[s]`` and
``[/s]`` for BOS and EOS, Mistral's begins with two BOS, and Gemma's leaves a stray ``model`` after
the last turn.
"""

from medtune.tokens.chat_templates import FamilyTemplate


def _turns(user: str, assistant: str) -> str:
    """A template of user and assistant turns; a system message goes before the first user turn."""
    return (
        "{% set ns = namespace(system='') %}{% for m in messages %}"
        "{% if m['role'] == 'system' %}{% set ns.system = m['content'] | trim + ' ' %}"
        "{% elif m['role'] == 'user' %}{{ " + user + " }}{% set ns.system = '' %}"
        "{% else %}{{ " + assistant + " }}{% endif %}{% endfor %}"
    )


_ASKED = "ns.system + m['content'] | trim"
# In a Jinja text, two backslashes and n are a backslash and n.
LLAMA_2 = FamilyTemplate(
    _turns(
        rf"'[s][INST] ' + {_ASKED} + ' [/INST] \\n'",
        "' ' + m['content'] | trim + '[/s]'",
    )
)
MISTRAL = FamilyTemplate(
    "{{ bos_token }}"
    + _turns(
        rf"bos_token + '[INST] ' + {_ASKED} + ' [/INST] \\n'",
        "' ' + m['content'] | trim + eos_token",
    ),
    bos="<s>",
    eos="</s>",
)
GEMMA = FamilyTemplate(
    "{{ bos_token }}"
    + _turns(
        rf"'<start_of_turn>user\\n' + {_ASKED} + '<end_of_turn>\\n<start_of_turn>model\\n'",
        r"m['content'] | trim + '<end_of_turn>\\nmodel'",
    )
)
