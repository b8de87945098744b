"""The record of a fit: how it is filled, asked, stored and shown."""

import copy
import json
import math
import pickle
import sys
import types
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import fastnn
from fastnn.history import History


def make(**columns):
    history = History()
    for values in zip(*columns.values(), strict=True):
        history.append(dict(zip(columns, values, strict=True)))
    return history


@pytest.fixture
def history():
    return make(loss=[0.5, 0.25, 0.375], accuracy=[0.5, 0.75, 0.75], seconds=[1.0, 2.0, 1.5])


class TestAccess:
    def test_a_name_is_an_attribute_an_item_and_a_member(self, history):
        assert history.loss == history["loss"] == [0.5, 0.25, 0.375]
        assert "loss" in history
        assert "val_loss" not in history

    def test_iteration_is_over_names_in_the_order_they_were_logged(self, history):
        assert list(history) == ["loss", "accuracy", "seconds"]

    def test_the_length_is_the_number_of_epochs(self, history):
        assert len(history) == 3
        assert len(History()) == 0

    def test_values_become_plain_floats(self):
        history = make(loss=[np.float32(0.5)], accuracy=[1])
        assert [type(value) for name in history for value in history[name]] == [float, float]

    def test_a_missing_name_is_told_together_with_the_names_that_there_are(self, history):
        with pytest.raises(AttributeError, match="no 'val_loss'; it has loss, accuracy, seconds"):
            _ = history.val_loss
        with pytest.raises(KeyError, match="no 'val_loss'; it has loss, accuracy, seconds"):
            _ = history["val_loss"]

    def test_an_empty_history_says_that_it_has_no_epoch(self):
        with pytest.raises(AttributeError, match="no epoch yet"):
            _ = History().loss

    def test_names_are_offered_for_completion(self, history):
        assert {"loss", "accuracy", "best"} <= set(dir(history))

    def test_a_log_with_the_name_of_a_method_is_an_item(self):
        history = make(best=[1.0])
        assert history["best"] == [1.0]
        assert callable(history.best)


class TestExtend:
    def test_several_epochs_are_those_that_append_would_add_one_by_one(self):
        one_by_one, at_once = History(), History()
        for loss, accuracy in ((3, 0.5), (2, 0.75), (1, 1)):
            one_by_one.append({"loss": loss, "accuracy": accuracy})
        at_once.extend({"loss": [3], "accuracy": [0.5]})
        at_once.extend({"accuracy": (0.75, 1), "loss": (2, 1)})
        assert at_once == one_by_one

    @pytest.mark.parametrize("columns", [{"loss": [1.0]}, {}, {"loss": [1.0], "accuracy": []}])
    def test_what_does_not_fit_is_refused_and_nothing_is_added(self, columns):
        history = History()
        history.append({"loss": 1.0, "accuracy": 0.5})
        with pytest.raises(ValueError, match=r"name|equally long"):
            history.extend(columns)
        assert history.loss == [1.0]
        assert history.accuracy == [0.5]


class TestAppend:
    @pytest.mark.parametrize("logs", [{"loss": 1.0}, {"loss": 1.0, "accuracy": 1.0, "lr": 1.0}])
    def test_an_epoch_with_other_names_is_refused_and_leaves_no_trace(self, logs):
        history = make(loss=[0.5], accuracy=[0.5])
        with pytest.raises(ValueError, match="same names: expected loss, accuracy, got loss"):
            history.append(logs)
        assert history == make(loss=[0.5], accuracy=[0.5])

    def test_names_are_texts_in_every_epoch(self):
        history = History()
        history.append({1: 0.5})
        history.append({1: 0.25})
        assert history["1"] == [0.5, 0.25]

    def test_the_order_of_names_does_not_matter(self):
        history = make(loss=[0.5], accuracy=[0.25])
        history.append({"accuracy": 0.75, "loss": 0.125})
        assert history.loss == [0.5, 0.125]

    def test_an_epoch_without_any_name_is_refused(self):
        with pytest.raises(ValueError, match="at least one name"):
            History().append({})


class TestBest:
    def test_a_loss_is_best_where_it_is_lowest(self, history):
        assert history.best("loss") == (2, 0.25)

    def test_an_accuracy_is_best_where_it_is_highest_the_first_time(self, history):
        assert history.best("accuracy") == (2, 0.75)

    def test_nan_is_never_best(self):
        history = make(loss=[math.nan, 3.0, math.nan, 2.0], val_accuracy=[math.nan, 0.0, 0.5, 0.1])
        assert history.best("loss") == (4, 2.0)
        assert history.best("val_accuracy") == (3, 0.5)

    def test_a_value_that_was_never_a_number_has_no_best(self):
        with pytest.raises(ValueError, match="loss has no best epoch"):
            make(loss=[math.nan]).best("loss")

    def test_a_name_that_was_not_logged_has_no_best(self, history):
        with pytest.raises(KeyError, match="it has loss"):
            history.best("val_loss")

    @pytest.mark.parametrize(
        ("name", "higher"),
        [
            ("loss", False),
            ("val_loss", False),
            ("seconds", False),
            ("my_error", False),
            ("accuracy", True),
            ("val_accuracy", True),
            ("val_f1", True),
            ("roc_auc", True),
            ("r2", True),
            ("brier_score", True),
        ],
    )
    def test_the_end_of_a_name_tells_whether_higher_is_better(self, name, higher):
        assert History.higher_is_better(name) is higher


