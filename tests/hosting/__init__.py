"""A hosted fine-tuning service for the tests: a real HTTP server that answers as /v1 of such a
service does, with faults.

It trains nothing: a fine-tuned model answers with what its training file says to the question
nearest to the one asked, the base always with the same sentence. Jobs go one status further each
time they are looked at.
"""

from hosting.completions import Scorer
from hosting.server import running
from hosting.state import BASE, IGNORANT, KEY

__all__ = ["BASE", "IGNORANT", "KEY", "Scorer", "running"]
