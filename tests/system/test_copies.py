"""Networks copied, pickled, trained side by side, and taken into other processes."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from states import state_of, table

from fastnn import MLP, SGD, Adam

X, Y = table(60)
NAMES = np.array(["ant", "bee", "cow"])


def trained(seed=0, epochs=2):
    net = MLP([5, 8, 3], output="softmax", dropout=0.2, seed=seed)
    net.standardize(X)
    net.metadata = {"made": "here"}
    net.fit(X, NAMES[Y], epochs=epochs, batch_size=7, optimizer=Adam(0.01))
    return net


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda net, p=protocol: pickle.loads(pickle.dumps(net, p))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("way", WAYS)
class TestCopies:
    def test_a_copy_is_equal_in_all_that_it_is(self, way):
        net = trained()
        other = WAYS[way](net)
        assert state_of(other) == state_of(net)
        assert repr(other) == repr(net)
        np.testing.assert_array_equal(other.predict(X), net.predict(X))
        assert other.classify(X).tolist() == net.classify(X).tolist()

    def test_it_trains_on_with_the_same_bits(self, way):
        net = trained()
        other = WAYS[way](net)
        for one in (net, other):
            one.fit(X, NAMES[Y], epochs=2, batch_size=7)
        assert state_of(other) == state_of(net)

    def test_it_shares_nothing(self, way):
        net = trained()
        before = state_of(net)
        other = WAYS[way](net)
        other.fit(X, NAMES[Y], epochs=1)
        other.params[:] = 0
        other.input_shift = 9
        other.classes[0] = "zzz"
        other.metadata["made"] = "there"
        assert state_of(net) == before

    def test_its_views_are_its_own(self, way):
        other = WAYS[way](trained())
        other.weights[0][:] = 0
        other.biases[1] = [1, 2, 3]
        assert not other.params[:40].any()
        np.testing.assert_array_equal(other.params[-3:], [1, 2, 3])

    def test_a_network_that_was_never_trained_is_copied_too(self, way):
        net = MLP([5, 3], dtype="float64", seed=1)
        assert state_of(WAYS[way](net)) == state_of(net)


def test_networks_in_a_pool_of_threads_get_the_bits_of_one_after_the_other():
    one_by_one = [state_of(trained(seed, epochs=5)) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = [state_of(net) for net in pool.map(lambda k: trained(k, epochs=5), range(6))]
    assert together == one_by_one


SCRIPT = """
import multiprocessing, sys
import numpy as np
import fastnn

def work(_=None):
    fastnn.set_num_threads(2)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(512, 200)), rng.integers(0, 10, 512)
    net = fastnn.MLP([200, 300, 10], output="softmax", seed=0)
    net.fit(X, y, epochs=1, batch_size=128, optimizer=fastnn.SGD(0.1))
    return net.params.tobytes() + net.predict(X).tobytes()

def read(net):
    return net.predict(np.ones((3, 200))).tobytes()

if __name__ == "__main__":
    expected = work()  # threads have run here before the children are made
    net = fastnn.MLP([200, 10], seed=1)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(work, range(2)) == [expected] * 2
        assert pool.map(read, [net, net]) == [read(net)] * 2
    print("same bits")
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_a_process_that_has_trained_get_the_same_bits(tmp_path, method):
    if method == "fork" and sys.platform == "win32":
        pytest.skip("Windows has no fork")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), method],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("same bits", "")


def test_a_function_as_learning_rate_can_be_copied_but_not_pickled():
    net = MLP([5, 3], output="softmax", seed=0)
    net.fit(X, Y, epochs=1, optimizer=SGD(lambda step: 0.1))
    assert state_of(copy.deepcopy(net)) == state_of(net)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(net)