class TestStorage:
    def test_a_history_survives_strict_json_exactly(self):
        history = make(loss=[0.1, 1 / 3, math.nan], lr=[math.inf, -math.inf, 5e-324])
        history.stopped = "the loss is not a number"
        text = json.dumps(history.to_dict(), allow_nan=False)
        again = History.from_dict(json.loads(text))
        assert again == history
        assert again.stopped == "the loss is not a number"
        assert again.loss[:2] == [0.1, 1 / 3]
        assert math.isnan(again.loss[2])
        assert again.lr == [math.inf, -math.inf, 5e-324]

    def test_a_history_survives_pickle_and_copies(self, history):
        history.stopped = "enough"
        for again in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
            assert again == history
            assert again.stopped == "enough"

    def test_a_deep_copy_is_independent(self, history):
        again = copy.deepcopy(history)
        again.append({"loss": 0.0, "accuracy": 0.0, "seconds": 0.0})
        assert len(history) == 3

    @pytest.mark.parametrize(
        "bad",
        [
            {},
            {"stopped": None},
            {"stopped": None, "epochs": [1]},
            {"stopped": None, "epochs": {"loss": ["many"]}},
            {"stopped": None, "epochs": {"loss": [1.0], "lr": [1.0, 2.0]}},
            [],
        ],
    )
    def test_a_record_that_is_no_history_is_a_value_error(self, bad):
        with pytest.raises(ValueError, match="not the record of a history"):
            History.from_dict(bad)

    def test_equality_is_by_content(self, history):
        other = History.from_dict(history.to_dict())
        assert other == history
        other.stopped = "enough"
        assert other != history
        assert history != "a history"

    def test_csv_has_a_line_of_names_and_one_line_an_epoch(self, tmp_path):
        make(loss=[0.1, 0.25], accuracy=[0.5, 1.0]).to_csv(tmp_path / "h.csv")
        text = (tmp_path / "h.csv").read_text()
        assert text == "epoch,loss,accuracy\n1,0.1,0.5\n2,0.25,1.0\n"
        assert [path.name for path in tmp_path.iterdir()] == ["h.csv"]

    def test_csv_of_an_empty_history_is_a_line_of_names(self, tmp_path):
        History().to_csv(str(tmp_path / "h.csv"))
        assert (tmp_path / "h.csv").read_text() == "epoch\n"


class TestRepr:
    def test_it_shows_epochs_best_time_and_the_reason_for_stopping(self):
        history = make(
            loss=[0.5, 0.25, 0.375],
            accuracy=[0.5, 0.75, 0.625],
            lr=[0.1, 0.1, 0.001],
            seconds=[1.0, 2.0, 1.5],
            examples_per_second=[1e6, 3e6, 2e6],
        )
        history.stopped = "loss has not improved for 1 epoch"
        assert repr(history).splitlines() == [
            "History of 3 epochs, 4.5 s, 2,000,000 examples/s",
            "  epoch    loss  accuracy         lr",
            "      1  0.5000    0.5000     0.1000",
            "      2  0.2500    0.7500     0.1000",
            "      3  0.3750    0.6250  1.000e-03",
            "   best  0.2500    0.7500",
            "     at       2         2",
            "Stopped early: loss has not improved for 1 epoch",
        ]

    def test_a_long_history_shows_its_first_and_last_epochs(self):
        text = repr(make(loss=[float(epoch) for epoch in range(1, 101)]))
        first = [line.split()[0] for line in text.splitlines()[2:]]
        assert first == ["1", "2", "3", "...", "98", "99", "100", "best", "at"]

    def test_an_empty_history_is_one_line(self):
        assert repr(History()) == "History of 0 epochs"

    def test_a_column_of_nan_has_no_best(self):
        lines = repr(make(loss=[math.nan])).splitlines()
        assert lines == [
            "History of 1 epoch",
            "  epoch  loss",
            "      1   nan",
            "   best",
            "     at",
        ]


def parse(history):
    # Strict parsing: every tag is closed and every special character escaped.
    return ElementTree.fromstring(history._repr_html_())


class TestHtml:
    def test_it_has_the_table_of_the_repr(self, history):
        cells = [[cell.text or "" for cell in row] for row in parse(history).iter("tr")]
        lines = repr(history).splitlines()
        assert cells == [line.split() for line in lines[1:]]

    def test_names_and_reasons_are_escaped(self):
        history = make(**{"<b>loss": [1.0]})
        history.stopped = "<script>"
        html = history._repr_html_()
        assert "<script>" not in html
        assert "<b>loss" not in html
        assert "&lt;script&gt;" in html

    def test_an_empty_history_has_no_table(self):
        assert not list(parse(History()).iter("table"))


def test_plot_hands_the_history_to_the_plot_module(monkeypatch, history):
    fake = types.ModuleType("fastnn.plot")
    fake.learning_curves = lambda *args, **kwargs: (args, kwargs)
    monkeypatch.setitem(sys.modules, "fastnn.plot", fake)
    monkeypatch.setattr(fastnn, "plot", fake, raising=False)
    assert history.plot(log=True) == ((history,), {"log": True})


def test_it_becomes_a_dict_of_columns():
    history = make(loss=[2.0, 1.0], lr=[0.5, 0.25])
    assert dict(history) == {"loss": [2.0, 1.0], "lr": [0.5, 0.25]}
    assert history.keys() == ["loss", "lr"]
