"""`medtune doctor`: the environment; and --self-test, a table for people, JSON for machines, exit 1
where a case fails.
"""

import json
from importlib import metadata

import pytest

from medtune.evaluation import self_test


def test_all_cases_stand_in_a_table_of_at_most_80_columns(medtune):
    done = medtune("doctor", "--self-test")
    assert done.returncode == 0, done.stderr
    assert f"{len(self_test.CASES)} of {len(self_test.CASES)} cases as they must be." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "FAILED" not in done.stdout
    assert all(case.name in done.stdout for case in self_test.CASES)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_failing_case_ends_with_1_and_shows_what_was_found(medtune, monkeypatch, arguments):
    monkeypatch.setattr(
        self_test, "CASES", (self_test.KnownAnswer("two and two", [4], lambda: [5.0]),)
    )
    done = medtune("doctor", "--self-test", *arguments)
    assert done.returncode == 1
    if arguments:
        report = json.loads(done.stdout)
        assert report["failed"] == 1
        assert report["cases"] == [
            {"case": "two and two", "expected": [4], "found": [5.0], "ok": False}
        ]
    else:
        assert "FAILED: two and two: expected [4], found [5.0]" in done.stdout
        assert "0 of 1 cases" in done.stdout


def test_doctor_tells_versions_memory_and_that_the_hub_is_off(medtune):
    facts = json.loads(medtune("doctor", "--json", check=True).stdout)
    assert facts["versions"]["torch"] == metadata.version("torch")
    assert facts["hardware"]["cores"] >= 1
    assert facts["hardware"]["memory_bytes"] > 2**28
    assert facts["offline"] is True
    assert facts["data_dir"] is None
    assert facts["free_disk_bytes"] > 0
