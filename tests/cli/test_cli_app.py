"""The command as a whole: help, start-up, usage errors, where output goes."""

import resource
import subprocess
import sys

import pytest

from command_line import COMMAND

VERBS = [
    "run",
    "prepare",
    "inspect",
    "train",
    "evaluate",
    "report",
    "ask",
    "chat",
    "pretrain",
    "recipes",
    "data",
    "doctor",
]
HEAVY = {
    "torch",
    "transformers",
    "pydantic",
    "matplotlib",
    "numpy",
    "scipy",
    "pyarrow",
    "peft",
    "accelerate",
}


def test_help_names_every_verb(medtune):
    process = medtune("--help")
    assert process.returncode == 0
    listed = {
        line.split()[0]
        for line in process.stdout.splitlines()
        if line.startswith("  ") and line.split()
    }
    assert set(VERBS) <= listed
    assert process.stderr == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(medtune, verb):
    process = medtune(verb, "--help")
    assert process.returncode == 0
    assert f"medtune {verb}" in process.stdout


def test_help_takes_less_than_half_a_second_of_processor_time(medtune_process):
    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        medtune_process("--help", check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_the_command_line_imports_nothing_heavy():
    code = "import sys, medtune.cli.app; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "typer" in loaded
    assert not HEAVY & set(loaded)


def test_version_is_the_package_s(medtune):
    from medtune import __version__

    assert medtune("--version").stdout.split() == ["medtune", __version__]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nosuch"], "nosuch"),
        (["run"], "RECIPE"),
        (["run", "quickstart", "--nosuch"], "--nosuch"),
        (["run", "quickstart", "--seed", "-1"], "--seed"),
        (["recipes", "nosuch"], "nosuch"),
    ],
)
def test_a_wrong_command_line_is_exit_2_and_says_what_is_wrong(medtune, arguments, named):
    process = medtune(*arguments)
    assert process.returncode == 2
    assert named in process.stderr
    assert "Traceback" not in process.stderr
    assert "UsageError" not in process.stderr
    assert process.stdout == ""


def test_a_full_disk_under_standard_output_is_one_clear_error():
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [*COMMAND, "recipes", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode == 1
    assert "disk is full" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_reader_that_leaves_early_gets_no_traceback():
    line = " ".join([*COMMAND, "recipes", "reference"])
    process = subprocess.run(
        ["bash", "-c", f"{line} | head -n 1"], capture_output=True, text=True, check=False
    )
    assert len(process.stdout.splitlines()) == 1
    assert process.stderr == ""
