"""Settings from the environment, and how the program overrides them."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import _config, _fastnn


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = _config._n_threads
    yield
    _config._n_threads = before


def run(code, **variables):
    """Run code in a new process with these environment variables of fastnn only."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("FASTNN_ISA", "FASTNN_NUM_THREADS", "OMP_NUM_THREADS")
    }
    return subprocess.run(
        [sys.executable, "-c", f"import fastnn; {code}"],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def threads_with(monkeypatch):
    """The number of threads under these environment variables, asked for the first time."""

    def threads(**variables):
        for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        _config._n_threads = None
        return fastnn.get_num_threads()

    return threads


class TestThreads:
    def test_the_variables_are_those_of_the_process(self):
        done = run("print(fastnn.get_num_threads())", FASTNN_NUM_THREADS="7")
        assert done.stdout.strip() == "7"

    def test_fastnn_num_threads_decides(self, threads_with):
        assert threads_with(FASTNN_NUM_THREADS="3", OMP_NUM_THREADS="5") == 3

    def test_omp_num_threads_comes_next_and_its_first_level_counts(self, threads_with):
        assert threads_with(OMP_NUM_THREADS="4,2") == 4

    @pytest.mark.parametrize("text", ["", "0", "many", "-1", "1.5"])
    def test_an_omp_num_threads_that_says_nothing_is_not_ours_to_judge(self, threads_with, text):
        assert threads_with(OMP_NUM_THREADS=text) == _config.available_cpus()

    @pytest.mark.parametrize("text", ["0", "many", "-1", "1.5", "²"])
    def test_a_bad_fastnn_num_threads_is_one_sentence(self, threads_with, text):
        with pytest.raises(ValueError, match=r"^FASTNN_NUM_THREADS must be a whole number of 1 or"):
            threads_with(FASTNN_NUM_THREADS=text)

    def test_an_empty_variable_is_none(self, threads_with):
        assert threads_with(FASTNN_NUM_THREADS="", OMP_NUM_THREADS="2") == 2

    def test_set_num_threads_wins(self):
        fastnn.set_num_threads(np.int64(3))
        assert fastnn.get_num_threads() == 3
        done = run(
            "fastnn.set_num_threads(2); print(fastnn.get_num_threads())", FASTNN_NUM_THREADS="x"
        )
        assert done.stdout.strip() == "2"

    @pytest.mark.parametrize("n", [0, -1, 1.0, True, "2", None, np.float64(2)])
    def test_anything_but_a_count_is_refused_and_changes_nothing(self, n):
        before = fastnn.get_num_threads()
        with pytest.raises(ValueError, match=r"n must be a whole number of 1 or more, got"):
            fastnn.set_num_threads(n)
        assert fastnn.get_num_threads() == before

    def test_more_threads_than_a_team_can_have_count_as_the_most(self, threads_with):
        fastnn.set_num_threads(10**12)
        assert fastnn.get_num_threads() == 256
        net = fastnn.MLP([4, 3], seed=0)
        assert net.predict(np.ones((2, 4))).shape == (2, 3)
        assert threads_with(FASTNN_NUM_THREADS="100000") == 256


class TestCpus:
    def quota(self, monkeypatch, files):
        def read_text(path, *args, **kwargs):
            try:
                return files[str(path)]
            except KeyError:
                raise FileNotFoundError(path) from None

        monkeypatch.setattr(Path, "read_text", read_text)
        return _config._cgroup_quota()

    V2 = "/sys/fs/cgroup/cpu.max"
    V1 = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"

    @pytest.mark.parametrize(
        ("files", "cpus"),
        [
            ({V2: "max 100000\n"}, math.inf),
            ({V2: "150000 100000\n"}, 1.5),
            ({V2: "nonsense"}, math.inf),
            ({V2: ""}, math.inf),
            ({V2: "100000 0"}, math.inf),
            ({V1: "-1\n", PERIOD: "100000\n"}, math.inf),
            ({V1: "250000\n", PERIOD: "100000\n"}, 2.5),
            ({V1: "250000\n", PERIOD: "0\n"}, math.inf),
            ({V1: "250000\n"}, math.inf),
            ({}, math.inf),
        ],
    )
    def test_a_containers_limit_is_read_in_both_forms(self, monkeypatch, files, cpus):
        assert self.quota(monkeypatch, files) == cpus

    @pytest.mark.parametrize(
        ("quota", "cpus"), [(0.1, 1), (1.5, 2), (3, 3), (100, 8), (math.inf, 8)]
    )
    def test_part_of_a_cpu_counts_as_one_and_no_quota_adds_any(self, monkeypatch, quota, cpus):
        monkeypatch.setattr(_config, "_cgroup_quota", lambda: quota)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
        assert _config.available_cpus() == cpus

    def test_without_affinity_the_machines_number_counts(self, monkeypatch):
        monkeypatch.setattr(_config, "_cgroup_quota", lambda: math.inf)
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 6)
        assert _config.available_cpus() == 6
        monkeypatch.setattr(os, "cpu_count", lambda: None)
        assert _config.available_cpus() == 1


class TestInstructionSet:
    @pytest.mark.parametrize("isa", _fastnn.available_isas())
    def test_fastnn_isa_chooses_each_that_runs_here(self, isa):
        code = "print(fastnn.show_config(mode='dicts')['instruction_set'])"
        assert run(code, FASTNN_ISA=isa).stdout.strip() == isa

    def test_the_best_is_chosen_if_it_says_nothing(self):
        code = "print(fastnn.show_config(mode='dicts')['instruction_set'])"
        assert run(code, FASTNN_ISA="").stdout.strip() == _fastnn.available_isas()[0]

    def test_one_that_there_is_not_fails_the_import_with_those_that_there_are(self):
        done = run("", FASTNN_ISA="mmx")
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 1
        assert last.startswith("ImportError: FASTNN_ISA is 'mmx', but this machine and build can")
        assert last.endswith(", ".join(_fastnn.available_isas()))


class TestShowConfig:
    def test_a_dict_holds_what_one_asks_for_in_a_report(self):
        config = fastnn.show_config(mode="dicts")
        assert config["fastnn"] == fastnn.__version__
        assert config["numpy"] == np.__version__
        assert config["threads"] == fastnn.get_num_threads()
        assert config["instruction_set"] == _fastnn.isa()
        assert config["instruction_sets"][-1] == "base"

    def test_the_table_has_a_line_each(self, capsys):
        assert fastnn.show_config() is None
        lines = capsys.readouterr().out.splitlines()
        config = fastnn.show_config(mode="dicts")
        assert [line[:17].strip().replace(" ", "_") for line in lines] == list(config)
        assert all(line[17:].strip() for line in lines)

    def test_another_mode_is_refused(self):
        with pytest.raises(ValueError, match=r"mode must be 'stdout' or 'dicts', got 'json'"):
            fastnn.show_config(mode="json")
