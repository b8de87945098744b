"""Full-batch and mini-batch descent from one start: the record, the plane and the surface.

Over 400 lines: the record, the two planes and the picture each have numbers by hand.
"""

import copy
import json
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from pictures import assert_looks_as_accepted, digit_network, smallest_text

import fastnn
from fastnn import MLP, SGD, Adam
from fastnn.callbacks import Callback
from fastnn.explain import descent_paths, directions, paths, recorder
from fastnn.explain.recorder import Training
from fastnn.explain.view_data import ViewData

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 3))
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int) + (X[:, 0] > 1)


def small(seed=1, **rest):
    return MLP([3, 4, 3], activation="tanh", output="softmax", dtype="float64", seed=seed, **rest)


@pytest.fixture(scope="module")
def walked():
    """The paths of a small network, for all batch sizes, and a copy of the network before them."""
    net = small()
    before = copy.deepcopy(net)
    made = descent_paths(
        net, X, Y, batch_sizes=[None, 20, 7], epochs=[30, 10, 3], lr=0.3, grid=4, sample=None
    )
    return net, before, made


def watched(**rest):
    """Return the parameters of the small network after every step of a training, seed 0."""
    net, seen = small(), []
    net._rng = np.random.default_rng(0)

    class Watch(Callback):
        def on_fit_begin(self, run):
            seen.append(run.net.params.copy())

        def on_batch_end(self, run, logs):
            seen.append(run.net.params.copy())

    net.fit(X, Y, optimizer=SGD(rest.pop("lr")), callbacks=[Watch()], **rest)
    return np.array(seen)


