"""The examples run as a user runs them, on small sizes, and reach what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from folders import ROOT

EXAMPLES = ROOT / "examples"
ELSEWHERE = {
    "backpropagation.py": "writes a page of docs/; .ci/run compares the page with it",
    "nielsen.py": "needs the full MNIST, and has no small size",
}
SCRIPTS = sorted({path.name for path in EXAMPLES.glob("*.py")} - set(ELSEWHERE))
NEEDS = {
    "optuna_search.py": "optuna",
    "physics.py": "scipy",
    "sobolev.py": "scipy",
}  # beside matplotlib for plot_*.py

pytestmark = pytest.mark.skipif(
    not SCRIPTS, reason="examples/ is not beside the tests (those of a wheel)"
)


def numbers(text: str, pattern: str) -> list[float]:
    """Return what the groups of the pattern hold in the text, where it stands once."""
    (found,) = re.findall(pattern, text)
    return [float(number) for number in ([found] if isinstance(found, str) else found)]


# Each gets what its script printed. The bounds are wide, as other processors round differently.


def the_range_covers_nine_in_ten_in_every_group_and_one_width_does_not(text: str) -> None:
    for group in ("all", "warm rush hours", "nights"):
        learnt, one_width = numbers(text, rf"(?m)^{group} +(\S+)% +(\S+)%$")
        assert 80 <= learnt <= 97
        assert group != "warm rush hours" or one_width < 70


def unseen_pendulums_are_met(text: str) -> None:
    angle, speed = numbers(text, r"errors: (\S+)°, (\S+)°/s")
    assert 0 < angle < 15 and 0 < speed < 50  # angles swing by up to ±160°


def the_intervals_hold_what_they_should(text: str) -> None:
    (held,) = re.findall(r"hold (\S+) %", text)
    inside, outside = numbers(text, r"at 12 m/s: (\S+), at 40 m/s: (\S+)")
    assert 80 < float(held) < 97 and outside > 2 * inside


def the_pole_stands(text: str) -> None:
    by_chance, trained = numbers(text, r"stood: (\d+) pushed at random, (\d+) of 500 trained")
    assert by_chance < 50 and trained > 400


def the_best_dose_is_found(text: str) -> None:
    best, low, high, truth = numbers(
        text, r"best dose (\S+), .* networks (\S+) to (\S+); the truth (\S+)"
    )
    assert low <= best <= high and abs(best - truth) < 1


def nine_digits_in_ten_are_read(text: str) -> None:
    each = [float(right) for right in re.findall(r"seed \d: (\S+)%", text)]
    assert numbers(text, r"median: (\S+)%") == [pytest.approx(sum(each) / 2, abs=0.011)]
    assert min(each) > 90


def the_search_finds_a_reader_of_digits(text: str) -> None:
    assert numbers(text, r"^(\d+) trials") == [8]
    assert numbers(text, r"test accuracy (\S+)%")[0] > 85


def the_c_program_is_as_good_as_its_first_comment_says(text: str) -> None:
    full, int8 = numbers(text, r"accuracy (\S+)% -> (\S+)%")
    assert numbers(text, r"network in Python: (\S+)%") == [full] and full > 85
    assert abs(int8 - full) < 1.5
    if "No C compiler" not in text:
        assert numbers(text, r"C program with int8 weights: (\S+)%") == [int8]
        assert text.count("60 of 60 outputs as expected") == 2


def the_pole_stands_longer(text: str) -> None:
    first, last = numbers(text, r"stood: (\d+) at first, (\d+) of 500 at last")
    assert first < 40 and last > 1.8 * first


def the_equation_is_solved(text: str) -> None:
    assert numbers(text, r"largest error (\S+) of sin t")[0] < 0.01


def slopes_make_up_for_runs(text: str) -> None:
    values, slopes = numbers(text, r"(\S+) from values, (\S+) from slopes as well")
    assert slopes < 0.1 and slopes < values / 2


def the_filter_knows_more_than_the_measurement(text: str) -> None:
    measured, filtered = numbers(text, r"off by (\S+) rad as measured, (\S+) as filtered")
    assert filtered < measured / 2


def both_heads_read(text: str) -> None:
    assert numbers(text, r"digit: (\S+)%")[0] > 60
    assert numbers(text, r"turn: (\S+)%")[0] > 90


PROMISES: dict[str, Callable[[str], None]] = {
    "plot_quantiles.py": the_range_covers_nine_in_ten_in_every_group_and_one_width_does_not,
    "plot_ode_surrogate.py": unseen_pendulums_are_met,
    "plot_cartpole.py": the_pole_stands,
    "plot_thousand_networks.py": the_best_dose_is_found,
    "deep_ensemble.py": the_intervals_hold_what_they_should,
    "mnist98.py": nine_digits_in_ten_are_read,
    "microcontroller.py": the_c_program_is_as_good_as_its_first_comment_says,
    "ppo.py": the_pole_stands_longer,
    "dqn.py": the_pole_stands_longer,
    "physics.py": the_equation_is_solved,
    "sobolev.py": slopes_make_up_for_runs,
    "kalman.py": the_filter_knows_more_than_the_measurement,
    "heads.py": both_heads_read,
    "optuna_search.py": the_search_finds_a_reader_of_digits,
}


def test_every_example_with_a_promise_is_there():
    assert not PROMISES.keys() - set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_is_short(script):
    lines = (EXAMPLES / script).read_text("utf-8").splitlines()
    assert len(lines) < 80


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_runs_and_keeps_its_promise(script, tmp_path):
    if script.startswith("plot_"):
        pytest.importorskip("matplotlib")
    if script in NEEDS:
        pytest.importorskip(NEEDS[script])
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", EXAMPLES / script, "--quick"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "DivergenceWarning" not in done.stderr
    assert done.stdout.strip()
    if script in PROMISES:
        PROMISES[script](done.stdout)
