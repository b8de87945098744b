"""The display of a fit: its three forms, its throttle, and what it leaves behind."""

import io
import re
import sys
import types

import pytest

from fastnn import progress, words
from fastnn.progress import Progress, bar

LOGS = {
    "loss": 0.0812,
    "accuracy": 0.9512,
    "val_loss": 0.0931,
    "val_accuracy": 0.94,
    "lr": 1.5,
    "seconds": 0.04,
    "examples_per_second": 1.52e6,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that moves only when a test says so."""
    hands = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "_now", lambda: hands.now)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    return hands


@pytest.fixture
def terminal(monkeypatch):
    """A function that makes a terminal of some width."""

    def make(width, **environment):
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", "LINES": "20", **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", str(width))
        return Terminal()

    return make


def frames(text):
    """The lines that a terminal was sent, without colours and movements of the cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]


class TestNothing:
    def test_without_show_nothing_is_written_or_imported(self, monkeypatch, capsys):
        for name in ("rich", "rich.console", "rich.live"):
            monkeypatch.setitem(sys.modules, name, None)  # importing it would now fail
        with bar(False, epochs=2, examples=10) as shown:
            shown.update(1, 5, LOGS)
            shown.epoch_end(1, LOGS)
            shown.note("hello")
        assert type(shown) is Progress
        assert capsys.readouterr() == ("", "")

    def test_a_program_without_a_console_is_shown_nothing(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        assert type(bar(True, epochs=2, examples=10)) is Progress

    def test_exceptions_pass_through(self):
        for show in (False, True):
            with pytest.raises(KeyboardInterrupt), bar(show, epochs=2, examples=10):
                raise KeyboardInterrupt


class TestLines:
    def test_each_epoch_is_a_plain_line(self, clock):
        file = io.StringIO()
        with bar(True, epochs=12, examples=1000, file=file) as shown:
            for epoch in (1, 2):
                clock.now += 2.0
                shown.update(epoch, 500, LOGS)
                shown.epoch_end(epoch, LOGS)
        # 2 s an epoch, 11 and 10 epochs left
        metrics = "loss 0.0812  acc 0.9512  val_loss 0.0931  val_acc 0.9400  1.52 M/s"
        assert file.getvalue().splitlines() == [
            f"epoch  1/12  {metrics}  eta 0:22",
            f"epoch  2/12  {metrics}  eta 0:20",
        ]

    def test_they_go_to_stderr(self, capsys):
        with bar(True, epochs=1, examples=10) as shown:
            shown.epoch_end(1, {"loss": 0.5})
        assert capsys.readouterr() == ("", "epoch 1/1  loss 0.5000\n")

    def test_short_epochs_give_about_a_line_a_second_and_the_first_and_the_last(self, clock):
        file = io.StringIO()
        with bar(True, epochs=35, examples=10, file=file) as shown:
            for epoch in range(1, 36):
                clock.now += 0.125
                shown.epoch_end(epoch, {"loss": 0.5})
        # a line at 0.125 s, then one whenever another second is over
        numbers = [int(line.split("/")[0].split()[1]) for line in file.getvalue().splitlines()]
        assert numbers == [1, 9, 17, 25, 33, 35]

    def test_the_last_epoch_of_a_fit_that_fails_or_stops_early_is_written_too(self, clock):
        file = io.StringIO()

        def fit():
            with bar(True, epochs=100, examples=10, file=file) as shown:
                for epoch in (1, 2, 3):
                    shown.epoch_end(epoch, {"loss": 0.5})
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fit()
        assert [line.split("/")[0] for line in file.getvalue().splitlines()] == [
            "epoch   1",
            "epoch   3",
        ]

    def test_a_note_comes_after_the_epoch_that_it_follows(self, clock):
        file = io.StringIO()
        with bar(True, epochs=3, examples=10, file=file) as shown:
            shown.epoch_end(1, {"loss": 0.5})
            shown.epoch_end(2, {"loss": 0.25})
            shown.note("stopped: good enough")
        lines = file.getvalue().splitlines()
        assert [line[:9] for line in lines] == ["epoch 1/3", "epoch 2/3", "stopped: "]

    def test_a_resumed_fit_counts_only_its_own_epochs_for_the_time_left(self, clock):
        file = io.StringIO()
        with bar(True, epochs=14, examples=1000, first_epoch=10, file=file) as shown:
            clock.now += 3.0
            shown.epoch_end(11, {"loss": 0.5})
        # 3 s an epoch, epochs 12 to 14 left
        assert file.getvalue() == "epoch 11/14  loss 0.5000  333 /s  eta 0:09\n"

    def test_a_fit_without_epochs_writes_nothing(self):
        file = io.StringIO()
        with bar(True, epochs=0, examples=0, file=file):
            pass
        assert file.getvalue() == ""

    def test_a_dumb_terminal_gets_lines(self, terminal):
        file = terminal(80, TERM="dumb")
        with bar(True, epochs=1, examples=10, file=file) as shown:
            shown.epoch_end(1, {"loss": 0.5})
        assert file.getvalue() == "epoch 1/1  loss 0.5000\n"


class TestTerminal:
    def test_the_last_line_stays_with_everything_on_it(self, terminal, clock):
        file = terminal(120)
        with bar(True, epochs=2, examples=1000, file=file) as shown:
            for epoch in (1, 2):
                clock.now += 1.25
                shown.epoch_end(epoch, LOGS)
        name, line, *texts = re.split(r" {2,}", frames(file.getvalue())[-1].strip())
        assert name == "epoch 2/2"
        assert set(line) == {"━"}
        assert texts == [
            "loss 0.0812",
            "in 2.5 s",
            "acc 0.9512",
            "val_acc 0.9400",
            "val_loss 0.0931",
            "1.52 M/s",
        ]

    @pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80, 81, 100, 200])
    def test_no_line_ever_wraps(self, terminal, clock, width):
        file = terminal(width)
        logs = {**LOGS, "my_own_metric": 1e-7}
        with bar(True, epochs=1000, examples=1000, file=file) as shown:
            for epoch in range(1, 6):
                clock.now += 1
                shown.update(epoch, 500, {"loss": 123456.0})
                clock.now += 1
                shown.epoch_end(epoch, logs)
        lines = frames(file.getvalue())
        assert len(lines) >= 10
        assert max(map(len, lines)) <= width - 2  # room for the ^C that a terminal writes
        assert all(line.startswith("epoch") for line in lines)

    def test_a_narrow_terminal_keeps_the_loss(self, terminal, clock):
        file = terminal(40)
        with bar(True, epochs=2, examples=1000, file=file) as shown:
            shown.epoch_end(1, LOGS)
        last = frames(file.getvalue())[-1]
        assert "loss 0.0812" in last
        assert "val_loss" not in last

    def test_half_the_work_is_half_the_bar(self, terminal, clock):
        file = terminal(60, NO_COLOR="1")
        with bar(True, epochs=2, examples=1000, file=file) as shown:
            shown.epoch_end(1, {})
        # 57 cells less "epoch 1/2", "in 0.0 s" and two gaps are 36; without colour, the half
        # that is not done is blank
        assert frames(file.getvalue())[-1].count("━") == 18

    def test_it_redraws_ten_times_a_second_however_often_it_is_told(self, terminal, clock):
        file = terminal(80)
        with bar(True, epochs=1, examples=100_000, file=file) as shown:
            start = file.getvalue().count("epoch")
            for done in range(1024):  # one second
                shown.update(1, done, LOGS)
                clock.now += 1 / 1024
            draws = file.getvalue().count("epoch") - start
        assert 9 <= draws <= 10

    def test_running_logs_replace_those_of_the_last_epoch_and_keep_the_others(
        self, terminal, clock
    ):
        file = terminal(120)
        with bar(True, epochs=3, examples=1000, file=file) as shown:
            shown.epoch_end(1, LOGS)
            clock.now += 1
            shown.update(2, 500, {"loss": 0.5})
        last = frames(file.getvalue())[-1]
        assert "epoch 2/3" in last
        assert "loss 0.5000" in last
        assert "val_loss 0.0931" in last

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_an_error_brings_the_cursor_back(self, terminal, clock, error):
        file = terminal(80)

        def fit():
            with bar(True, epochs=2, examples=1000, file=file) as shown:
                shown.epoch_end(1, LOGS)
                raise error

        with pytest.raises(error):
            fit()
        text = file.getvalue()
        assert text.count("\x1b[?25l") == 1
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
        assert text[text.rindex("epoch") :].count("\n") == 1

    def test_a_note_is_shown_as_it_is_above_the_bar(self, terminal, clock):
        file = terminal(80)
        with bar(True, epochs=2, examples=1000, file=file) as shown:
            shown.epoch_end(1, LOGS)
            shown.note("[bold]best[/bold] at epoch 1")
        lines = frames(file.getvalue())
        assert "[bold]best[/bold] at epoch 1" in [line.strip() for line in lines]
        assert lines[-1].startswith("epoch")

    def test_no_color_is_respected(self, terminal, clock):
        file = terminal(80, NO_COLOR="1")
        with bar(True, epochs=2, examples=1000, file=file) as shown:
            shown.epoch_end(1, LOGS)
        assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", file.getvalue())

    def test_piped_standard_output_is_left_alone(self, terminal, clock, capsys):
        with bar(True, epochs=2, examples=1000, file=terminal(80)):
            print("a result")
        assert capsys.readouterr().out == "a result\n"


