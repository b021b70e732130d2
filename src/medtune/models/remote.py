"""A model behind an endpoint, as a run's plan knows it: a name, where it is served, and hashes of what is known of it."""

from dataclasses import dataclass

from medtune.files import sha256_json
from medtune.recipe.schema import Endpoint


@dataclass(frozen=True)
class Remote:
    """Stands where a ``Located`` stands for a model on this machine. Its weights cannot be seen, so they have no hash."""

    name: str
    endpoint: Endpoint
    prompt: str | None = None

    def weights_hash(self) -> str:
        """Empty: a service shows no weights."""
        return ""

    def fingerprint(self) -> str:
        """SHA-256 over name, address and prompt: all that is known here of the model."""
        return sha256_json(["remote", self.name, self.endpoint.base_url, self.prompt])

    def behaviour_hash(self) -> str:
        """As ``fingerprint``."""
        return self.fingerprint()
