"""All kinds of X, and the messages about others."""

import numpy as np
import pytest
from states import state_of, table

from fastnn import MLP, SGD

sp = pytest.importorskip("scipy.sparse", reason="CSR matrices come from SciPy")

DTYPES = ["float32", "float64"]


def network(n_in=5, n_out=3, dtype="float32", **options):
    return MLP(
        [n_in, 6, n_out], activation="tanh", output="softmax", dtype=dtype, seed=3, **options
    )


def trained(X, y, dtype="float32"):
    """Parameters after two epochs on X: X has been read for training too."""
    net = network(n_in=np.shape(X)[1], dtype=dtype)
    net.fit(X, y, epochs=2, batch_size=7, optimizer=SGD(0.5))
    return net.params.copy()


def whole_numbers():
    """X that every type holds exactly: whole numbers from 0 to 3, two in three of them 0."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 4, size=(30, 5)) * (rng.random((30, 5)) < 1 / 3), rng.integers(0, 3, 30)


DENSE = {
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "longdouble": lambda X: X.astype(np.longdouble),
    "int8": lambda X: X.astype(np.int8),
    "int64": lambda X: X.astype(np.int64),
    "uint16": lambda X: X.astype(np.uint16),
    "big-endian float32": lambda X: X.astype(">f4"),
    "big-endian float64": lambda X: X.astype(">f8"),
    "big-endian int32": lambda X: X.astype(">i4"),
    "objects": lambda X: X.astype(object),
    "Fortran order": lambda X: np.asfortranarray(X.astype(np.float64)),
    "every other row": lambda X: np.repeat(X.astype(np.float64), 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X.astype(np.float32), 2, axis=1)[:, ::2],
    "backwards": lambda X: np.ascontiguousarray(X[::-1, ::-1].astype(np.float32))[::-1, ::-1],
    "transposed": lambda X: np.ascontiguousarray(X.T.astype(np.float64)).T,
    "lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "matrix": lambda X: X.astype(np.float64).view(np.matrix),
    "not aligned": lambda X: _field(X),
}


def _field(X):
    packed = np.zeros(len(X), dtype=[("tag", "u1"), ("x", "f8", X.shape[1])])
    packed["x"] = X
    assert not packed["x"].flags.aligned
    return packed["x"]


class TestDense:
    @pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("kind", DENSE)
    def test_the_same_numbers_give_the_same_bits_however_they_are_held(self, kind, dtype):
        X, y = whole_numbers()
        reference, held = X.astype(np.float64), DENSE[kind](X)
        net = network(dtype=dtype)
        np.testing.assert_array_equal(net.predict(held), net.predict(reference))
        np.testing.assert_array_equal(trained(held, y, dtype), trained(reference, y, dtype))

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_bytes_are_numbers_and_train_as_fractions_of_255(self, dtype):
        X = np.arange(256, dtype=np.uint8).reshape(-1, 4)
        y = np.arange(64) % 3
        net = network(4, dtype=dtype)
        np.testing.assert_array_equal(net.predict(X), net.predict(X.astype(float)))
        as_floats = (X * (1 / 255)).astype(dtype)
        np.testing.assert_array_equal(trained(X, y, dtype), trained(as_floats, y, dtype))

    def test_booleans_are_0_and_1(self):
        X = np.array([[True, False], [False, False]])
        net = network(2)
        np.testing.assert_array_equal(net.predict(X), net.predict([[1, 0], [0, 0]]))

    @pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
    def test_read_only_arrays_and_memory_maps_are_read_where_they_are(self, tmp_path, dtype):
        X, y = whole_numbers()
        X = X.astype(dtype)
        X.tofile(tmp_path / "x")
        mapped = np.memmap(tmp_path / "x", dtype=dtype, mode="r", shape=X.shape)
        fixed = X.copy()
        fixed.flags.writeable = False
        for held in (mapped, fixed):
            np.testing.assert_array_equal(trained(held, y), trained(X, y))

    def test_the_array_itself_is_read_and_no_copy_of_it(self):
        X, y = table()
        seen = []

        def move_the_data(run, logs):
            X[:] = 0  # what the second epoch then trains on
            seen.append(logs["loss"])

        net = network(init="zeros")
        net.fit(X, y, epochs=1, optimizer=SGD(0.0))
        net.params = np.linspace(-1, 1, net.n_params)
        at_zero = net.cost(np.zeros_like(X), y)
        net.fit(X, y, epochs=2, optimizer=SGD(0.0), callbacks=[move_the_data])
        assert seen[1] == pytest.approx(at_zero, rel=1e-6) != pytest.approx(seen[0], rel=1e-3)

    def test_x_is_never_written_to(self):
        X, y = table()
        before = X.copy()
        net = network()
        net.standardize(X)
        net.fit(X, y, epochs=1)
        np.testing.assert_array_equal(X, before)

    def test_a_row_repeated_without_memory_of_its_own_is_read_in_place(self):
        row = np.arange(5.0)
        net = network()
        np.testing.assert_array_equal(
            net.predict(np.broadcast_to(row, (9, 5))), net.predict(np.tile(row, (9, 1)))
        )


class TestSparse:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "bsr"])
    @pytest.mark.parametrize("values", ["float32", "float64", "int64", "int8"])
    def test_every_form_gives_the_bits_of_the_dense_matrix(self, form, values, dtype):
        X, y = whole_numbers()
        X = X.astype(values)
        sparse = getattr(sp, f"{form}_matrix")(X)
        net = network(dtype=dtype)
        dense = X.astype(np.float64)
        np.testing.assert_array_equal(net.predict(sparse), net.predict(dense))
        np.testing.assert_array_equal(trained(sparse, y, dtype), trained(dense, y, dtype))

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_sparse_bytes_count_as_dense_bytes(self, dtype):
        X = np.arange(256, dtype=np.uint8).reshape(-1, 4)
        net = network(4, dtype=dtype)
        np.testing.assert_array_equal(net.predict(sp.csr_matrix(X)), net.predict(X))
        net.standardize(sp.csr_matrix(X))
        np.testing.assert_array_equal(net.predict(sp.csr_matrix(X)), net.predict(X))

    def test_big_endian_values_and_indices_are_read_right(self):
        X, _ = whole_numbers()
        sparse, net = sp.csr_matrix(X.astype(np.float64)), network()
        sparse.data = sparse.data.astype(">f8")
        np.testing.assert_array_equal(net.predict(sparse), net.predict(X.astype(float)))
        sparse.indices = sparse.indices.astype(">i4")
        sparse.indptr = sparse.indptr.astype(">i4")
        np.testing.assert_array_equal(net.predict(sparse), net.predict(X.astype(float)))

    @pytest.mark.parametrize("index", [np.int32, np.int64])
    def test_indices_need_not_be_sorted_and_duplicates_add_up(self, index):
        data = np.array([1.0, 2.0, 4.0, 8.0])
        indices, indptr = np.array([3, 0, 3, 1], index), np.array([0, 3, 4], index)
        X = sp.csr_matrix((data, indices, indptr), shape=(2, 5))
        X.indices, X.indptr = indices, indptr  # SciPy makes them 32 bits wide
        assert X.indices.dtype == index and not X.has_sorted_indices
        net = network()
        expected = net.predict([[2.0, 0, 0, 5, 0], [0, 8.0, 0, 0, 0]])
        np.testing.assert_array_equal(net.predict(X), expected)
        np.testing.assert_array_equal(X.indices, [3, 0, 3, 1])  # untouched

    def test_mixed_index_types_and_strided_parts_are_read(self):
        X, _ = whole_numbers()
        sparse, net = sp.csr_matrix(X.astype(np.float64)), network()
        expected = net.predict(sparse)
        sparse.indptr = sparse.indptr.astype(np.int64)
        sparse.data = np.repeat(sparse.data, 2)[::2]
        np.testing.assert_array_equal(net.predict(sparse), expected)

    @pytest.mark.parametrize(
        ("part", "values"),
        [
            ("indices", [0, 5]),
            ("indices", [0, -1]),
            ("indices", [0, 2**31 - 1]),
            ("indptr", [0, 1, 3]),
            ("indptr", [0, 2, 1]),
            ("indptr", [-1, 1, 2]),
            ("indptr", [0, 1, 2**31 - 1]),
            ("indptr", [0, 2]),
            ("data", [1.0]),
        ],
    )
    def test_a_matrix_whose_parts_do_not_fit_is_refused_before_it_is_read(self, part, values):
        X = sp.csr_matrix(([1.0, 2.0], [0, 1], [0, 1, 2]), shape=(2, 5))
        setattr(X, part, np.array(values, getattr(X, part).dtype))
        with pytest.raises(
            ValueError, match=r"^X is not a valid CSR matrix: its indices are out of"
        ):
            network().predict(X)

    def test_rows_without_values_are_zeros(self):
        net = network()
        np.testing.assert_array_equal(
            net.predict(sp.csr_matrix((3, 5))), net.predict(np.zeros((3, 5)))
        )
        assert net.predict(sp.csr_matrix((0, 5))).shape == (0, 3)

    def test_shift_and_scale_apply_to_the_zeros_too(self):
        X = sp.random(40, 5, 0.3, "csr", random_state=0)
        net = network(dtype="float64")
        net.standardize(X)
        np.testing.assert_allclose(net.activations(X)[0].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_array_equal(net.predict(X), net.predict(X.toarray()))

    def test_what_is_wrong_is_said_as_for_arrays(self):
        net = network()
        with pytest.raises(ValueError, match=r"^X has 4 columns; this network reads 5$"):
            net.predict(sp.csr_matrix((2, 4)))
        with pytest.raises(ValueError, match=r"^X holds nan at row 0, column 0$"):
            net.predict(sp.csr_matrix([[np.nan, 0, 0, 0, 1]]))
        with pytest.raises(ValueError, match=r"^X must have shape \(n, 5\); its shape is \(5,\)$"):
            net.predict(sp.coo_array(np.ones(5)))
        with pytest.raises(TypeError, match=r"^X must hold real numbers; its dtype is complex128$"):
            net.predict(sp.csr_matrix(np.full((1, 5), 1j)))


REFUSED = {
    "width": (np.ones((4, 6)), ValueError, r"X has 6 columns; this network reads 5"),
    "one column": (np.ones((4, 1)), ValueError, r"X has 1 column; this network reads 5"),
    "no column": (np.ones((4, 0)), ValueError, r"X has 0 columns; this network reads 5"),
    "1-D": (np.ones(5), ValueError, r"X must have shape \(n, 5\); its shape is \(5,\); for one"),
    "3-D": (
        np.ones((4, 5, 1)),
        ValueError,
        r"X .* shape is \(4, 5, 1\); X.reshape\(len\(X\), -1\)",
    ),
    "0-D": (3.0, ValueError, r"X must have shape \(n, 5\); its shape is \(\)"),
    "None": (None, ValueError, r"X must have shape \(n, 5\); its shape is \(\)"),
    "ragged": ([[1, 2], [3]], ValueError, r"X is not a table of numbers: its rows differ in len"),
    "text": ([list("abcde")], TypeError, r"X must hold real numbers; its dtype is <U1"),
    "digits": ([list("12345")], TypeError, r"X must hold real numbers; its dtype is <U1"),
    "complex": (np.full((2, 5), 1j), TypeError, r"X must hold real numbers; its dtype is complex"),
    "dates": (np.zeros((2, 5), "M8[s]"), TypeError, r"X must hold real numbers; its dtype is date"),
    "objects": ([[object()] * 5], TypeError, r"X must hold numbers; it holds Python objects"),
    "mixed": ([[1, 2, 3, 4, "a"]], TypeError, r"X must hold real numbers; its dtype is <U"),
    "dict": ({"a": 1}, TypeError, r"X must hold numbers; it holds Python objects"),
    "a gap": ([[1, 2, None, 4, 5]], ValueError, r"X holds nan at row 0, column 2"),
    "huge int": ([[10**400, 2, 3, 4, 5]], TypeError, r"X must hold numbers; it holds Python"),
    "empty": (np.empty((0, 5)), ValueError, r"X has no rows"),
    "empty list": ([], ValueError, r"X must have shape \(n, 5\); its shape is \(0,\)"),
}


class TestRefused:
    @pytest.mark.parametrize("case", REFUSED)
    def test_one_sentence_says_what_came_and_the_network_is_as_it_was(self, case):
        X, kind, sentence = REFUSED[case]
        good, y = table(4)
        net = network()
        net.fit(good, y, epochs=1)
        before = state_of(net)
        calls = [lambda: net.fit(X, y), lambda: net.train_batch(X, y), lambda: net.evaluate(X, y)]
        if not case.startswith("empty"):
            calls += [lambda: net.predict(X), lambda: net.activations(X), lambda: net.classify(X)]
        for call in calls:
            with pytest.raises(kind, match=f"^{sentence}") as caught:
                call()
            assert "\n" not in str(caught.value)
        assert state_of(net) == before

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8", "object"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_value_that_is_not_finite_is_named_with_its_place(self, dtype, value):
        X = np.zeros((70000, 5), dtype)
        X[66000, 3] = value
        X[69000, 1] = np.nan
        with pytest.raises(ValueError, match=f"^X holds {value} at row 66000, column 3$"):
            network().predict(X)

    def test_the_place_is_that_of_the_callers_array_whatever_its_strides(self):
        X = np.zeros((6, 10), order="F")
        X[2, 4] = np.inf
        with pytest.raises(ValueError, match=r"X holds inf at row 3, column 2"):
            network().predict(X[::-1, ::2])

    def test_validation_data_is_called_so(self):
        X, y = table()
        net = network()
        before = state_of(net)
        for data, sentence in [
            ((X[:, :4], y), "X of validation_data has 4 columns; this network reads 5"),
            ((X, y[1:]), "X of validation_data has 40 rows, y of validation_data has 39"),
            ((X, y + 5), "y of validation_data holds the label [57]"),
            ((X, y, [1]), r"sample_weight of validation_data must have shape \(40,\)"),
            ((X, y, y * 0), "all rows of validation_data have weight 0"),
            ((X * np.nan, y), "X of validation_data holds nan at row 0, column 0"),
            (X, r"validation_data must be \(X, y\) or \(X, y, sample_weight\)"),
            ((X,), r"validation_data must be \(X, y\) or \(X, y, sample_weight\)"),
            ((X, y, y, y), r"validation_data must be \(X, y\) or \(X, y, sample_weight\)"),
        ]:
            with pytest.raises(ValueError, match=f"^{sentence}"):
                net.fit(X, y, validation_data=data)
        assert state_of(net) == before
