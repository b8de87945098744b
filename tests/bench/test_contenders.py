"""Comparison with other libraries: its arithmetic, and that contenders learn alike. No timings."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from folders import ROOT

from fastnn.bench import workloads
from fastnn.bench.workloads import Rule, Workload

BENCHMARKS = ROOT / "benchmarks"
if not BENCHMARKS.is_dir():  # a wheel is tested without the rest of the sources
    pytest.skip("benchmarks/ is not here", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import contenders  # noqa: E402
from contenders import UnableError, comparison, reference, runner  # noqa: E402
from contenders.workers import Worker, WorkerError, Workers, environment  # noqa: E402

TINY = Workload(
    "tiny", (4, 8, 4), "tanh", "softmax", "cross_entropy", 16, Rule("adam", 1e-2), "regions", 500,
    check_rows=496,
)  # fmt: skip
BRIEF = runner.Settings(rounds=2, seconds=0.01, peak_size=64, book_epochs=1)


class TestArithmetic:
    def test_a_ratio_is_taken_in_each_round(self):
        # 2, 3 and 8: the median of the ratios is 3, the ratio of the medians 90/30.
        assert runner.ratios([80.0, 90.0, 160.0], [40.0, 30.0, 20.0]) == (3.0, 2.0, 8.0)

    def test_an_even_number_of_rounds_has_its_median_between_two(self):
        assert runner.ratios([2.0, 4.0], [1.0, 1.0]) == (3.0, 2.0, 4.0)

    def test_rows_of_the_table(self):
        row = runner.Row("torch", "2", 1000.0, (2.5, 2.0, 3.0), 50.0, 0.1, "1 x 10 rows")
        assert comparison.cells(row, 100.0) == (
            *("torch", "1,000", "2.50 (2.00 to 3.00)", "50.0", "50 %", "1 x 10 rows"),
        )


class TestReference:
    @pytest.mark.parametrize(
        ("activation", "output", "loss"),
        [
            ("sigmoid", "sigmoid", "quadratic"),
            ("relu", "softmax", "cross_entropy"),
            ("tanh", "identity", "mse"),
        ],
    )
    def test_its_gradient_is_the_finite_difference(self, activation, output, loss):
        workload = replace(TINY, activation=activation, output=output, loss=loss)
        rng = np.random.default_rng(0)
        X, targets = rng.normal(size=(5, 4)), np.eye(4)[[0, 1, 2, 3, 0]]
        params = rng.normal(size=reference.initial_params(workload).size)
        layers = reference.split(params, workload.sizes)
        found = np.concatenate(
            [g.ravel() for g in reference.gradient(workload, layers, X, targets)]
        )
        for i in range(params.size):
            step = np.zeros(params.size)
            step[i] = 1e-6
            up, down = (
                reference.loss(workload, params + sign * step, X, targets) for sign in (1, -1)
            )
            assert found[i] == pytest.approx((up - down) / 2e-6, abs=1e-7)

    @pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
    def test_fastnn_and_numpy_take_the_same_steps(self, kind):
        workload = replace(TINY, rule=Rule(kind, 1e-2))
        data = workloads.make_data(workload, None)
        ours, plain = (contenders.load(name)(workload, data, 1) for name in ("fastnn", "numpy"))
        for contender in (ours, plain):
            contender.shuffle = False
            contender.reset()
            contender.train(496, 2)
        assert ours.params() == pytest.approx(plain.params(), rel=1e-3, abs=1e-4)


class TestRunner:
    def test_numpy_is_compared_with_fastnn_in_turns(self):
        with Workers() as workers:
            result = runner.measure(TINY, ["numpy", "onnxruntime"], workers, BRIEF)
        ours, theirs = result.rows
        assert (ours.contender, theirs.contender) == ("fastnn", "numpy")
        assert ours.ratio is None
        assert theirs.ratio[1] <= theirs.ratio[0] <= theirs.ratio[2]
        assert theirs.loss == pytest.approx(ours.loss, rel=runner.TOLERANCE)
        assert ours.gflops == pytest.approx(TINY.flops * ours.rate / 1e9)
        assert result.left_out == {"onnxruntime": "it predicts only"}
        assert comparison.from_json(json.loads(json.dumps(comparison.to_json(result)))) == result
        assert "| numpy |" in comparison.markdown([result])

    def test_one_that_learns_otherwise_is_named_and_not_compared(self):
        class Slack(Worker):
            """Reports a loss that has hardly fallen."""

            def receive(self):
                answer = super().receive()
                if isinstance(answer, dict):
                    answer["after"] = answer["before"] * 0.99
                return answer

        with Workers() as workers:
            workers._workers["numpy", False] = Slack("numpy", 1, [])
            result = runner.measure(TINY, ["numpy"], workers, BRIEF)
        assert [row.contender for row in result.rows] == ["fastnn"]
        assert result.left_out["numpy"].startswith("learns otherwise: loss ")

    def test_threads_are_timed_and_their_bits_compared(self, monkeypatch):
        monkeypatch.setattr(runner, "threads_of", lambda all_threads: 2)  # on however many CPUs
        with Workers() as workers:
            result = runner.measure(replace(TINY, kind="threads"), [], workers, BRIEF)
        one, two = result.rows
        assert (one.note, two.note) == ("1 thread", "2 threads, same bits")
        assert one.ratio is None
        assert two.ratio is not None

    def test_the_books_training_has_an_accuracy(self):
        book = replace(workloads.choose(["book"])[0].quick(), rows=500)
        with Workers() as workers:
            (row,) = runner.measure(book, ["numpy"], workers, BRIEF).rows
        assert row.note.endswith(" % of the test digits")

    def test_a_process_that_dies_is_told(self):
        worker = Worker("no-such-contender", 1, [])
        try:
            with pytest.raises(WorkerError, match="KeyError"):
                worker.ask("prepare", workload=TINY.to_json(), folder=None)
            worker._process.kill()
            with pytest.raises(WorkerError, match="ended"):
                worker.ask("prepare", workload=TINY.to_json(), folder=None)
        finally:
            worker.close()

    def test_one_thread_is_one_thread_of_every_library(self):
        settings = environment(1)
        assert settings["OMP_NUM_THREADS"] == settings["FASTNN_NUM_THREADS"] == "1"
        assert "multi_thread_eigen=false" in settings["XLA_FLAGS"]

    def test_a_library_that_is_not_here_says_so(self):
        with pytest.raises(UnableError, match="no_such_library is not installed"):
            contenders.base.need("no_such_library")

    def test_a_name_of_no_contender_is_refused(self):
        with pytest.raises(ValueError, match="there is no contender 'caffe'; there are "):
            contenders.choose(["caffe"])
