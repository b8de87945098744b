"""Learning curves, drawn without a screen."""

import sys

import pytest

from fastnn import History, plot

matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


def history(*names, epochs=3):
    record = History()
    for epoch in range(epochs):
        record.append({name: 1 / (epoch + 1) for name in names})
    return record


def test_loss_and_accuracy_get_an_axes_each_with_labels():
    figure = history("loss", "accuracy", "val_loss", "val_accuracy", "lr").plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes] == [
        ("epoch", "cost"),
        ("epoch", "accuracy"),
    ]
    for ax in figure.axes:
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts == ["training", "validation"]


def test_the_curves_are_the_numbers_of_the_history_against_the_epochs_from_1():
    record = history("loss", "val_loss")
    (ax,) = record.plot().axes
    assert [line.get_label() for line in ax.lines] == ["training", "validation"]
    for line, name in zip(ax.lines, ("loss", "val_loss"), strict=True):
        assert list(line.get_xdata()) == [1, 2, 3]
        assert list(line.get_ydata()) == record[name]


def test_a_regression_gets_one_axes():
    assert len(history("loss", "lr").plot().axes) == 1


def test_one_epoch_is_a_point_that_can_be_seen():
    (line,) = history("loss", epochs=1).plot().axes[0].lines
    assert line.get_marker() == "o"


def test_it_draws_into_axes_of_the_callers():
    figure, axes = plt.subplots(2)
    assert history("loss", "accuracy").plot(axes=axes) is figure
    assert axes[1].get_ylabel() == "accuracy"
    single = plt.figure().add_subplot()
    assert plot.learning_curves(history("loss"), axes=single) is single.figure


def test_too_few_axes_are_refused():
    with pytest.raises(ValueError, match=r"axes must be 2 axes, got 1"):
        history("loss", "accuracy").plot(axes=plt.figure().add_subplot())


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match=r"history is empty: there is nothing to plot"):
        History().plot()


def test_the_figure_can_be_saved(tmp_path):
    history("loss", "accuracy").plot().savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_without_matplotlib_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plotting needs matplotlib: pip install"):
        history("loss").plot()