class TestNotebook:
    @pytest.fixture
    def cell(self, monkeypatch):
        """Return the output of a notebook cell: (how, data) pairs."""
        shown = []

        class Handle:
            def update(self, data, raw):
                assert raw
                shown.append(("update", data))

        def display(data, raw, display_id):
            assert raw
            assert display_id is True
            shown.append(("display", data))
            return Handle()

        shell = type("Shell", (type("ZMQInteractiveShell", (), {}),), {})()
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: shell
        ipython.display = types.ModuleType("IPython.display")
        ipython.display.display = display
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
        return shown

    def test_one_display_is_updated_in_place(self, cell, clock, capsys):
        with bar(True, epochs=2, examples=1000) as shown:
            shown.update(1, 500, {"loss": 0.5})
            clock.now += 1.25
            shown.epoch_end(1, LOGS)
        assert [how for how, _ in cell] == ["display", "update", "update"]
        html = cell[-1][1]["text/html"]
        assert '<progress value="1000" max="2000">' in html
        assert "epoch 1/2" in html
        assert "val_acc 0.9400" in html
        assert "in 1.2 s" in cell[-1][1]["text/plain"]
        assert capsys.readouterr() == ("", "")

    def test_notes_stay_and_are_escaped(self, cell, clock):
        with bar(True, epochs=2, examples=1000) as shown:
            shown.note("a < b")
            shown.epoch_end(1, LOGS)
        assert "<div>a &lt; b</div>" in cell[-1][1]["text/html"]
        assert cell[-1][1]["text/plain"].startswith("a < b\nepoch 1/2")

    def test_a_file_that_is_asked_for_is_written_instead(self, cell):
        file = io.StringIO()
        with bar(True, epochs=1, examples=10, file=file) as shown:
            shown.epoch_end(1, {"loss": 0.5})
        assert file.getvalue() == "epoch 1/1  loss 0.5000\n"
        assert cell == []

    def test_a_plain_ipython_terminal_is_no_notebook(self, monkeypatch, capsys):
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: None
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        with bar(True, epochs=1, examples=10) as shown:
            shown.epoch_end(1, {"loss": 0.5})
        assert capsys.readouterr().err == "epoch 1/1  loss 0.5000\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_523_000, "1.52 M"),
        (999_600, "1.00 M"),
        (999_400, "999 k"),
        (21_850, "21.9 k"),
        (1_000, "1.00 k"),
        (7.6, "8 "),
        (2.5e9, "2.50 G"),
    ],
)
def test_speeds_have_three_digits_and_a_unit(value, text):
    assert words.with_unit(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "nan"), (float("inf"), "inf"), (-0.5, "-0.5000"), (1e6, "1.00e+06")],
)
def test_metrics_of_any_size_are_short(value, text):
    assert words.metric(value) == text
