"""C files: they compile without a warning and compute what the network computes.

Over 400 lines: floats, doubles and int8, each from its numbers to its refusals.
"""

import re
import subprocess
import sys

import export_helpers as helpers
import numpy as np
import pytest
import reference as ref
from export_helpers import CC, HOSTILE, Library, compile_c, exact, random_net, rows_for
from folders import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.export import arithmetic, to_c
from fastnn.names import ACTIVATIONS, HIDDEN

needs_compiler = pytest.mark.skipif(
    CC is None or sys.platform == "win32", reason="no C compiler on the path"
)
CSRC = ROOT / "csrc"
TIGHT = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-14}}


def sources(nets, **options):
    return [to_c(net, name=f"n{i}", **options) for i, net in enumerate(nets)]


def integers(n, n_in, seed=3):
    return np.random.default_rng(seed).integers(0, 256, size=(n, n_in), dtype=np.uint8)


@pytest.fixture(scope="module", params=["float32", "float64"])
def library(request, tmp_path_factory):
    """Every activation with every output, in one library."""
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    nets = helpers.every_function(request.param)
    return Library(tmp_path_factory.mktemp("c"), sources(nets), nets)


@pytest.fixture(scope="module")
def int8_library(tmp_path_factory):
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    nets = [*helpers.every_function()[::2], *helpers.every_function("float64")[:9]]
    return Library(tmp_path_factory.mktemp("c"), sources(nets, quantize="int8"), nets)


class TestFloat:
    def test_every_activation_with_every_output_gives_what_the_twin_gives(self, library):
        for i, net in enumerate(library.nets):
            X = rows_for(net, 7)
            found = library.predict(i, X)
            np.testing.assert_allclose(
                found, exact(net, X), **TIGHT[net.dtype.name], err_msg=repr(net)
            )
            np.testing.assert_allclose(found, net.predict(X), **TIGHT[net.dtype.name])

    def test_bytes_are_numbers(self, library):
        for i, net in enumerate(library.nets):
            X = integers(3, net.sizes[0])
            for x in (X, X.astype(net.dtype)):
                expected, slack = net.predict(x), arithmetic.tolerance(net, X, net.dtype.name)
                sure = np.isfinite(slack)  # weights of N(0, 1) make much of 255
                assert (np.abs(library.predict(i, x) - expected)[sure] <= slack[sure]).all(), net

    def test_classes_are_those_of_classify(self, library):
        some = 0
        for i, net in enumerate(library.nets):
            if not hasattr(library.library, f"n{i}_classify"):
                continue
            for X in (rows_for(net, 20), integers(5, net.sizes[0])):
                assert library.classify(i, X) == net.classify(X).tolist()
            some += 1
        assert some > 12

    def test_inputs_may_be_huge_subnormal_or_zero(self, library):
        compared = 0
        for i, net in enumerate(library.nets):
            signs = np.where(np.arange(net.sizes[0]) % 2, 1.0, -1.0)
            least = np.finfo(net.dtype).smallest_subnormal
            X = np.array([s * signs for s in (1e30, -1e30, 1e4, -50, least, 0)], net.dtype)
            expected, found = net.predict(X), library.predict(i, X)
            slack = arithmetic.tolerance(net, X, net.dtype.name)  # terms of 1e30 cancel coarsely
            sure = np.isfinite(expected) & np.isfinite(slack)
            assert (np.abs(found - expected)[sure] <= slack[sure]).all(), net
            assert sure[-2:].all()
            compared += int(sure[:2].sum())
        assert compared > 100  # also of the huge ones

    def test_nan_and_infinity_make_all_outputs_nan_and_the_class_none(self, library):
        for i, net in enumerate(library.nets):
            for bad in (np.nan, np.inf, -np.inf):
                X = rows_for(net, 1)
                X[0, -1] = bad
                with pytest.raises(ValueError):
                    net.predict(X)
                assert np.isnan(library.predict(i, X)).all(), net
                if hasattr(library.library, f"n{i}_classify"):
                    assert library.classify(i, X) == [-1]

    @needs_compiler
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_functions_err_by_a_few_units_in_the_last_place(self, tmp_path, dtype):
        nets = []
        for name in [name for name in ACTIVATIONS if name != "softmax"]:
            net = fastnn.MLP([1, 1], output=name, init="zeros", dtype=dtype)
            net.weights[0][:] = 1
            nets.append(net)
        library = Library(tmp_path, sources(nets), nets)
        # Also near 0, where e^x − 1 and tanh cancel. In double the reference rounds as well: by |z|
        # units in exponents, by z² in gelu's.
        far = 80 if dtype == "float32" else 8
        z = np.concatenate([np.linspace(-far, far, 4001), np.linspace(-1, 1, 2001) ** 3])
        z = z[z != 0].astype(dtype)[:, None]
        for i, net in enumerate(nets):
            exactly = ref.ACTIVATIONS[net.output][0](z.astype(np.float64))
            visible = np.abs(exactly) > 1e3 * float(np.finfo(dtype).tiny)
            off = np.abs(library.predict(i, z) - exactly)[visible]
            units = off / (float(np.finfo(dtype).eps) * np.abs(exactly[visible]))
            most = {"float32": 4, "float64": 4 + far}[dtype]
            if net.output == "gelu":
                most = {"float32": 12, "float64": 12 + far**2}[dtype]
            assert units.max() <= most, net

    @pytest.mark.skipif(
        not (CSRC / "kernels" / "vmath.inc.h").exists(), reason="needs the core's sources"
    )
    def test_the_tail_of_gelu_is_the_cores(self):
        source = (CSRC / "kernels" / "vmath.inc.h").read_text("utf-8")
        tables = re.findall(r"tail_fit\[\] = \{(.*?)\}", source, re.DOTALL)
        for dtype, text in zip(("float32", "float64"), tables, strict=True):
            assert (
                tuple(float(c.strip().rstrip("f")) for c in text.split(","))
                == (arithmetic.TAIL[dtype])
            )