class TestTheRecord:
    def test_the_network_itself_is_not_touched(self, walked):
        net, before, _ = walked
        assert np.array_equal(net.params, before.params)
        assert len(net.history) == 0
        net, before = copy.deepcopy(net), copy.deepcopy(before)
        net.fit(X, Y, epochs=1)
        before.fit(X, Y, epochs=1)
        assert np.array_equal(net.params, before.params)  # its shuffles are as they were, too

    def test_steps_and_examples_are_counted(self, walked):
        full, twenty, seven = walked[2].paths
        assert (full.name, twenty.name) == ("full batch", "batches of 20")
        assert full.steps.tolist() == list(range(31))
        assert full.examples.tolist() == [60 * k for k in range(31)]
        assert twenty.examples.tolist() == [20 * k for k in range(31)]
        # 60 = 8 · 7 + 4: the ninth batch of each epoch is of four.
        assert seven.steps[-1] == 27
        assert seven.examples[:11].tolist() == [*range(0, 57, 7), 60, 67]
        assert seven.examples[-1] == 180

    def test_time_only_grows(self, walked):
        for path in walked[2].paths:
            assert path.seconds[0] == 0
            assert (np.diff(path.seconds) > 0).all()

    def test_the_full_batch_walks_as_gradient_descent_does(self, walked):
        net = copy.deepcopy(walked[1])
        points = [net.params.copy()]
        for _ in range(30):  # p ← p − η ∇C(p)
            points.append(points[-1] - 0.3 * net.gradient(X, Y).flat)
            net.params = points[-1]
        full = walked[2].paths[0]
        steps = np.diff(points, axis=0)
        assert full.length == pytest.approx(np.linalg.norm(steps, axis=1).sum())
        assert full.displacement == pytest.approx(np.linalg.norm(points[-1] - points[0]))
        shadows = (np.array(points) - walked[2].centre) @ walked[2].directions.T
        np.testing.assert_allclose(full.points, shadows, atol=1e-9)
        assert full.costs[-1] == pytest.approx(net.cost(X, Y))

    def test_costs_begin_at_the_cost_of_the_network(self, walked):
        _, before, made = walked
        for path in made.paths:
            assert path.costed[0] == 0
            assert path.costed[-1] == len(path.steps) - 1
            assert path.costs[0] == pytest.approx(before.cost(X, Y), rel=1e-12)

    def test_all_begin_at_the_same_place(self, walked):
        first, *others = (path.points[0] for path in walked[2].paths)
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-12)

    def test_one_step_is_straight(self):
        made = descent_paths(small(), X, Y, batch_sizes=[None], epochs=1, grid=3)
        assert made.paths[0].straightness == pytest.approx(1, rel=1e-12)

    def test_a_path_that_stays_has_no_straightness(self):
        made = descent_paths(small(), X, Y, batch_sizes=[None], epochs=2, lr=0, grid=3)
        assert np.isnan(made.paths[0].straightness)
        assert made.to_dict()["share"] == 1
        assert str(made)

    def test_the_drunk_one_goes_a_longer_way_than_the_careful_one(self, walked):
        full, _, seven = walked[2].paths
        assert 1 <= full.straightness < seven.straightness

    def test_by_default_all_take_400_steps_or_a_little_more(self):
        made = descent_paths(small(), X, Y, batch_sizes=(None, 25), grid=3)
        assert [path.steps[-1] for path in made.paths] == [400, 402]

    def test_of_many_steps_every_one_is_placed_as_the_training_took_it(self):
        """More steps than points are kept: the others are placed by training once more."""
        made = descent_paths(small(), X, Y, batch_sizes=[None, 1], epochs=[9, 11], lr=0.1, grid=3)
        full, ones = made.paths
        assert len(full.points) == 10
        assert ones.steps.tolist() == list(range(661))
        seen = watched(epochs=11, batch_size=1, lr=0.1)
        for plane in ("principal", "noise"):
            there = made.on(plane)
            expected = (seen - made.centre) @ there.directions.T
            np.testing.assert_allclose(there.paths[1].points, expected, atol=1e-12)
        assert ones.length == pytest.approx(np.linalg.norm(np.diff(seen, axis=0), axis=1).sum())
        # The rest of the record is of every step, too.
        whole = np.concatenate([watched(epochs=9, batch_size=None, lr=0.1), seen])
        np.testing.assert_allclose(made.centre, whole.mean(axis=0), atol=1e-12)
        spread = ((whole - made.centre) ** 2).sum()
        inside = (((whole - made.centre) @ made.directions.T) ** 2).sum()
        assert made.share == pytest.approx(inside / spread)
        assert len(ones.costs) == len(ones.costed) <= 61

    def test_bytes_are_read_as_the_first_fit_reads_them(self):
        """The first fit on bytes sets `input_scale` to 1/255; costs and surface use it."""
        pixels = np.rint(40 * (X - X.min())).clip(0, 255).astype(np.uint8)
        assert pixels.max() > 1
        made = descent_paths(small(), pixels, Y, batch_sizes=[None], epochs=5, lr=0.1, grid=3)
        scaled = small()
        scaled.input_scale = np.full(3, 1 / 255)
        told = descent_paths(scaled, pixels, Y, batch_sizes=[None], epochs=5, lr=0.1, grid=3)
        assert made.paths[0].costs.tolist() == told.paths[0].costs.tolist()
        np.testing.assert_array_equal(made.surface, told.surface)
        assert made.paths[0].costs[0] == pytest.approx(small().cost(pixels / 255, Y), rel=1e-9)

    def test_costs_are_those_of_the_points_of_their_steps(self):
        made = descent_paths(small(), X, Y, batch_sizes=[1], epochs=11, lr=0.1, grid=3)
        seen, net = watched(epochs=11, batch_size=1, lr=0.1), small()
        for step, cost in zip(made.paths[0].costed, made.paths[0].costs, strict=True):
            net.params = seen[step]
            assert cost == pytest.approx(net.cost(X, Y), rel=1e-12)

    def test_points_that_are_kept_take_bounded_memory(self):
        for n_params, steps in ((31, 10**6), (13_002, 3000), (5 * 10**6, 800)):
            most = int(np.clip(paths._BYTES // (8 * n_params * 3), 24, paths._KEPT))
            training = Training(small(), ViewData(small(), X, Y), 60, steps, SGD(1), 0)
            every = training.recorder(most).every
            kept = 2 + sum(len(range(first, steps + 1, every)) for first in (0, 1))
            assert kept <= most

    def test_seconds_are_those_of_the_training_alone(self, monkeypatch):
        """By a clock that ticks once a look: at the start, and at the end of each epoch."""
        ticks = count()
        monkeypatch.setattr(recorder, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
        made = descent_paths(small(), X, Y, batch_sizes=[None, 20], epochs=[3, 2], lr=0.1, grid=3)
        assert next(ticks) == 4 + 3  # a look for each epoch and one before, none for a step
        assert made.paths[0].seconds.tolist() == [0, 1, 2, 3]
        np.testing.assert_allclose(made.paths[1].seconds, np.arange(7) / 3)

    @pytest.mark.parametrize(
        ("n", "sizes"),
        [
            (1, [None]),
            (2, [None, 1]),
            (4, [None, 1]),
            (20, [None, 5]),
            (40, [None, 10]),
            (399, [None, 10]),
            (400, [None, 100, 10]),
        ],
    )
    def test_the_default_batches_leave_a_drunk_path_to_any_number_of_examples(self, n, sizes):
        x, y = np.tile(X, (7, 1))[:n], np.tile(Y, 7)[:n]
        net = MLP([3, 2, 3], output="softmax", dtype="float64", seed=0)
        made = descent_paths(net, x, y, epochs=1, lr=0.1, grid=3)
        assert [path.batch_size for path in made.paths] == sizes
        assert made.planes == (("principal", "noise") if n > 1 else ("principal",))

    def test_xor_gets_a_drunk_path(self):
        x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
        net = MLP([2, 2, 1], activation="tanh", output="sigmoid", dtype="float64", seed=0)
        careful, drunk = descent_paths(net, x, y, grid=3).paths
        assert drunk.name == "batches of 1"
        assert drunk.steps[-1] == 400
        assert drunk.straightness > careful.straightness

    def test_the_same_seed_walks_the_same_way(self):
        one, two, other = (
            descent_paths(small(), X, Y, batch_sizes=[5], epochs=2, grid=3, seed=seed)
            for seed in (3, 3, 4)
        )
        assert np.array_equal(one.paths[0].points, two.paths[0].points)
        assert one.paths[0].length != other.paths[0].length

    def test_another_optimizer_begins_afresh_on_every_path(self):
        net = small()
        net.fit(X, Y, epochs=2, optimizer=Adam(0.01))
        made = descent_paths(
            net, X, Y, batch_sizes=[None, None], epochs=5, optimizer=Adam(0.01), grid=3
        )
        assert np.array_equal(made.paths[0].points, made.paths[1].points)
        fresh = copy.deepcopy(net)
        fresh.reset_optimizer()
        fresh.fit(X, Y, epochs=5, batch_size=None, optimizer=Adam(0.01))
        assert made.paths[0].costs[-1] == pytest.approx(fresh.cost(X, Y), rel=1e-12)

    @pytest.mark.parametrize("kind", ["strings", "one-hot", "csr", "list"])
    def test_every_form_of_examples_walks_the_same_way(self, kind):
        x, y = X, Y
        if kind == "strings":
            y = np.array(["ant", "bee", "cow"])[Y]
        elif kind == "one-hot":
            y = np.eye(3)[Y]
        elif kind == "csr":
            x = pytest.importorskip("scipy.sparse").csr_matrix(X)
        else:
            x, y = X.tolist(), Y.tolist()
        here, there = (
            descent_paths(small(), *data, batch_sizes=[10], epochs=2, grid=3, sample=9)
            for data in ((X, Y), (x, y))
        )
        np.testing.assert_allclose(there.paths[0].costs, here.paths[0].costs, rtol=1e-9)
        np.testing.assert_allclose(there.surface, here.surface, rtol=1e-9)

    def test_a_walk_that_diverges_says_why_it_ended(self):
        net = MLP([3, 4, 1], activation="relu", loss="quadratic", dtype="float64", seed=0)
        made = descent_paths(net, X, X[:, 0] * 9, batch_sizes=[6], epochs=50, lr=10, grid=3)
        (path,) = made.paths
        assert "stopped being finite" in path.stopped
        assert "stopped being finite" in str(made)
        assert np.isfinite(path.points).all()
        assert path.displacement <= 100 * (1 + np.linalg.norm(net.params))

    def test_by_default_the_rate_is_one_at_which_no_path_is_lost(self):
        y = 1000 * X[:, 0]
        for net in (MLP([3, 20, 1], activation="tanh", seed=0), MLP([3, 8, 1], seed=1)):
            made = descent_paths(net, X, y, grid=3)
            assert [path.name for path in made.paths] == ["full batch", "batches of 10"]
            for path in made.paths:
                assert path.stopped is None
                assert path.costs[-1] <= path.costs[0]
            assert made.optimizer != "SGD(lr=0.5)"
        assert descent_paths(small(), X, Y, grid=3).optimizer == "SGD(lr=0.5)"

    def test_a_walk_that_runs_away_is_told_and_followed_no_further(self):
        net = MLP([3, 1], loss="quadratic", dtype="float64", seed=0)
        made = descent_paths(net, X, X[:, 0], batch_sizes=[None], epochs=50, lr=2, grid=3)
        (path,) = made.paths
        assert path.stopped == f"the parameters ran away in step {path.steps[-1] + 1}"
        assert path.displacement <= 100 * (1 + np.linalg.norm(net.params))


class TestThePlane:
    def test_principal_directions_are_orthonormal_and_hold_the_most(self, walked):
        made = walked[2]
        np.testing.assert_allclose(made.directions @ made.directions.T, np.eye(2), atol=1e-12)
        assert 0.5 < made.share <= 1
        spread = np.concatenate([path.points for path in made.paths])
        np.testing.assert_allclose(spread.mean(axis=0), 0, atol=1e-12)
        across, up = spread.var(axis=0)
        assert across >= up
        assert np.cov(spread.T)[0, 1] == pytest.approx(0, abs=1e-12)

    def test_two_parameters_are_a_plane_by_themselves(self):
        net = MLP([1, 1], loss="quadratic", output="identity", dtype="float64", seed=0)
        made = descent_paths(net, X[:, :1], X[:, 1], batch_sizes=[None], epochs=9, lr=0.1, grid=3)
        assert made.share == pytest.approx(1)
        way = made.paths[0].points[-1] - made.paths[0].points[0]
        assert np.linalg.norm(way) == pytest.approx(made.paths[0].displacement)

    def test_its_directions_are_those_of_the_singular_value_decomposition(self):
        P = RNG.normal(size=(9, 40)) * np.linspace(1, 5, 40)
        P -= P.mean(axis=0)
        expected = np.linalg.svd(P)[2][:2]
        found = directions.principal(P)
        np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(2), atol=1e-10)

    def test_a_straight_line_gets_some_direction_across_it(self):
        P = np.outer([-1.0, 0.0, 1.0], [0.0, 3.0, 0.0, 4.0])
        found = directions.principal(P)
        np.testing.assert_allclose(found[0], [0, 0.6, 0, 0.8])
        np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-15)

    def test_the_surface_is_the_true_cost_on_the_plane(self, walked):
        net, made = copy.deepcopy(walked[1]), walked[2]
        u, v = made.directions
        for i, b in enumerate(made.up):
            for j, a in enumerate(made.across):
                net.params = made.centre + a * u + b * v
                assert made.surface[i, j] == pytest.approx(net.cost(X, Y), rel=1e-12)

    def test_the_surface_reaches_beyond_all_paths(self, walked):
        made = walked[2]
        for path in made.paths:
            for axis, where in ((made.across, path.points[:, 0]), (made.up, path.points[:, 1])):
                assert axis[0] < where.min()
                assert where.max() < axis[-1]

    def test_a_given_plane_is_made_orthonormal(self):
        net = small()
        plane = np.zeros((2, net.n_params))
        plane[0, 4], plane[1, [4, 9]] = 2, 3
        made = descent_paths(net, X, Y, batch_sizes=[None], epochs=3, plane=plane, grid=3)
        expected = np.zeros((2, net.n_params))
        expected[0, 4] = expected[1, 9] = 1
        np.testing.assert_allclose(made.directions, expected, atol=1e-12)
        start = net.params - made.centre
        np.testing.assert_allclose(made.paths[0].points[0], start[[4, 9]], atol=1e-12)
        assert made.plane == "given"
        assert 0 < made.share < 1
        assert "The given plane holds" in made.tables()[1].note

    def test_the_noise_plane_is_the_careful_way_and_the_main_noise_across_it(self):
        made = descent_paths(
            small(), X, Y, batch_sizes=[None, 6], epochs=[30, 6], lr=0.3, plane="noise", grid=3
        )
        full, six = (watched(epochs=e, batch_size=b, lr=0.3) for e, b in ((30, None), (6, 6)))
        u, v = made.directions
        way = full[-1] - full[0]
        np.testing.assert_allclose(u, way / np.linalg.norm(way), atol=1e-12)
        steps = np.diff(six, axis=0)
        across = steps - steps.mean(axis=0)
        own = np.linalg.svd(full - full.mean(axis=0))[2][0]
        own -= (own @ u) * u
        for direction in (u, own / np.linalg.norm(own)):
            across = across - np.outer(across @ direction, direction)
        expected = np.linalg.svd(across)[2][0]
        assert abs(v @ expected) == pytest.approx(1, rel=1e-9)
        assert made.plane == "noise"
        careful, drunk = (path.straightness_on_plane for path in made.paths)
        assert 1 <= careful < drunk

    def test_length_over_displacement_on_a_plane_is_that_of_every_step(self, walked):
        for path in walked[2].on("noise").paths:
            steps = np.linalg.norm(np.diff(path.points, axis=0), axis=1)
            way = np.linalg.norm(path.points[-1] - path.points[0])
            assert path.straightness_on_plane == pytest.approx(steps.sum() / way, rel=1e-12)

    def test_another_plane_shows_the_same_trainings(self, walked):
        made = walked[2]
        there = made.on("noise")
        assert there.on("principal").share == made.share
        np.testing.assert_array_equal(there.on("principal").surface, made.surface)
        assert there.share < made.share
        for one, two in zip(made.paths, there.paths, strict=True):
            assert one.costs is two.costs
            assert one.points.shape == two.points.shape
        with pytest.raises(ValueError, match="plane must be one of principal, noise; got 'moon'"):
            made.on("moon")

    @pytest.mark.parametrize("way", [[0.0, 0, 0, 0], [1.0, 0, 0, 0]])
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_without_noise_any_direction_across_the_way_will_do(self, way, n):
        steps = np.tile([1.0, 0, 0, 0], (n, 1))
        found = directions.noise(np.stack([np.zeros(4), way]), steps)
        np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-15)
        np.testing.assert_allclose(found[0], [1, 0, 0, 0])

    def test_costs_are_computed_on_a_sample_spread_over_the_examples(self):
        net = small()
        made = descent_paths(net, X, Y, batch_sizes=[None], epochs=1, grid=3, sample=20)
        assert (made.n_examples, made.n_sampled) == (60, 20)
        assert made.paths[0].costs[0] == pytest.approx(net.cost(X[::3], Y[::3]), rel=1e-12)


