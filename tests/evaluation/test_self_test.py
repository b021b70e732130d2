"""The cases with known answers: all right here, and each able to fail."""

import math

import pytest

from medtune.evaluation.self_test import CASES, KnownAnswer, self_test


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_gives_its_known_answer(case):
    result = case.run()
    assert result.ok, result


def test_the_published_traps_are_among_the_cases():
    expected = {round(value, 6) for case in CASES for value in case.expected}
    assert {
        3.3201,
        4.6851,
        0.00206,
        0.0625,
        0.038574,
        0.4737,
        0.2371,
        0.1333,
        1.029653,
        0.2,
        0.3,
        0.25,
    } <= expected


@pytest.mark.parametrize("figures", [[0.51], [math.nan], [], [0.5, 0.5]])
def test_a_wrong_answer_fails(figures):
    assert not KnownAnswer("half", [0.5], lambda: figures).run().ok


def test_a_broken_library_fails_and_is_named():
    def broken():
        raise ImportError("no scipy")

    result = KnownAnswer("half", [0.5], broken).run()
    assert not result.ok
    assert result.figures == "ImportError: no scipy"


def test_names_differ():
    names = [result.case for result in self_test()]
    assert len(set(names)) == len(names)
