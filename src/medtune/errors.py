"""The errors a user meets: each says what is wrong, where, and what to do.

Each is also of its standard type (ValueError, RuntimeError).
"""


class MedtuneError(Exception):
    """One or two lines for a person: what is wrong, where (file, row, field), and what to do
    about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n{self.fix}" if self.fix else head


class RecipeError(MedtuneError, ValueError):
    """The recipe or the command line is wrong."""

    exit_code = 2


class DataError(MedtuneError, ValueError):
    """The data are wrong, or are not where the recipe says."""

    exit_code = 2


class ModelError(MedtuneError, ValueError):
    """The model cannot be had, or cannot do what the recipe asks of it."""

    exit_code = 2


class RunError(MedtuneError, RuntimeError):
    """A run started and could not go on."""
