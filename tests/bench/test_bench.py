"""`fastnn bench`: its arithmetic, its workloads, and the command. No timings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import fastnn
from fastnn.bench import measure, report, workloads
from fastnn.bench.workloads import Rule, Workload
from fastnn.cli import main

TINY = Workload(
    "tiny", (4, 8, 4), "tanh", "softmax", "cross_entropy", 16, Rule("adam", 1e-2), "regions", 500,
    check_rows=496,
)  # fmt: skip
BRIEF = measure.Settings(rounds=2, seconds=0.01, book_epochs=1)


class TestArithmetic:
    def test_flops_of_a_hand_worked_network(self):
        # 3-2-1: forward 2·(3·2 + 2·1) = 16, dW as much again, δWᵀ of the second layer 2·2·1 = 4.
        assert replace(TINY, sizes=(3, 2, 1)).flops == 16 + 16 + 4

    def test_flops_of_one_layer_are_two_products(self):
        assert replace(TINY, sizes=(784, 10)).flops == 4 * 7840

    @pytest.mark.parametrize(
        ("rate", "expected"),
        [
            (50_000, (496, 101)),  # a second of it is 100.8 epochs
            (100, (496, 1)),  # a part of an epoch would be below the least
        ],
    )
    def test_a_round_of_a_small_set_is_whole_epochs(self, rate, expected):
        assert measure.amount(rate, 1.0, TINY) == expected

    def test_a_round_of_a_long_epoch_is_its_first_whole_batches(self):
        long = replace(TINY, rows=100_000, batch_size=512)
        assert measure.amount(10_000, 1.0, long) == (20 * 512, 1)

    def test_rows_are_whole_batches(self):
        assert TINY.whole_rows == 31 * 16


class TestData:
    def test_digits_without_zeros_have_none(self):
        dense = replace(workloads.choose(["W1d"])[0], rows=200)
        assert workloads.make_data(dense, None).X.min() > 0

    def test_all_contenders_get_the_same_numbers(self):
        one, other = (workloads.make_data(TINY, None) for _ in range(2))
        assert np.array_equal(one.X, other.X)
        assert one.X.dtype == np.float32
        assert np.bincount(one.y).min() > 100

    def test_a_workload_survives_json(self):
        for workload in workloads.WORKLOADS:
            assert Workload.from_json(json.loads(json.dumps(workload.to_json()))) == workload


class TestMeasure:
    @pytest.mark.parametrize("kind", ["train", "predict"])
    def test_a_row_has_the_median_the_least_and_the_greatest_rate(self, kind):
        workload = replace(TINY, kind=kind)
        (row,) = measure.measure(workload, BRIEF)
        assert 0 < row.least <= row.rate <= row.most
        assert row.n_threads == 1
        expected = None if kind == "predict" else pytest.approx(TINY.flops * row.rate / 1e9)
        assert row.gflops == expected

    @pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
    def test_every_optimiser_of_a_workload_trains(self, kind):
        net, data = measure.network(TINY, seed=0), workloads.make_data(TINY, None)
        before = net.cost(data.X, data.y)
        net.fit(data.X, data.y, epochs=3, optimizer=measure.optimizer(Rule(kind, 1e-2)))
        assert net.cost(data.X, data.y) < before

    def test_threads_are_timed_and_their_bits_compared(self, monkeypatch):
        monkeypatch.setattr("fastnn._config.available_cpus", lambda: 2)  # on however many CPUs
        before = fastnn.get_num_threads()
        one, two = measure.measure(replace(TINY, kind="threads"), BRIEF)
        assert (one.n_threads, one.note) == (1, "1 thread")
        assert (two.n_threads, two.note) == (2, "same bits")
        assert fastnn.get_num_threads() == before

    def test_one_cpu_has_no_threads_to_compare(self, monkeypatch):
        monkeypatch.setattr("fastnn._config.available_cpus", lambda: 1)
        assert measure.measure(replace(TINY, kind="threads"), BRIEF) == []

    def test_the_books_training_has_an_accuracy(self):
        book = replace(workloads.choose(["book"])[0].quick(), rows=500)
        (row,) = measure.measure(book, BRIEF)
        assert row.note.endswith(" % of the test digits")

    def test_figures_have_three_digits(self):
        assert report.significant(71_312.0) == "71,300"


class TestCommand:
    def test_it_prints_a_table_and_writes_json(self, capsys, tmp_path, monkeypatch):
        quick = tuple(workload.quick() for workload in workloads.WORKLOADS)
        monkeypatch.setattr(workloads, "WORKLOADS", quick)
        file = tmp_path / "found.json"
        argv = ["bench", "--workloads", "W4", "predict", "--rounds", "1"]
        assert main([*argv, "--json", str(file)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert "4-32-32-1 tanh" in out
        lines = [line.split() for line in out.splitlines()]
        assert [line[0] for line in lines if line[1:2] == ["1"]] == ["W4", "predict"]
        found = json.loads(file.read_text())
        assert [result["workload"]["name"] for result in found["results"]] == ["W4", "predict"]
        assert all(row["rate"] > 0 for result in found["results"] for row in result["rows"])
        assert found["machine"]["instruction_set"] == fastnn.show_config("dicts")["instruction_set"]

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["--workloads", "W9"], "there is no workload 'W9'; there are W1,"),
            (["--rounds", "0"], "expected a whole number of 1 or more"),
        ],
    )
    def test_unknown_names_are_told_in_one_line(self, capsys, argv, said):
        assert main(["bench", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert len(err.splitlines()) == 1

    def test_a_folder_without_mnist_is_told_in_one_line(self, capsys, tmp_path):
        assert main(["bench", "--data", str(tmp_path)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