class TestInt8:
    def test_it_computes_bit_for_bit_what_the_measurement_computes(self, int8_library):
        for i, net in enumerate(int8_library.nets):
            layers = arithmetic.quantize(net)
            for X in (rows_for(net, 9), integers(5, net.sizes[0]), 1e30 * rows_for(net, 2)):
                X = X if X.dtype == np.uint8 else X.astype(np.float32)
                np.testing.assert_array_equal(
                    int8_library.predict(i, X, "float32"),
                    arithmetic.int8_predict(net, layers, X),
                    err_msg=repr(net),
                )

    def test_its_outputs_are_near_the_networks(self, int8_library):
        for i, net in enumerate(int8_library.nets):
            X = rows_for(net, 9)
            found, a = int8_library.predict(i, X, "float32"), net.predict(X)
            size = max(1.0, float(np.abs(a).max()))
            assert np.abs(found - a).max() < 0.04 * size, net

    def test_weights_are_within_half_a_step_and_sums_within_32_bits(self):
        net = random_net([784, 40, 3], activation="tanh")
        net.weights[0][:] = np.sign(net.weights[0])  # every |q| is 127
        for layer, W in zip(arithmetic.quantize(net), net.weights, strict=True):
            step = layer.scale[:, None].astype(np.float64)
            assert np.abs(layer.q * step - W.T).max() <= step.max() * 0.5001
            assert np.abs(layer.q).max() == 127
            most = np.abs(layer.q.astype(np.int64)).sum(axis=1).max() * layer.limit
            assert most < 2**31
        assert arithmetic.quantize(net)[0].limit == (2**31 - 1) // (784 * 127)

    def test_nan_makes_all_outputs_nan(self, int8_library):
        for i, net in enumerate(int8_library.nets):
            X = rows_for(net, 1)
            X[0, 0] = np.nan
            assert np.isnan(int8_library.predict(i, X, "float32")).all()

    def test_a_row_of_zeros_gives_what_the_biases_give(self, int8_library):
        for i, net in enumerate(int8_library.nets):
            if net.input_shift is None and len(net.sizes) == 2 and net.output != "softmax":
                found = int8_library.predict(i, np.zeros((1, net.sizes[0])), "float32")
                f = ref.ACTIVATIONS[net.output][0]
                np.testing.assert_allclose(found[0], f(net.biases[0].astype(float)), rtol=1e-5)

    def test_what_it_costs_is_measured_and_written_down(self):
        (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
        net = fastnn.MLP([784, 16, 10], output="softmax", seed=0)
        net.fit(X, y, epochs=2)
        text = to_c(net, quantize="int8", X=X_test, y=y_test)
        a = arithmetic.int8_predict(net, arithmetic.quantize(net), X_test)
        right = (a.argmax(axis=1) == y_test).mean()
        before = net.evaluate(X_test, y_test)
        assert f"accuracy {before['accuracy']:.2%} -> {right:.2%}" in text
        assert "on 1,000 examples" in text
        cost = -np.log(a[np.arange(len(a)), y_test]).mean()
        written = float(re.search(r"loss \S+ -> (\S+)", text)[1])
        assert written == pytest.approx(cost, rel=1e-5)
        change = float(re.search(r"largest change of an output (\S+)", text)[1])
        assert change == pytest.approx(np.abs(a - net.predict(X_test)).max(), rel=0.01)

    def test_it_is_measured_on_a_frames_columns_by_their_names(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1.0, 2, 3, 5], "b": [30.0, -10, 20, 7]})
        net = random_net([2, 4, 1], activation="tanh")
        net.standardize(frame)
        net.feature_names = ["a", "b"]
        texts = [to_c(net, quantize="int8", X=frame[names]) for names in (["a", "b"], ["b", "a"])]
        assert texts[0] == texts[1]

    def test_without_examples_it_says_that_nothing_was_measured(self):
        assert "not measured" in to_c(random_net([3, 2]), quantize="int8")
        assert "largest change" in to_c(random_net([3, 2]), quantize="int8", X=[[1, 2, 3]])

    @pytest.mark.parametrize(
        ("options", "y"),
        [
            ({"loss": "huber", "huber_delta": 0.1}, [[0.5, 1], [2, 3]]),
            ({"output": "sigmoid"}, [[0, 1], [1, 1]]),
            ({"output": "softmax"}, ["no", "yes"]),
            ({"output": "exp"}, [[0, 1], [2, 3]]),
        ],
    )
    def test_every_kind_of_target_can_be_measured(self, options, y):
        net = random_net([3, 2], **options)
        if isinstance(y[0], str):
            net.classes = ["no", "yes"]
        X = np.array([[1.0, 2, 3], [0, -1, 1]])
        measured = arithmetic.measure(net, arithmetic.quantize(net), X, y)
        assert measured.before == net.evaluate(X, y)
        assert measured.after.keys() == measured.before.keys()
        assert measured.after["loss"] == pytest.approx(measured.before["loss"], rel=0.1)


