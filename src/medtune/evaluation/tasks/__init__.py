"""The tasks of the package: this list, and the class of each, is all that names them."""

from medtune.evaluation.results import Sample
from medtune.evaluation.tasks.answers import Answers
from medtune.evaluation.tasks.classification import Classification
from medtune.evaluation.tasks.forgetting import Forgetting
from medtune.evaluation.tasks.multiple_choice import MultipleChoice
from medtune.evaluation.tasks.perplexity import Perplexity
from medtune.evaluation.tasks.rubric import Rubric
from medtune.evaluation.tasks.safety import Safety
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings, find, task_of
from medtune.evaluation.tasks.topics import Topics
from medtune.recipe.extensions import known_tasks

_ALL: tuple[Task, ...] = (
    Perplexity(),
    Answers(),
    Topics(),
    Classification(),
    MultipleChoice(),
    Rubric(),
    Safety(),
    Forgetting(),
)
TASKS = {task.name: task for task in _ALL}


def is_benefit(name: str) -> bool:
    """Whether training was for a task, so that a verdict may begin with it.

    A task from outside is known once the recipe that names it has been read.
    """
    task = TASKS.get(name) or known_tasks().get(name)
    return not isinstance(task, Task) or task.benefit


__all__ = ["TASKS", "Metric", "Sample", "Task", "TaskSettings", "find", "is_benefit", "task_of"]
