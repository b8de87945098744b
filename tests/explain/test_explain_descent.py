"""Gradient descent on functions of two inputs: paths by hand, words, and pictures.

Over 400 lines: the path, its words, its table, its film and its picture.
"""

import json
import math
import re
import shutil

import numpy as np
import pytest
from pictures import assert_looks_as_accepted, smallest_text

from fastnn import plot
from fastnn.explain import descend
from fastnn.explain.functions import EXAMPLES, Surface
from fastnn.plot.descent import Scene, _round_levels

MINIMA = [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)]


def bowl(x, y):
    return x * x + y * y


class TestThePath:
    def test_a_step_is_minus_the_learning_rate_times_the_gradient(self):
        # f = x² + y² has the gradient (2x, 2y): with lr = 1/4 each step halves the point.
        descent = descend("bowl", (4, -2), lr=0.25, steps=3)
        assert descent.paths[0].tolist() == [[4, -2], [2, -1], [1, -0.5], [0.5, -0.25]]
        assert descent.values[0].tolist() == [20, 5, 1.25, 0.3125]
        assert descent.gradients[0].tolist() == [[8, -4], [4, -2], [2, -1], [1, -0.5]]
        np.testing.assert_allclose(descent.gradient_norms[0], np.sqrt([80, 20, 5, 1.25]))

    def test_momentum_keeps_a_part_of_the_speed(self):
        # From (1, 2), μ = 1/2, lr = 1/4: v = (2, 4), p = (1/2, 1); ∇f = (1, 2), v = (2, 4), p = 0;
        # ∇f = 0, v = (1, 2), p = (−1/4, −1/2): the ball rolls through the minimum.
        descent = descend("bowl", (1, 2), lr=0.25, steps=3, momentum=0.5)
        assert descent.paths[0].tolist() == [[1, 2], [0.5, 1], [0, 0], [-0.25, -0.5]]
        assert descent.words == ["still moving"]

    def test_with_momentum_it_rests_in_the_minimum_in_the_end(self):
        descent = descend("bowl", (1, 2), lr=0.1, steps=1000, momentum=0.9)
        assert descent.words == ["converged"]
        np.testing.assert_allclose(descent.paths[0][-1], 0, atol=1e-6)

    def test_a_path_has_one_point_more_than_steps(self):
        assert len(descend("rosenbrock", (-1.2, 1), lr=0.001, steps=7).paths[0]) == 8

    def test_a_function_and_its_expression_go_the_same_way(self):
        exact = descend(EXAMPLES["himmelblau"], (1, 1), lr=0.01)
        differences = descend(
            lambda x, y: (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2, (1, 1), lr=0.01
        )
        assert (exact.gradient, differences.gradient) == ("exact", "central differences")
        np.testing.assert_allclose(differences.paths[0][:40], exact.paths[0][:40], atol=1e-7)

    def test_a_gradient_of_the_callers_is_used(self):
        descent = descend(bowl, (1, 1), lr=0.5, steps=1, grad=lambda x, y: (1, -1))
        assert descent.gradient == "given"
        assert descent.paths[0].tolist() == [[1, 1], [0.5, 1.5]]

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_every_example_has_its_exact_gradient(self, name):
        surface = Surface(name)
        p, h = np.array([0.7, -1.1]), 1e-6
        by_hand = [(surface.value(p + s) - surface.value(p - s)) / (2 * h) for s in np.eye(2) * h]
        np.testing.assert_allclose(surface.gradient(p), by_hand, rtol=1e-6)

    def test_several_starts_give_a_path_each_in_one_result(self):
        starts = [(0, 0), (-1, 1), (-1, -1), (1, -2)]
        descent = descend("himmelblau", starts, lr=0.01, steps=500)
        assert descent.words == ["converged"] * 4
        for path, minimum in zip(descent.paths, MINIMA, strict=True):
            np.testing.assert_allclose(path[-1], minimum, atol=1e-5)


class TestTheWords:
    def test_in_a_minimum_it_has_converged(self):
        descent = descend("(x - 3)**2 + (y + 1)**2", (0, 0))
        assert descent.words == ["converged"]
        assert descent.gradient_norms[0][-1] < 1e-6 <= descent.gradient_norms[0][-2]
        assert re.match(r"reached a minimum after \d+ steps near \(3, −1\)", descent.reasons[0])

    def test_the_last_step_counts(self):
        assert descend("bowl", (1, 0), lr=0.5, steps=1).words == ["converged"]

    def test_a_start_in_the_minimum_needs_no_step(self):
        descent = descend("bowl", (0, 0))
        assert (descent.words, len(descent.paths[0])) == (["converged"], 1)

    @pytest.mark.parametrize("f", ["saddle", lambda x, y: x**2 - y**2 + y**4 / 4])
    def test_on_a_saddle_the_slope_vanishes_and_the_curvature_does_not(self, f):
        on, beside = (descend(f, (1, y), steps=200) for y in (0, 1e-3))
        assert on.words == ["saddle"]
        assert "curvature is −2" in on.reasons[0]
        assert re.search(r"falls along \(0, −?1\)", on.reasons[0])
        assert beside.words == ["converged"]
        np.testing.assert_allclose(beside.paths[0][-1], (0, math.sqrt(2)), atol=1e-5)

    def test_the_top_of_a_hill_is_told_from_a_saddle(self):
        descent = descend("-(x**2) - 3*y**2", (0, 0))
        assert descent.words == ["saddle"]
        assert "the top of a hill" in descent.reasons[0]

    @pytest.mark.parametrize("f", ["3", lambda x, y: 3.0])
    def test_a_flat_place_is_called_flat(self, f):
        descent = descend(f, (1, 2))
        assert descent.words == ["converged"]
        assert "a flat place" in descent.reasons[0]

    @pytest.mark.parametrize("steps", [5, 100, 10_000])
    def test_too_large_a_learning_rate_diverges(self, steps):
        descent = descend("bowl", (2, 1), lr=1.1, steps=steps)  # |1 − 2 lr| = 1.2 a step
        assert descent.words == ["diverged"]
        assert "The learning rate 1.1 is too large here" in descent.reasons[0]
        assert np.hypot(*descent.paths[0][-1]) < 1e7

    @pytest.mark.parametrize("f", ["himmelblau", lambda x, y: (x * x + y - 11) ** 2 + y**4])
    def test_an_overflow_is_a_divergence_and_all_that_is_kept_is_finite(self, f):
        descent = descend(f, (6, 6), lr=0.5)
        assert descent.words == ["diverged"]
        for kept in (descent.paths, descent.values, descent.gradients):
            assert np.isfinite(kept[0]).all()

    def test_pythons_own_overflow_counts_as_infinity(self):
        descent = descend(lambda x, y: math.exp(x * x) + y * y, (2, 0), lr=1.0)
        assert descent.words == ["diverged"]

    def test_a_path_that_leaves_where_f_is_defined_is_told_so(self):
        descent = descend("sqrt(x) + y**2", (1, 1))
        assert descent.words == ["diverged"]
        assert descent.reasons[0].startswith("left where f is defined after ")
        assert "f or its slope is no finite number" in descent.reasons[0]

    def test_without_a_bottom_it_runs_away(self):
        descent = descend("x**2 - y**2", (1, 0.1), steps=200)
        assert descent.words == ["diverged"]
        assert "f has no minimum this way" in descent.reasons[0]

    def test_too_few_steps_leave_it_moving(self):
        descent = descend("ravine", (8, 1), steps=10)
        assert descent.words == ["still moving"]
        assert "More steps, or a larger learning rate" in descent.reasons[0]
        assert "leaps" in descend("ravine", (0, 1), lr=0.99, steps=10).reasons[0]


def none_of(x, y):
    raise KeyError("nobody")


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "rest", "sentence"),
        [
            ((bowl, (1, 2), 0), {}, "lr must be a number above 0, got 0"),
            ((bowl, (1, 2), -1.0), {}, "lr must be a number above 0"),
            ((bowl, (1, 2), math.nan), {}, "lr must be a number above 0"),
            ((bowl, (1, 2), 0.1, 0), {}, "steps must be an integer of 1 or more, got 0"),
            ((bowl, (1, 2)), {"momentum": 1}, "momentum must be a number from 0 to below 1"),
            ((bowl, (1, 2)), {"momentum": -0.1}, "momentum must be a number from 0 to below 1"),
            ((bowl, (1, 2)), {"tol": 0}, "tol must be a number above 0"),
            ((bowl, (1, 2, 3)), {}, r"start must be \(x, y\) or a list of such points"),
            ((bowl, []), {}, r"start must be \(x, y\) or a list of such points"),
            ((bowl, [(1, 2), (3,)]), {}, r"start must be \(x, y\) or a list of such points"),
            ((bowl, (1, math.inf)), {}, "start must be finite numbers"),
            ((bowl, [(1, 2), (math.nan, 0)]), {}, "start must be finite numbers"),
            (("bowel", (1, 2)), {}, "f must be an expression of x and y, or one of .*'bowel'"),
            (("x +", (1, 2)), {}, "expression 'x [+]': expected a number"),
            (("1/x", (0, 1)), {}, r"start must be where f .* at \(0, 1\) f is inf"),
            (("log(x)", (-1, 1)), {}, "start must be where f .* f is nan"),
            (("sqrt(x)", (0, 1)), {}, "start must be where f .* the gradient of f is"),
            ((none_of, (1, 2)), {}, r"f\(1, 2\) raised KeyError: 'nobody'"),
            ((lambda x: x, (1, 2)), {}, r"f\(1, 2\) raised TypeError: "),
            ((lambda x, y: (x, y), (1, 2)), {}, r"f\(1, 2\) must return one number, got \(1.0, 2"),
            ((lambda x, y: None, (1, 2)), {}, r"f\(1, 2\) must return one number, got None"),
            ((lambda x, y: "3", (1, 2)), {}, r"f\(1, 2\) must return one number, got '3'"),
            ((lambda x, y: 1j, (1, 2)), {}, r"f\(1, 2\) must return one number, got 1j"),
            ((bowl, (1, 2)), {"grad": none_of}, r"grad\(1, 2\) raised KeyError: 'nobody'"),
            ((bowl, (1, 2)), {"grad": bowl}, r"grad\(1, 2\) must return two numbers, .*got 5.0"),
            ((bowl, (1, 2)), {"grad": lambda x, y: (1, 2, 3)}, r"must return two .*\(1, 2, 3\)"),
        ],
    )  # fmt: skip
    def test_a_wrong_value_is_told_in_one_sentence(self, arguments, rest, sentence):
        with pytest.raises(ValueError, match=sentence) as caught:
            descend(*arguments, **rest)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("arguments", "rest", "sentence"),
        [
            ((3, (1, 2)), {}, "f must be a function f.x, y., an expression .* got 3"),
            ((bowl, "1 2"), {}, "start must be"),
            ((bowl, None), {}, "start must be"),
            ((bowl, (1, 2), "fast"), {}, "lr must be a number above 0, got 'fast'"),
            ((bowl, (1, 2), 0.1, 2.5), {}, "steps must be an integer"),
            ((bowl, (1, 2)), {"grad": (1, 2)}, "grad must be a function grad.x, y., got .1, 2."),
        ],
    )
    def test_so_is_a_wrong_type(self, arguments, rest, sentence):
        with pytest.raises(TypeError, match=sentence):
            descend(*arguments, **rest)

    def test_a_function_that_fails_on_the_way_tells_where(self):
        def f(x, y):
            if x < 0.5:
                raise ValueError("too far left")
            return x

        with pytest.raises(ValueError, match=r"f\(0\.\d+, 0\) raised ValueError: too far left"):
            descend(f, (1, 0))


