"""Measure the time until Ctrl-C is answered, in fit, predict and the other calls; print a table.

``python tests/long/latency.py [rounds] [width]``; POSIX. A real SIGINT comes after a random part of
a call. Beside the time that a user waits stands what the main thread computed meanwhile: on a
machine that does nothing else, the two are alike. Exit status 1 if fit or predict computed for more
than 100 ms, but for what docs/reliability.md says is not cut.
"""

import gc
import random
import signal
import sys
import threading
import time

import numpy as np

import fastnn
from fastnn import SGD, Adam

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
MOST = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
LIMIT = 100.0  # milliseconds of computing, for fit and predict
too_late: list[str] = []


def wait_of(call, most_seconds):
    """Seconds from a SIGINT to the KeyboardInterrupt, and of the main thread's computing meanwhile.

    None if the call had ended before.
    """
    sent: list[float] = []
    clock = time.pthread_getcpuclockid(threading.main_thread().ident)

    def clocks():
        return np.array([time.perf_counter(), time.clock_gettime(clock)])

    def send(delay):
        time.sleep(delay)
        sent.append(clocks())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=send, args=(random.uniform(0.02, most_seconds),))
    thread.start()
    try:
        call()
        thread.join()  # the signal comes after the call
        time.sleep(0.01)
    except KeyboardInterrupt:
        answered = clocks()
        late = not thread.is_alive() or bool(sent)
        thread.join()
        return answered - sent[0] if late else None
    return None


def measure(name, call, most_seconds=0.3, limit=LIMIT):
    waits = []
    for _ in range(ROUNDS):
        try:
            wait = wait_of(call, most_seconds)
        except KeyboardInterrupt:
            wait = None
        if wait is not None:
            waits.append(1000 * wait)
    if waits:
        figures = np.column_stack([np.median(waits, axis=0), np.max(waits, axis=0)]).ravel()
        print(f"{name:42}" + "".join(f"{figure:10.1f}" for figure in figures), flush=True)
        if name.startswith(("fit", "predict")) and figures[-1] > limit:
            too_late.append(name)
    else:
        print(f"{name:42} ended before the signal", flush=True)
    gc.collect()


def measure_width(width, rng):
    net = fastnn.MLP([width, width, width, 10], output="softmax", seed=0)
    X, y = rng.normal(size=(20000, width)).astype(np.float32), rng.integers(0, 10, 20000)
    few = slice(0, max(2, 20 * 512**2 // width**2))
    shape, long = f"{width}-{width}-{width}-10", 0.3 if width < 4096 else 1.5

    def fit(optimizer, size):
        name = f"fit {shape}, {type(optimizer).__name__}, batch {size:,}"
        options = {"epochs": 99, "batch_size": size, "optimizer": optimizer}
        limit = LIMIT if net.n_params <= 30_000_000 else np.inf
        measure(name, lambda: net.fit(X, y, **options), long, limit)

    for optimizer in (SGD(1e-4), Adam(1e-6)):
        for size in (32, 512, 20000):
            fit(optimizer, size)
    calls = {
        "predict": lambda: net.predict(X),
        "classify": lambda: net.classify(X),
        "evaluate": lambda: net.evaluate(X, y),
        "cost of each": lambda: net.cost(X, y, per_example=True),
        "gradient": lambda: net.gradient(X, y),
        "gradient of each": lambda: net.gradient(X[few], y[few], per_example=True),
    }
    for name, call in calls.items():
        measure(f"{name} {shape}", lambda call=call: [call() for _ in range(9)], long)


def main():
    rng = np.random.default_rng(0)
    heads = ("wait", "most", "computing", "most")
    print(f"{'milliseconds':42}" + "".join(f"{head:>10}" for head in heads))
    digits = rng.normal(size=(60000, 784)).astype(np.float32)
    labels = rng.integers(0, 10, 60000)
    pixels = (digits > 1).astype(np.uint8)
    small = fastnn.MLP([784, 16, 16, 10], output="softmax", seed=0)
    for name, X, size in (
        ("batch 10", digits, 10),
        ("by non-zeros, listed", pixels, 10),
        ("one batch of all", digits, None),
    ):
        options = {"epochs": 99, "batch_size": size}
        measure(
            f"fit 784-16-16-10, {name}",
            lambda X=X, options=options: small.fit(X, labels, **options),
        )
    measure("predict 784-16-16-10, 60,000 rows", lambda: [small.predict(digits) for _ in range(99)])
    for width in (512, 2048, 4096):
        if width <= MOST:
            measure_width(width, rng)
    many = rng.normal(size=(4_000_000, 32)).astype(np.float32)
    whole = (many * 100).astype(np.int64)
    wide = fastnn.MLP([32, 8, 1], seed=0)
    target = many[:, 0]
    call = lambda: wide.fit(many, target, epochs=99)  # noqa: E731
    measure("fit 4,000,000 rows: checks, shuffle", call, 1, np.inf)
    measure("predict int64 rows, converted", lambda: [wide.predict(whole) for _ in range(9)], 1)
    measure("standardize", lambda: [wide.standardize(many) for _ in range(9)], 1)
    if too_late:
        sys.exit(f"more than {LIMIT:g} ms: {'; '.join(too_late)}")


if __name__ == "__main__":
    main()
