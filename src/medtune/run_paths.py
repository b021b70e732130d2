"""The files and directories of a run, by name."""

from pathlib import Path


class RunPaths:
    """The files and directories of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def recipe(self) -> Path:
        """The resolved recipe, every default written out."""
        return self.root / "recipe.yaml"

    @property
    def state_file(self) -> Path:
        """Status, stages, versions and hashes of the run."""
        return self.root / "run.json"

    @property
    def data(self) -> Path:
        """Directory of the splits and the audit."""
        return self.root / "data"

    @property
    def model(self) -> Path:
        """Directory of the trained model or adapter."""
        return self.root / "model"

    @property
    def train(self) -> Path:
        """Logs and checkpoints of training."""
        return self.root / "train"

    @property
    def before(self) -> Path:
        """Evaluation of the base model."""
        return self.root / "eval" / "before"

    @property
    def after(self) -> Path:
        """Evaluation of the trained model."""
        return self.root / "eval" / "after"

    @property
    def published(self) -> Path:
        """What figures of published projects keep."""
        return self.root / "eval" / "published"

    @property
    def comparison(self) -> Path:
        """Before and after, compared item by item."""
        return self.root / "eval" / "comparison.json"

    @property
    def plots(self) -> Path:
        """Directory of the PNG and SVG plots."""
        return self.root / "plots"

    @property
    def metrics(self) -> Path:
        """The figures of the whole run."""
        return self.root / "metrics.json"

    @property
    def page(self) -> Path:
        """The report, one self-contained HTML file."""
        return self.root / "report.html"

    @property
    def card(self) -> Path:
        """The model card of the run."""
        return self.root / "README.md"