class TestTheGrid:
    x, y = np.linspace(-1, 2, 5), np.linspace(0.5, 3, 4)

    def expected(self, f):
        return [[f(a, b) for a in self.x] for b in self.y]

    @pytest.mark.parametrize(
        "f",
        [
            lambda x, y: np.sin(x) * y,
            lambda x, y: math.sin(x) * y,
            lambda x, y: x if x > 0 else y,
            lambda x, y: 3.0,
            lambda x, y: float(np.sum(x)) + float(np.max(y)),  # takes arrays, means one number
            lambda x, y: x + y if np.ndim(x) == 0 else 7 * x,  # lies about arrays
        ],
    )
    def test_a_function_need_not_take_arrays(self, f):
        np.testing.assert_allclose(Surface(f).on_grid(self.x, self.y), self.expected(f))

    def test_where_it_is_not_defined_there_is_no_surface(self):
        for f in (lambda x, y: math.log(x) + y, "log(x) + y", lambda x, y: np.log(x) + y):
            Z = Surface(f).on_grid(self.x, self.y)
            assert np.array_equal(np.isnan(Z), np.broadcast_to(self.x <= 0, Z.shape))
            assert Z[1, 4] == pytest.approx(math.log(self.x[4]) + self.y[1])


class TestItsForms:
    def test_the_table_has_a_row_a_path_and_the_reasons_below(self):
        descent = descend("bowl", [(1, 0), (0, 0)], lr=0.25, steps=2)
        (table,) = descent.tables()
        assert table.rows[0][:6] == (1, "(1, 0)", "(0.25, 0)", 2, 1.0, 0.0625)
        assert table.rows[0][7] == "still moving"
        assert table.rows[1][7] == "converged"
        assert "learning rate 0.25, gradient exact" in table.title
        assert table.note.startswith("Path 1: was still moving after 2 steps")

    def test_a_single_path_is_shown_step_by_step(self):
        _, steps = descend("bowl", (4, -2), lr=0.25, steps=3).tables()
        assert steps.columns == ("step", "x", "y", "f", "−∂f/∂x", "−∂f/∂y", "‖∇f‖")
        assert [row[:6] for row in steps.rows] == [
            (0, 4, -2, 20, -8, 4),
            (1, 2, -1, 5, -4, 2),
            (2, 1, -0.5, 1.25, -2, 1),
            (3, 0.5, -0.25, 0.3125, -1, 0.5),
        ]

    def test_of_a_long_path_the_table_shows_some_steps_and_says_so(self):
        _, steps = descend("ravine", (8, 1), steps=500).tables()
        assert len(steps.rows) <= 13
        assert (steps.rows[0][0], steps.rows[-1][0]) == (0, 500)
        assert steps.note == f"{501 - len(steps.rows)} steps not shown."

    def test_json_html_and_text(self):
        descent = descend("bowl", (4, -2), lr=0.25, steps=3)
        plain = json.loads(json.dumps(descent.to_dict(), allow_nan=False))
        assert plain["paths"] == [[[4, -2], [2, -1], [1, -0.5], [0.5, -0.25]]]
        assert plain["words"] == ["still moving"]
        assert (plain["lr"], plain["momentum"], plain["gradient"]) == (0.25, 0, "exact")
        assert "surface" not in plain
        assert "<td>still moving</td>" in descent.to_html()
        assert "Gradient descent on x**2 + y**2" in str(descent)
        assert "still moving" in str(descent)

    def test_a_function_is_called_by_its_name(self):
        assert descend(bowl, (1, 1)).function == "bowl"
        assert descend(lambda x, y: x * x + y * y, (1, 1)).function == "f"


matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


class TestThePicture:
    def test_it_looks_as_accepted(self, tmp_path):
        figure = descend("sin(x)*cos(y) + 0.1*(x**2 + y**2)", (2, 1)).plot()
        assert_looks_as_accepted(figure, "descent", tmp_path)

    def test_so_do_several_paths_over_a_large_range_on_a_dark_background(self, tmp_path):
        starts = [(0, 0), (-1, 1), (-0.27, -5)]
        with plt.style.context("dark_background"):
            figure = descend("himmelblau", starts, lr=0.01).plot()
            assert_looks_as_accepted(figure, "descent_dark", tmp_path)

    def test_it_shows_the_numbers_of_the_path(self):
        descent = descend("bowl", (4, -2), lr=0.25, steps=3)
        solid, flat = descent.plot().axes[:2]
        np.testing.assert_array_equal(flat.lines[0].get_xydata(), descent.paths[0])
        np.testing.assert_array_equal(
            np.transpose(solid.lines[0].get_data_3d()),
            np.column_stack([descent.paths[0], descent.values[0]]),
        )
        assert flat.lines[0].get_color() == plot.style.PATH

    def test_a_path_that_runs_away_leaves_at_the_edge(self):
        figure = descend("bowl", (2, 1), lr=1.1).plot(limits=((-5, 5), (-4, 4)))
        solid, flat = figure.axes[:2]
        x, y = flat.lines[0].get_xydata()[-1]
        assert abs(x) == pytest.approx(5) or abs(y) == pytest.approx(4)
        assert solid.lines[0].get_data_3d()[2][-1] == pytest.approx(x * x + y * y)

    @pytest.mark.parametrize(
        ("f", "start"), [("3", (1, 1)), ("bowl", (0, 0)), ("log(x) + 0.5*x**-2", (3, 1))]
    )
    def test_odd_surfaces_can_be_drawn(self, f, start, tmp_path):
        descend(f, start).plot().savefig(tmp_path / "a.png")

    @pytest.mark.parametrize("limits", [(0, 1), ((1, 0), (0, 1)), "ab", ((0, 1), (0, math.nan))])
    def test_limits_must_be_two_increasing_pairs(self, limits):
        with pytest.raises(ValueError, match=r"limits must be \(\(x_min, x_max\)"):
            descend("bowl", (1, 1)).plot(limits=limits)

    def test_a_film_has_a_picture_a_step_and_stands_still_at_its_end(self, tmp_path, capfd):
        image = pytest.importorskip("PIL.Image")
        descend("bowl", (4, -2), lr=0.25, steps=3).animate(tmp_path / "a.gif", fps=2)
        with image.open(tmp_path / "a.gif") as film:
            # Equal pictures become a longer one: three steps, a start, and two still pictures.
            durations = []
            for i in range(film.n_frames):
                film.seek(i)
                durations.append(film.info["duration"])
        assert sum(durations) == 6 * 500
        assert "picture 6/6" in capfd.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
        assert not plt.get_fignums()

    def test_the_arrows_grow_with_the_path_and_its_first_picture_shows_but_the_start(self):
        descent = descend("himmelblau", [(0, 0), (-1, -3)], lr=0.01)
        scene = Scene(descent, None)
        shown = []
        for points in (1, 4, 63):
            scene.show(points)
            for path, line in zip(descent.paths, scene.lines, strict=True):
                seen = ~np.broadcast_to(line.arrows.Umask, len(line.steps))
                assert (seen == (line.steps < points)).all()
                np.testing.assert_array_equal(line.arrows.get_offsets(), path[line.steps])
                np.testing.assert_array_equal(line.flat.get_xydata(), path[:points])
                shown.append(int(seen.sum()))
        assert shown[:2] == [1, 1]
        assert shown[-2:] == [len(line.steps) for line in scene.lines]
        assert shown[2] < shown[-2]
        plt.close(scene.figure)

    def test_all_pictures_of_a_film_have_the_colours_of_the_last(self, tmp_path):
        image = pytest.importorskip("PIL.Image")
        descend("bowl", (4, -2), lr=0.25, steps=2).animate(tmp_path / "a.gif", fps=1)
        yellow = []
        with image.open(tmp_path / "a.gif") as film:
            for i in range(film.n_frames):
                film.seek(i)
                r, g, b = np.moveaxis(np.asarray(film.convert("RGB"), int), -1, 0)
                yellow.append(int(((r > 220) & (g > 160) & (b < 60)).sum()))
        assert 20 < yellow[0] < yellow[-1]  # in the first picture the legend's sign alone

    @pytest.mark.parametrize(("x", "y"), [(4, -2), (-4, -2), (4, 2), (-4, 2), (0, 3)])
    def test_the_height_is_written_upright_from_whatever_side_one_looks(self, x, y):
        figure = descend("bowl", (x, y)).plot()
        figure.draw_without_rendering()
        label = figure.axes[0].zaxis.label
        assert label.get_text() == "f(x, y)"
        assert label.get_rotation() == 90
        box, whole = label.get_window_extent(), figure.bbox
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1
        plt.close(figure)

    @pytest.mark.parametrize(
        ("low", "high"), [(0.0, 400.0), (0.0313, 623.0), (-3.3, 1.1), (1e-9, 2e-9), (-1e6, -9e5)]
    )
    @pytest.mark.parametrize("by_powers", [False, True])
    def test_levels_are_round_and_hold_all_of_f(self, low, high, by_powers):
        levels = _round_levels(low, high, by_powers)
        assert levels[0] <= low and high <= levels[-1]
        assert 8 <= len(levels) <= 20
        rises = np.diff(levels) if not by_powers else levels[1:] - levels[0]
        digits = {f"{rise:.1e}"[:3] for rise in rises}
        assert digits <= {"1.0", "2.0", "2.5", "5.0"}

    def test_no_text_is_below_7_points_at_6_inches(self):
        assert smallest_text(descend("himmelblau", [(0, 0), (-1, -3)], lr=0.01).plot()) >= 7

    def test_a_film_can_be_silent(self, tmp_path, capfd):
        descend("bowl", (1, 0), lr=0.5).animate(tmp_path / "a.gif", fps=1, progress=False)
        assert capfd.readouterr().err == ""

    @pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
    def test_a_film_can_be_an_mp4(self, tmp_path):
        descend("bowl", (1, 0), lr=0.5).animate(tmp_path / "a.mp4", progress=False)
        assert b"ftyp" in (tmp_path / "a.mp4").read_bytes()[:16]

    def test_without_ffmpeg_the_sentence_says_so(self, tmp_path, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(ValueError, match=r"MP4 needs the program ffmpeg, which is not here"):
            descend("bowl", (1, 0)).animate(tmp_path / "a.mp4")
        assert not list(tmp_path.iterdir())

    def test_other_endings_and_folders_that_are_not_there_are_refused(self, tmp_path):
        descent = descend("bowl", (1, 0))
        with pytest.raises(ValueError, match=r"path must end with .gif or .mp4, got 'a.avi'"):
            descent.animate("a.avi")
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            descent.animate(tmp_path / "nowhere" / "a.gif")
        with pytest.raises(ValueError, match="fps must be a number above 0"):
            descent.animate(tmp_path / "a.gif", fps=0)
