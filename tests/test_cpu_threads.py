"""Threads: what is set before torch is loaded, for which load and quota; the user's own holds."""

import os
import subprocess
import sys

import pytest
import torch

from medtune import cpu_threads
from medtune.cpu_threads import apply_settings, available_cores, core_limit, processor_load
from medtune.training.callbacks import keep_threads


@pytest.mark.parametrize(
    ("given", "load", "set_now"),
    [
        ({}, 0.0, {"GOMP_SPINCOUNT": "10000"}),
        ({}, 0.2, {"GOMP_SPINCOUNT": "10000"}),
        ({}, 0.3, {"GOMP_SPINCOUNT": "1000"}),
        ({}, 2.0, {"GOMP_SPINCOUNT": "1000"}),
        ({"OMP_NUM_THREADS": "1"}, 2.0, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "7"}, 2.0, {}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, 2.0, {}),
        ({"OMP_WAIT_POLICY": ""}, 2.0, {"GOMP_SPINCOUNT": "1000"}),  # as good as not set
    ],
)
def test_waiting_follows_the_load_and_the_users_own_setting_holds(
    monkeypatch, given, load, set_now
):
    monkeypatch.setattr(cpu_threads, "_affinity", lambda: 2)
    environment = dict(given)
    settings = apply_settings(environment, load, 2.0)
    assert environment == given | set_now
    assert settings.user_settings == {name: value for name, value in given.items() if value}
    assert all(
        f"{name}={value}" in settings.text(2) for name, value in settings.user_settings.items()
    )


def test_the_load_never_changes_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(cpu_threads, "_affinity", lambda: 8)
    for load in (0.0, 4.0, 8.0):
        environment = {}
        apply_settings(environment, load, 8.0)
        assert "OMP_NUM_THREADS" not in environment


@pytest.mark.parametrize(
    ("cores", "threads"), [(1.5, "1"), (0.5, "1"), (4.0, "4"), (7.9, "7"), (8.0, None)]
)
def test_a_containers_quota_limits_the_threads(monkeypatch, cores, threads):
    monkeypatch.setattr(cpu_threads, "_affinity", lambda: 8)
    environment = {}
    apply_settings(environment, 0.0, cores)
    assert environment.get("OMP_NUM_THREADS") == threads
    environment = {"OMP_NUM_THREADS": "3"}
    apply_settings(environment, 0.0, cores)
    assert environment["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, 4.0),
        ({"cpu.max": "800000 100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({}, 4.0),
    ],
)
def test_quotas_of_control_groups_are_read(monkeypatch, tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cpu_threads, "CGROUP", tmp_path)
    monkeypatch.setattr(cpu_threads, "_affinity", lambda: 4)
    assert core_limit() == cores
    assert available_cores() == max(1, int(cores))


def test_cores_and_load_are_known_here(monkeypatch):
    assert available_cores() >= 1
    assert 0.0 <= processor_load(0.05) <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert available_cores() >= 1


def test_doctor_sets_them_before_torch_is_loaded_and_names_them(tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMP_", "GOMP_", "MKL_"))
    }
    script = (
        "import os, sys\nfrom medtune.cli.app import app\n"
        "app(['doctor'], standalone_mode=False)\n"
        "print(os.environ['GOMP_SPINCOUNT'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *_, last = done.stdout.split()
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("threads"))
    assert f"waits spin {int(last):,} rounds" in line
    assert "of which others use" in line


def test_a_training_goes_on_with_as_many_threads_as_it_began_with(monkeypatch, capsys):
    now = torch.get_num_threads()
    monkeypatch.setattr(cpu_threads, "_current", None)
    for name in cpu_threads.COUNTS:
        monkeypatch.delenv(name, raising=False)
    try:
        keep_threads(0)
        keep_threads(now)
        assert capsys.readouterr().err == ""
        keep_threads(now + 1)
        assert torch.get_num_threads() == now + 1
        monkeypatch.setenv("OMP_NUM_THREADS", str(now))
        keep_threads(now + 2)
        assert torch.get_num_threads() == now + 1
        assert "last digits may differ" in capsys.readouterr().err
    finally:
        torch.set_num_threads(now)
