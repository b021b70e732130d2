"""What a recipe names that lies elsewhere: tasks, and objects of a Python module.

Tasks stand floors above the recipe, so they are looked up by name: in the package, by the entry
point group ``medtune.tasks``, or as ``FILE.py:CLASS``; ``TaskDeclaration`` is what the recipe knows
of one. Other objects are written ``module:NAME``, or by a short name that an ``extensions.toml``
below ``examples/`` gives them. Naming a module or a file in a recipe runs its code.
"""

import hashlib
import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from medtune.errors import RecipeError

_EXAMPLES = Path(__file__).parents[1] / "examples"
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@cache
def extension_names(key: str) -> dict[str, str]:
    """Short name → ``module:NAME`` of what the recipe's ``key`` may name."""
    names: dict[str, str] = {}
    for file in sorted(_EXAMPLES.glob("*/extensions.toml")):
        names |= tomllib.loads(file.read_text(encoding="utf-8")).get(key, {})
    return names


def check_extension(key: str, name: str) -> str:
    """The name, if it is a short one or names a module that is there; else ``ValueError``."""
    names = extension_names(key)
    if name in names:
        return name
    if not _TARGET.fullmatch(name):
        raise ValueError(f"Input should be {' or '.join(map(repr, names))}, or module:NAME")
    module = name.partition(":")[0]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ValueError(f"there is no module {module}")
    return name


def load_extension(key: str, name: str) -> object:
    """The object that the recipe's ``key`` names.

    Raises ``RecipeError`` where the module cannot be imported or does not hold it.
    """
    module, _, attribute = extension_names(key).get(name, name).partition(":")
    try:
        loaded: object = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(
            f"{name} cannot be loaded ({error})", where=key, fix="Write module:NAME."
        ) from error
    return loaded


if TYPE_CHECKING:
    from medtune.recipe.evaluate import TaskSpec

PACKAGED = "medtune.evaluation.tasks"
ENTRY_POINTS = "medtune.tasks"
NAME = re.compile(r"[a-z]\w*")
IN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>\w+)")

Need = Literal["generation", "likelihood", "text likelihood"]


_outside: "dict[str, TaskDeclaration]" = {}


class TaskDeclaration:
    """What a recipe knows of a task: its name, which keys it reads, and what it asks of a model.

    ``settings`` are the keys of ``TaskSpec`` that mean something to it; any other one would be
    ignored silently, so it is an error. ``aliases`` are other names, each with the settings that it
    stands for. ``by_default`` tasks are measured where a recipe names none.
    """

    name: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ("limit",)
    aliases: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    by_default: ClassVar[bool] = False

    without_likelihoods: ClassVar[str] = "Leave it out."  # what to do where a model gives none

    @property
    def tested_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that may be better or worse, for which a margin can be set."""
        return ()

    def check(self, spec: "TaskSpec") -> None:
        """Raises ``ValueError`` where settings contradict each other."""

    def needs(self, spec: "TaskSpec") -> Need:
        """What the model must be able to give."""
        return "generation"


def packaged_tasks() -> dict[str, TaskDeclaration]:
    """The package's own tasks by name, in the order in which they are listed for people."""
    tasks: dict[str, TaskDeclaration] = import_module(PACKAGED).TASKS
    return tasks


def task_names() -> list[str]:
    """Every name that a recipe may use: tasks, those of installed packages, then aliases."""
    installed = [entry.name for entry in entry_points(group=ENTRY_POINTS)]
    return list(dict.fromkeys([*packaged_tasks(), *installed, *_aliases()]))


def expanded(values: dict[str, Any]) -> dict[str, Any]:
    """Plain values of a task with its alias, if it has one, written out."""
    alias = _aliases().get(str(values.get("task")))
    if alias is None:
        return values
    task, settings = alias
    return {"name": values["task"], **settings, **values, "task": task}


def known_tasks() -> dict[str, TaskDeclaration]:
    """Tasks from outside that recipes named in this process."""
    return _outside


def beside(values: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Plain values of a recipe in which tasks in files that lie in ``directory``, and not in the
    working directory, are named with their path.
    """
    evaluate = values.get("evaluate")
    if not isinstance(evaluate, dict) or not isinstance(evaluate.get("tasks"), list):
        return values
    located = [
        task | {"task": _located(task.get("task"), directory)}
        if isinstance(task, dict)
        else _located(task, directory)
        for task in evaluate["tasks"]
    ]
    return values | {"evaluate": evaluate | {"tasks": located}}


def _located(reference: object, directory: Path) -> object:
    in_file = IN_FILE.fullmatch(reference) if isinstance(reference, str) else None
    if in_file is None or Path(in_file["file"]).exists():
        return reference
    path = directory / in_file["file"]
    return f"{path}:{in_file['name']}" if path.is_file() else reference


def _aliases() -> dict[str, tuple[str, Mapping[str, Any]]]:
    return {
        alias: (task.name, settings)
        for task in packaged_tasks().values()
        for alias, settings in task.aliases.items()
    }


def find_task(reference: str) -> TaskDeclaration:
    """A task by its name, or by ``FILE.py:CLASS``.

    Raises ``ValueError`` with what is wrong and what there is.
    """
    in_file = IN_FILE.fullmatch(reference)
    if in_file:
        return _checked(_class_in_file(Path(in_file["file"]).resolve(), in_file["name"]))
    packaged = packaged_tasks().get(reference)
    if packaged:
        return packaged
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if reference in installed:
        return _checked(installed[reference].load())
    raise ValueError(f"there is no such task; tasks: {', '.join(task_names())}")


@cache
def _class_in_file(path: Path, name: str) -> object:
    """A class of a Python file, which is run once a process."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    spec = spec_from_file_location(f"medtune_task_{path.stem}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise ValueError(
            f"{path.name} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    if not hasattr(module, name):
        raise ValueError(f"{path.name} holds no class {name}")
    return getattr(module, name)


def _checked(candidate: object) -> TaskDeclaration:
    """A task of the class ``candidate``, if that is one and its name can be that of a file."""
    if not isinstance(candidate, type) or not issubclass(candidate, TaskDeclaration):
        raise ValueError(f"{candidate!r} is no task: a task derives from {PACKAGED}.Task")
    name = getattr(candidate, "name", "")
    if not NAME.fullmatch(name):
        raise ValueError(f"the task {candidate.__name__} needs a name such as reading_ease")
    if name in packaged_tasks():
        raise ValueError(f"{name} is the name of a task of the package; choose another one")
    task = _outside[name] = candidate()
    return task
