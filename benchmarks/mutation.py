"""Change the code in small ways and count how many of the changes the tests notice.

    python benchmarks/mutation.py                          # every module below, 40 mutants each
    python benchmarks/mutation.py --only data/splits --limit 200 --seed 1
    python benchmarks/mutation.py --quick                       # 5 each; --json for machines

A mutant is one change of one expression: another comparison, another operator, a dropped term, a
number more or less, a return without its value. It runs against the tests of the module's own
folder that import the module, in a copy of the tree. Mutants that no test could notice are listed
with their reasons in ``mutation_equivalent.toml`` and not counted. POSIX only (it forks).
"""

import argparse
import ast
import contextlib
import copy
import difflib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = (
    "evaluation/statistics",
    "evaluation/studentized",
    "evaluation/decisions",
    "data/splits",
    "data/selection",
    "data/dedup",
    "tokens/encode",
    "tokens/packing",
    "models/packed_attention",
    "models/prefix_tree",
    "models/scoring",
)
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
LIBRARIES = (
    "numpy", "scipy.stats", "sklearn.metrics", "statsmodels.stats.multitest", "torch", "pytest",
    "hypothesis", "pyarrow.parquet", "transformers.models.llama.modeling_llama",
    "transformers.tokenization_utils_fast",
)  # fmt: skip
TIMES_BASELINE, LEAST_SECONDS = 8, 60  # a mutant that takes longer hangs: noticed
MEMORY = 12 * 2**30  # bytes of address space of a mutant's tests


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, and the whole changed source."""

    module: str
    line: int
    original: str
    changed: str
    before: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the list of equivalent mutants knows it by: no number of a line."""
        code = self.before.splitlines()[self.line - 1].strip()
        return self.module, code, self.original, self.changed

    @property
    def diff(self) -> str:
        """The lines that differ."""
        lines = difflib.unified_diff(self.before.splitlines(), self.source.splitlines(), n=0)
        return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """What may be changed: no annotations, messages of errors, strings, imports or docstrings."""
    yield node
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in children:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.Raise, ast.JoinedStr)):
                yield from expressions(child)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may be replaced by."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            for other in COMPARISONS[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops = [other()]
                yield changed
        case ast.BinOp(left=left, op=operator) if type(operator) in OPERATORS:
            changed = copy.deepcopy(node)
            changed.op = OPERATORS[type(operator)]()
            yield changed
            yield left
        case ast.BoolOp(op=operator, values=values):
            changed = copy.deepcopy(node)
            changed.op = ast.And() if isinstance(operator, ast.Or) else ast.Or()
            yield changed
            for dropped in range(len(values)):
                rest = values[:dropped] + values[dropped + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            changed = copy.deepcopy(node)
            changed.func.id = CALLS[name]
            yield changed


def statement_changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """An expression of a statement, and what it may be replaced by."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.expr() as value) | ast.Expr(value=ast.Call() as value):
            yield value, ast.Constant(None)


def mutants(module: str, root: Path = ROOT) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    path = root / "src" / "medtune" / f"{module}.py"
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    made = {}
    for node in expressions(ast.parse(source)):
        pairs = [*((node, other) for other in changes(node)), *statement_changes(node)]
        for old, new in pairs:
            begin = starts[old.lineno - 1] + old.col_offset
            end = starts[old.end_lineno - 1] + old.end_col_offset
            text = source[:begin] + f"({ast.unparse(new)})".encode() + source[end:]
            original = " ".join(source[begin:end].decode().split())
            if ast.dump(ast.parse(f"({ast.unparse(new)})", mode="eval").body) == ast.dump(old):
                continue
            made[text] = Mutant(
                module, old.lineno, original, ast.unparse(new), source.decode(), text.decode()
            )
    return sorted(made.values(), key=lambda mutant: mutant.line)


def covering(module: str, root: Path = ROOT) -> list[str]:
    """Test files of the module's folder that import it, those of its own name first."""
    dotted, folder = f"medtune.{module.replace('/', '.')}", module.split("/")[0]
    chosen = []
    for path in sorted((root / "tests" / folder).rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            package, _, name = dotted.rpartition(".")
            if isinstance(node, ast.ImportFrom) and (
                node.module == dotted
                or (node.module == package and name in {alias.name for alias in node.names})
            ):
                chosen.append(str(path.relative_to(root)))
                break
    return sorted(chosen, key=lambda file: (Path(file).stem != f"test_{Path(module).stem}", file))


def load_libraries() -> None:
    """What every child needs and never changes; medtune itself is loaded by the child."""
    import importlib

    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run_tests(tree: Path, files: list[str], seconds: float) -> str:
    """Run tests in a fork whose medtune is that of ``tree``: passed, failed, timeout or error."""
    child = os.fork()
    if child == 0:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        os.setsid()
        os.chdir(tree)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.environ |= {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ.pop("MEDTUNE_DATA", None)  # the real data sets take minutes
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(tree / "src"))
        code = 99
        try:
            import pytest

            options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", "ci"]
            code = pytest.main([*options, f"--rootdir={tree}", *files])
        finally:
            os._exit(int(code))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            ended = os.waitstatus_to_exitcode(status)
            return {0: "passed", 1: "failed", 2: "failed"}.get(ended, "error")
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def equivalents() -> set[tuple[str, ...]]:
    """Keys of mutants that no test could notice; one without a change covers its line."""
    path = Path(__file__).with_name("mutation_equivalent.toml")
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["equivalent"]
    names = ("module", "code", "original", "changed")
    return {tuple(entry[name] for name in names if name in entry) for entry in entries}


@dataclass(frozen=True)
class Outcome:
    """What became of the mutants drawn from one module."""

    module: str
    possible: int
    drawn: int
    equivalent: int
    killed: int
    survivors: list[Mutant]

    @property
    def share(self) -> float:
        """Killed ones among those that could be."""
        return self.killed / max(1, self.drawn - self.equivalent)


def examine(tree: Path, module: str, limit: int, seed: int, known: set[tuple[str, ...]]) -> Outcome:
    """Run the drawn mutants of a module; raises SystemExit where its tests fail unchanged."""
    files, everything = covering(module, tree), mutants(module, tree)
    drawn = random.Random(seed).sample(everything, min(limit, len(everything)))
    path = tree / "src" / "medtune" / f"{module}.py"
    original = path.read_bytes()
    start = time.monotonic()
    if not files or run_tests(tree, files, 3600) != "passed":
        raise SystemExit(f"{module}: its tests do not pass unchanged: {' '.join(files) or 'none'}")
    seconds = max(LEAST_SECONDS, TIMES_BASELINE * (time.monotonic() - start))
    outcome = Outcome(module, len(everything), len(drawn), 0, 0, [])
    try:
        for mutant in sorted(drawn, key=lambda mutant: mutant.line):
            if known & {mutant.key, mutant.key[:2]}:
                outcome = replace(outcome, equivalent=outcome.equivalent + 1)
                continue
            path.write_text(mutant.source, encoding="utf-8")
            if run_tests(tree, files, seconds) == "passed":
                outcome.survivors.append(mutant)
                print(f"survived: src/medtune/{module}.py:{mutant.line}\n{mutant.diff}",
                      file=sys.stderr, flush=True)  # fmt: skip
            else:
                outcome = replace(outcome, killed=outcome.killed + 1)
    finally:
        path.write_bytes(original)
    return outcome


def copy_of_tree(target: Path) -> Path:
    """Sources and tests in a directory of their own, compiled, so that children need not."""
    import compileall

    ignored = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for name in ("src", "tests", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target / name)
    compileall.compile_dir(target / "src", quiet=2)
    for module in MODULES:  # always compiled from what stands there
        path = target / "src" / "medtune" / module
        for compiled in (path.parent / "__pycache__").glob(f"{path.name}.*"):
            compiled.unlink()
    return target


def main() -> None:
    """Table or JSON on standard output, survivors on standard error as they are found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=MODULES, metavar="MODULE")
    parser.add_argument("--limit", type=int, default=40, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="5 mutants of each module")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    limit = 5 if options.quick else options.limit
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    load_libraries()
    outcomes, known = [], equivalents()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        tree = copy_of_tree(Path(place).resolve())
        for module in options.only or MODULES:
            outcomes.append(examine(tree, module, limit, options.seed, known))
            if not options.json:
                row = outcomes[-1]
                print(f"{module:28} {row.killed:4} of {row.drawn - row.equivalent:4} killed "
                      f"({row.share:4.0%}), {row.equivalent} equivalent, of {row.possible}",
                      flush=True)  # fmt: skip
    killed = sum(row.killed for row in outcomes)
    counted = sum(row.drawn - row.equivalent for row in outcomes)
    if options.json:
        rows = [asdict(row) | {"share": row.share} for row in outcomes]
        for row in rows:
            row["survivors"] = [
                {key: value for key, value in one.items() if key not in ("before", "source")}
                for one in row["survivors"]
            ]
        print(json.dumps({"killed": killed, "counted": counted, "modules": rows}, indent=2))
    else:
        print(f"{killed} of {counted} killed ({killed / max(1, counted):.0%}), seed {options.seed}")


if __name__ == "__main__":
    main()
