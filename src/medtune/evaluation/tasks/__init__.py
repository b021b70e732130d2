"""The tasks by name."""

from medtune.evaluation.tasks.answers import Answers
from medtune.evaluation.tasks.base import Metric, Sample, Task, TaskSettings
from medtune.evaluation.tasks.classification import Classification
from medtune.evaluation.tasks.perplexity import Perplexity
from medtune.evaluation.tasks.safety import Safety
from medtune.evaluation.tasks.topics import Topics

TASKS: dict[str, Task] = {task.name: task for task in (Perplexity(), Answers(), Topics(), Classification(), Safety())}

__all__ = ["TASKS", "Metric", "Sample", "Task", "TaskSettings"]