class TestMistakes:
    @pytest.mark.parametrize(
        ("rest", "sentence"),
        [
            ({"batch_sizes": []}, "batch_sizes must be a list such as"),
            ({"batch_sizes": 10}, "batch_sizes must be a list such as"),
            ({"batch_sizes": [0]}, "batch_sizes must be an integer of 1 or more, got 0"),
            ({"epochs": 0}, "epochs must be an integer of 1 or more, got 0"),
            ({"epochs": [1]}, "epochs has 1 values for 2 batch sizes"),
            ({"lr": -1}, "lr must be a finite number of 0 or more"),
            ({"lr": 1, "optimizer": SGD(1)}, "lr and optimizer were both given"),
            ({"grid": 2}, "grid must be an integer of 3 or more"),
            ({"seed": -1}, "seed must be an integer of 0 or more"),
            ({"sample": 0}, "sample must be an integer of 1 or more"),
            ({"plane": np.ones((2, 5))}, r"plane must be two .* of 31 .* got shape \(2, 5\)"),
            ({"plane": np.ones((2, 31))}, "these two are parallel"),
            ({"plane": np.zeros((2, 31))}, "one of them is 0 or not finite"),
            ({"plane": ([1], [1, 2])}, "plane must be two different directions"),
            ({"plane": "moon"}, 'plane must be "principal", "noise" or two directions'),
            ({"plane": "noise", "batch_sizes": [None]}, "needs a path with mini-batches"),
        ],
    )
    def test_a_wrong_value_is_told_in_one_sentence(self, rest, sentence):
        with pytest.raises(ValueError, match=sentence):
            descent_paths(small(), X, Y, **rest)

    def test_a_wrong_type_too(self):
        with pytest.raises(TypeError, match=r"optimizer must be fastnn\.SGD"):
            descent_paths(small(), X, Y, optimizer="adam")
        with pytest.raises(TypeError, match="batch_sizes must be an integer"):
            descent_paths(small(), X, Y, batch_sizes=[2.5])

    def test_of_the_examples_the_network_speaks(self):
        with pytest.raises(ValueError, match="X has 2 columns; this network reads 3"):
            descent_paths(small(), X[:, :2], Y)
        with pytest.raises(ValueError, match="X has 60 rows, y has 50"):
            descent_paths(small(), X, Y[:50])


