"""README and docs: their commands parse, their links lead somewhere, and what is generated is up
to date.
"""

import re
import shlex
from pathlib import Path

import pytest
import typer

import medtune
from medtune.cli.app import app
from medtune.recipe.read import shipped_recipes

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MORE_PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "src").rglob("README.md"))]
PACKAGE = ROOT / "src" / "medtune"
if not (ROOT / "README.md").exists():
    pytest.skip("installed without the repository's documents", allow_module_level=True)


def commands():
    """Every indented or fenced line, and every code span, that calls medtune."""
    for page in PAGES:
        if page.name == "architecture.md":  # it names verbs and calls none
            continue
        for line in page.read_text().splitlines():
            call = re.match(r"^(?:    |\s*\$ )(?:\.venv/bin/)?(medtune .*)$", line)
            spans = [call[1]] if call else re.findall(r"`(medtune [a-z][^`]*)`", line)
            for span in spans:
                yield f"{page.name}: {span}", span.split("#")[0].strip()


COMMANDS = dict(commands())


def parse(arguments):
    """Resolve verbs and options as the command line would, without running anything."""
    command, context = typer.main.get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(
            "medtune", list(arguments), parent=context, resilient_parsing=False
        )
        name, command, arguments = command.resolve_command(
            context, context._protected_args + context.args
        )
    return command.make_context(name, list(arguments), parent=context)


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_documented_command_parses(text):
    if " / " in text or ", " in text:
        pytest.skip("a list of verbs, not a command")
    if len(text.split()) == 2:
        assert text.split()[1] in typer.main.get_command(app).commands
        return
    words = [re.sub(r"[\[\]]", "", word) for word in shlex.split(text)[1:]]
    parse(words)


def test_an_undocumented_option_would_be_noticed():
    with pytest.raises(Exception, match="--colour"):
        parse(["run", "quickstart", "--colour"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_local_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


OF_A_RUN = {f"{name}/" for name in ("eval", "before", "after", "train", "model", "plots")}
# llama.cpp's script, a placeholder, and the example of a task of one's own
FOREIGN = {"convert_hf_to_gguf.py", "FILE.py", "referral.py"}
TREE = [
    path.relative_to(ROOT)
    for top in ("src", "tests", "benchmarks", "scripts", "docs")
    for path in (ROOT / top, *(ROOT / top).rglob("*"))
]
ENDINGS = {path.parts[-count:] for path in TREE for count in range(1, len(path.parts) + 1)}
EVERY_PAGE = pytest.mark.parametrize(
    "page", PAGES + MORE_PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


def by_hand(page):
    """The text of a page without what the code wrote."""
    return page.read_text().rpartition("<!-- Written by hand from here on. -->")[2]


@EVERY_PAGE
def test_every_source_file_that_is_named_is_there(page):
    names = set(re.findall(r"(?<![\w.:/-])[\w/-]+\.py\b", by_hand(page))) - FOREIGN
    assert {name for name in names if Path(name).parts not in ENDINGS} == set()


@EVERY_PAGE
def test_every_folder_that_is_named_is_there(page):
    names = set(re.findall(r"(?:`|\()(?:\.\./)?((?:[a-z_]+/)+)(?:`|\))", by_hand(page)))
    names -= OF_A_RUN
    assert {name for name in names if Path(name).parts not in ENDINGS} == set()


@EVERY_PAGE
def test_every_module_that_is_named_is_there(page):
    names = set(re.findall(r"\bmedtune((?:\.[a-z_]+)+)\b(?!-)", by_hand(page)))
    for name in names - {".json", ".tasks"}:  # the second is a group of entry points
        path = PACKAGE.joinpath(*name[1:].split("."))
        assert path.is_dir() or path.with_suffix(".py").exists() or hasattr(medtune, name[1:])


def test_every_shipped_recipe_says_how_it_is_run():
    for name, path in shipped_recipes().items():
        head = path.read_text().split("name:")[0]
        assert re.search(rf"medtune (run|pretrain) {name}\b", head), name


def test_make_knows_the_two_commands():
    targets = (ROOT / "Makefile").read_text()
    assert {"quickstart:", "test:", "setup:", "lint:"} <= set(
        re.findall(r"^[a-z]+:", targets, re.M)
    )


def test_no_figure_is_left_to_fill_in():
    assert "<!-- figures -->" not in (ROOT / "README.md").read_text()