class TestTheProgram:
    @needs_compiler
    def test_it_passes_its_own_test_and_a_broken_weight_fails_it(self, tmp_path):
        net = random_net([5, 4, 3], activation="tanh", scaled=True)
        for quantize in (None, "int8"):
            text = to_c(net, name="net", quantize=quantize)
            program = compile_c(tmp_path, text, "good", "-DNET_MAIN")
            good = subprocess.run([program], capture_output=True, text=True)
            assert good.returncode == 0
            assert "18 of 18 outputs as expected" in good.stdout
            broken = re.sub(r"(net_b2\[3\] = \{\n    )", r"\g<1>9 + ", text)
            assert broken != text
            program = compile_c(tmp_path, broken, "bad", "-DNET_MAIN")
            bad = subprocess.run([program], capture_output=True, text=True)
            assert bad.returncode == 1
            assert "row 0, output 0" in bad.stdout

    @needs_compiler
    def test_every_network_passes_under_the_sanitizers_with_scratch_in_either_place(self, tmp_path):
        flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        try:
            compile_c(tmp_path, "int main(void) { return 0; }", "probe", *flags)
        except AssertionError:
            pytest.skip("the compiler's sanitizers are not installed")
        nets = helpers.every_function()[::9] + helpers.every_function("float64")[5::19]
        texts, calls = [], []
        for i, net in enumerate(nets):
            for kind in (None, "int8"):
                name = f"n{i}_{kind or 'real'}"
                text = to_c(net, name=name, quantize=kind)
                texts.append(text.replace("int main(", f"int {name}_main("))
                real = "float" if kind or net.dtype == "float32" else "double"
                extremes = "".join(
                    f"for (i = 0; i < {net.sizes[0]}; i++) x[i] = ({real})({value});"
                    f"{name}_predict(x, a);"
                    for value in ("zero / zero", "1 / zero", "-1 / zero", "1e38", "1e-40", "-200")
                )
                calls.append(
                    f"{{ {real} x[{net.sizes[0]}], a[{net.sizes[-1]}]; int i; {extremes}"
                    f" failed |= {name}_main(1, argv); }}"
                )
        main = "int main(int argc, char **argv) { volatile double zero = 0; int failed = argc - 1;"
        whole = "\n".join([*texts, main, *calls, "return failed; }"])
        whole = re.sub(r"#ifdef N\w+_MAIN", "#if 1", whole)
        whole = whole.replace("_SCRATCH /* or static */", "_SCRATCH static", 400)
        program = compile_c(tmp_path, whole, "all", "-fno-sanitize=float-divide-by-zero", *flags)
        run = subprocess.run([program], capture_output=True, text=True)
        assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]

    @needs_compiler
    def test_it_predicts_rows_from_its_standard_input(self, tmp_path):
        net = random_net([3, 4, 2], output="softmax")
        net.classes = ["no", "yes"]
        program = compile_c(tmp_path, to_c(net, name="net"), "rows", "-DNET_MAIN")

        def run(argument, text):
            done = subprocess.run([program, argument], input=text, capture_output=True, text=True)
            return done.returncode, done.stdout, done.stderr

        X = np.array([[0.5, -1.25, 2], [3, 0, 1e-3]])
        status, out, _ = run("-", "0.5,-1.25 , 2\n3 0\n1e-3\n")
        assert status == 0
        for line, label, a in zip(out.splitlines(), net.classify(X), net.predict(X), strict=True):
            name, _, numbers = line.partition(": ")
            assert name == label
            np.testing.assert_allclose([float(n) for n in numbers.split()], a, rtol=1e-6)
        bytes_ = run("u8", "0 255 17")[1].partition(": ")[2].split()
        expected = net.predict(np.array([[0, 255, 17]], np.uint8))[0]
        np.testing.assert_allclose([float(n) for n in bytes_], expected, rtol=1e-6)
        assert run("-", "1 2")[0] == 1
        assert "has 2 numbers, not 3" in run("-", "1 2 3 4 5")[2]
        assert "not a number" in run("-", "1 2 three")[2]
        assert "no whole number from 0 to 255" in run("u8", "1 2 256")[2]
        assert run("what", "")[0] == 2
        assert run("-", "") == (0, "", "")

    @needs_compiler
    def test_other_sources_get_the_declarations_alone(self, tmp_path):
        net = random_net([2, 2], output="softmax")
        (tmp_path / "net.c").write_text(to_c(net, name="net"))
        user = '#define NET_DECLARATIONS_ONLY\n#include "net.c"\n#include "net.c"\n'
        user += "int main(void) { float x[NET_N_IN] = {1, 2}; return net_classify(x); }\n"
        program = compile_c(tmp_path, user, "user", str(tmp_path / "net.c"))
        assert subprocess.run([program]).returncode == net.classify([[1, 2]])[0]

    @needs_compiler
    def test_as_cpp_it_is_the_same(self, tmp_path):
        gxx = next((c for c in ("g++", "clang++") if helpers.shutil.which(c)), None)
        if gxx is None:
            pytest.skip("no C++ compiler on the path")
        nets = helpers.every_function()[::9]
        text = "".join(sources(nets)) + "".join(
            to_c(net, name=f"q{i}", quantize="int8") for i, net in enumerate(nets)
        )
        (tmp_path / "nets.cpp").write_text(text)
        flags = ["-std=c++11", *helpers.WARNINGS[1:], "-c", "-o", str(tmp_path / "o")]
        run = subprocess.run(
            [gxx, *flags, str(tmp_path / "nets.cpp")], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr[:3000]


class TestNamesAndLabels:
    @needs_compiler
    def test_hostile_labels_come_back_byte_for_byte(self, tmp_path):
        net = random_net([2, len(HOSTILE)], output="softmax")
        net.classes = HOSTILE
        net.feature_names = ["*/ #error x", "a\\\nb??/"]
        text = to_c(net, tmp_path / "*evil*.c", name="n0")
        assert text.isascii()
        library = Library(tmp_path, [text], [net])
        assert library.labels(0, len(HOSTILE)) == [label.encode() for label in HOSTILE]

    @pytest.mark.parametrize("classes", [[10, 20, 30], [0.5, 1.5, 2.5], ["x", "y", "z"]])
    @needs_compiler
    def test_labels_of_every_kind_are_text(self, tmp_path, classes):
        net = random_net([2, 3], output="softmax")
        net.classes = classes
        library = Library(tmp_path, [to_c(net, name="n0")], [net])
        assert library.labels(0, 3) == [str(label).encode() for label in classes]

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("digits.c", "digits"),
            ("a/b/My Net-2.c", "My_Net_2"),
            ("2.c", "net_2"),
            ("__x__.c", "x"),
            ("日本.c", "net"),
            ("int.c", "int"),
            (f"{'x' * 99}.c", "x" * 40),
        ],
    )
    def test_the_files_name_gives_the_prefix(self, path, name):
        from fastnn.export.c import prefix_of

        assert prefix_of(path) == name

    @needs_compiler
    def test_keywords_make_good_prefixes(self, tmp_path):
        words = ["int", "for", "static", "class", "main", "NULL", "EOF", "f", "real", "x", "z"]
        texts = [to_c(random_net([2, 3, 1]), name=word) for word in words]
        compile_c(tmp_path, "\n".join(texts), "words.so", "-shared", "-fPIC")

    @pytest.mark.parametrize("name", ["", "2x", "a b", "a-b", "é", "x" * 41, "_x", 3, "x\n"])
    def test_a_name_that_c_has_not_is_refused(self, name):
        with pytest.raises(ValueError, match="name must be a letter and up to 39"):
            to_c(random_net([1, 1]), name=name)

    def test_literals_are_read_back_as_the_same_number(self):
        from fastnn.export.c_source import literal

        rng = np.random.default_rng(0)
        bits = rng.integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
        for value in bits[np.isfinite(bits)]:
            text = literal(value, "float32")
            assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?f", text)
            assert "." in text or "e" in text
            assert np.float32(text[:-1]) == value


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"quantize": "int4"}, "quantize must be one of int8"),
            ({"dtype": "float16"}, "dtype must be one of float32, float64"),
            ({"quantize": "int8", "dtype": "float64"}, "dtype must be float32"),
            ({"X": [[1, 2]]}, "X and y are for quantize='int8'"),
            ({"quantize": "int8", "y": [1]}, "y needs X"),
            ({"quantize": "int8", "X": [[1, 2, 3]]}, "X has 3 columns"),
            ({"quantize": "int8", "X": [[1, np.nan]]}, "X holds nan"),
        ],
    )
    def test_one_sentence_says_what_is_wrong(self, options, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            to_c(random_net([2, 3]), **options)

    def test_what_is_no_network_or_not_finite_is_refused(self, tmp_path):
        with pytest.raises(TypeError, match=r"net must be a fastnn.MLP, got dict"):
            to_c({})
        net = random_net([2, 3])
        net.params[0] = np.nan
        with pytest.raises(ValueError, match="net holds NaN or infinity"):
            to_c(net, tmp_path / "net.c")
        assert not list(tmp_path.iterdir())

    def test_an_estimator_is_refused_with_the_name_of_its_network(self):
        class Estimator:
            network_ = None

        with pytest.raises(TypeError, match="got Estimator; give its network_"):
            to_c(Estimator())

    def test_what_float_cannot_hold_is_refused(self):
        net = random_net([2, 3], dtype="float64")
        net.weights[0][:] = 1e300
        with pytest.raises(ValueError, match="holds numbers beyond float32"):
            to_c(net, dtype="float32")
        with pytest.raises(ValueError, match="holds numbers beyond float32"):
            to_c(net, quantize="int8")

    def test_a_label_that_no_literal_holds_is_refused(self):
        net = random_net([2, 2], output="softmax")
        net.classes = ["x", "y" * 1001]
        with pytest.raises(ValueError, match="longer than 1,000 bytes"):
            to_c(net)

    def test_a_folder_that_is_not_there_is_told(self, tmp_path):
        with pytest.raises(OSError, match="cannot write"):
            to_c(random_net([1, 1]), tmp_path / "no" / "net.c")


@needs_compiler
class TestAnyArchitecture:
    @given(
        sizes=st.lists(st.integers(1, 12), min_size=2, max_size=6),
        data=st.data(),
        output=st.sampled_from(ACTIVATIONS),
        dtype=st.sampled_from(["float32", "float64"]),
        scaled=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_its_file_passes_its_own_test(self, tmp_path, sizes, data, output, dtype, scaled, seed):
        sizes[-1] += output == "softmax"  # of one output it is refused
        hidden = [data.draw(st.sampled_from(HIDDEN)) for _ in sizes[1:-1]]
        options = {"activation": hidden, "output": output, "scaled": scaled, "seed": seed}
        net = random_net(sizes, dtype=dtype, **options)
        quantize = data.draw(st.sampled_from([None, "int8"]))
        program = compile_c(tmp_path, to_c(net, name="net", quantize=quantize), "any", "-DNET_MAIN")
        run = subprocess.run([program], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout

    def test_a_double_network_may_be_rounded_to_float(self, tmp_path):
        net = random_net([5, 7, 3], activation="gelu", dtype="float64", scaled=True)
        library = Library(tmp_path, [to_c(net, name="n0", dtype="float32")], [net])
        X = rows_for(net, 9)
        np.testing.assert_allclose(
            library.predict(0, X, "float32"), net.predict(X), rtol=2e-5, atol=2e-6
        )

    def test_the_same_network_gives_the_same_file(self):
        net = random_net([5, 4, 3])
        assert to_c(net) == to_c(net)