class TestItsForms:
    def test_the_table_says_what_each_path_took_and_how_straight_it_went(self, walked):
        table, straight = walked[2].tables()
        assert table.columns[-3:] == ("length", "displacement", "length / displacement")
        assert [row[:3] for row in table.rows] == [
            ("full batch", 30, 1800),
            ("batches of 20", 30, 600),
            ("batches of 7", 27, 180),
        ]
        for row, path in zip(table.rows, walked[2].paths, strict=True):
            assert row[3:5] == (path.seconds[-1], path.costs[-1])
            assert row[7] == pytest.approx(row[5] / row[6])
        assert table.title == "Paths of SGD(lr=0.3)"
        assert "on all 60 examples" in table.note
        assert straight.columns == ("path", "all parameters", "principal plane", "noise plane")
        for i, (row, path) in enumerate(zip(straight.rows, walked[2].paths, strict=True)):
            noise = walked[2].on("noise").paths[i]
            expected = (path.straightness, path.straightness_on_plane, noise.straightness_on_plane)
            assert row[1:] == pytest.approx(expected)
        assert "of the variance" in straight.note
        assert "from start to end of full batch" in straight.note
        assert "the steps of batches of 7." in straight.note

    def test_json_html_and_text(self, walked):
        plain = json.loads(json.dumps(walked[2].to_dict(), allow_nan=False))
        assert [path["batch_size"] for path in plain["paths"]] == [None, 20, 7]
        assert np.shape(plain["surface"]) == (4, 4)
        assert "directions" not in " ".join(plain)
        assert "<td>batches of 20</td>" in walked[2].to_html()
        assert "batches of 20" in str(walked[2])


matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def digits():
    (x, y), _ = fastnn.datasets.load_digits()
    net = digit_network(dtype="float32")
    made = descent_paths(net, x[:800], y[:800], epochs=[100, 12, 2], lr=2, grid=15, sample=200)
    # Seconds differ from run to run: those of a machine that needs a microsecond an example.
    for path in made.paths:
        path.seconds[:] = 1e-6 * path.examples
    return made


class TestThePicture:
    def test_it_looks_as_accepted(self, digits, tmp_path):
        assert_looks_as_accepted(digits.plot(), "paths", tmp_path)

    def test_so_it_does_on_a_dark_background(self, digits, tmp_path):
        with plt.style.context("dark_background"):
            assert_looks_as_accepted(digits.plot(), "paths_dark", tmp_path)

    def test_it_shows_the_numbers_of_the_paths(self, walked):
        figure = walked[2].plot()
        plane, noise, examples, seconds = figure.axes[:4]
        there = walked[2].on("noise").paths
        for i, path in enumerate(walked[2].paths):
            np.testing.assert_array_equal(plane.lines[2 * i].get_xydata(), path.points)
            np.testing.assert_array_equal(noise.lines[2 * i].get_xydata(), there[i].points)
            assert f"{there[i].straightness_on_plane:.3g}" in noise.get_title()
            shown = examples.lines[i].get_xydata()
            np.testing.assert_array_equal(shown[:, 0], path.examples[path.costed][1:])
            np.testing.assert_array_equal(shown[:, 1], path.costs[1:])
            np.testing.assert_array_equal(
                seconds.lines[i].get_xdata(), path.seconds[path.costed][1:]
            )

    def test_on_digits_the_drunk_man_staggers_on_the_plane_of_the_noise(self, digits):
        principal, noise = (
            [path.straightness_on_plane for path in digits.on(plane).paths]
            for plane in ("principal", "noise")
        )
        careful, _, drunk = noise
        assert drunk > 1.5 * careful
        assert drunk > principal[-1]
        assert len(digits.paths[-1].points) == 1 + 2 * 80  # every step of two epochs

    def test_no_text_is_below_7_points_at_6_inches(self, walked):
        assert smallest_text(walked[2].plot()) >= 7

    def test_odd_ones_can_be_drawn(self, tmp_path):
        for rest in ({"lr": 0, "epochs": 1}, {"lr": 1, "epochs": 1}, {"plane": np.eye(2, 31)}):
            made = descent_paths(small(), X, Y, batch_sizes=[None], grid=3, **rest)
            made.plot().savefig(tmp_path / "a.png")
