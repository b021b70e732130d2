"""`medtune doctor --self-test`: a table for people, JSON for machines, exit 1 where a case
fails.
"""

import json

import pytest

from medtune.evaluation import self_test as selftest


def test_all_cases_stand_in_a_table_of_at_most_80_columns(medtune):
    done = medtune("doctor", "--self-test")
    assert done.returncode == 0, done.stderr
    assert f"{len(selftest.CASES)} of {len(selftest.CASES)} cases as they must be." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "FAILED" not in done.stdout
    assert all(case.name in done.stdout for case in selftest.CASES)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_failing_case_ends_with_1_and_shows_what_was_found(medtune, monkeypatch, arguments):
    monkeypatch.setattr(selftest, "CASES", (selftest.Case("two and two", [4], lambda: [5.0]),))
    done = medtune("doctor", "--self-test", *arguments)
    assert done.returncode == 1
    if arguments:
        told = json.loads(done.stdout)
        assert told["failed"] == 1
        assert told["cases"] == [
            {"case": "two and two", "expected": [4], "found": [5.0], "ok": False}
        ]
    else:
        assert "FAILED: two and two: expected [4], found [5.0]" in done.stdout
        assert "0 of 1 cases" in done.stdout


def test_without_it_the_environment_is_told(medtune):
    done = medtune("doctor", "--json")
    assert done.returncode == 0
    assert "versions" in json.loads(done.stdout)
