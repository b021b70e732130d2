"""medtune fine-tunes language models on medical text and tells honestly whether it helped."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medtune.assistant import Answer, Assistant, load

__version__ = "0.1.0"
__all__ = ["Answer", "Assistant", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # Imported on first use: `medtune --help` must not wait for what asking a model needs.
    if name in ("Answer", "Assistant", "load"):
        from medtune.cpu_threads import configure_threads

        configure_threads()
        from medtune import assistant

        return getattr(assistant, name)
    raise AttributeError(f"module 'medtune' has no attribute {name!r}")
