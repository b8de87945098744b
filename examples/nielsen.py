"""
The networks of Nielsen's book on MNIST
=======================================

Those of "Neural Networks and Deep Learning", chapters 1 and 3.
Trains on 50,000 images as the book does and prints the test accuracy of the last epoch, the median
of three seeds, beside the book's figure, which is that of the best epoch of the best of three runs.
His costs have a factor ½ that fastnn's do not have: his η is twice our learning rate. ::

    python examples/nielsen.py [--all]

Without --all the first network only. MNIST is read from $FASTNN_DATA_DIR, or downloaded.
"""

import sys
import time
from statistics import median

import fastnn

NETWORKS = [  # hidden, loss, init, lr, epochs, weight decay (λ / n), the book's accuracy in %
    (30, "quadratic", "standard_normal", 1.5, 30, 0, 95.42),
    (100, "quadratic", "standard_normal", 1.5, 30, 0, 96.59),
    (30, "binary_cross_entropy", "standard_normal", 0.5, 30, 0, 95.49),
    (100, "binary_cross_entropy", "standard_normal", 0.5, 30, 0, 96.82),
    (100, "binary_cross_entropy", "lecun_normal", 0.1, 60, 1e-4, 98.04),
]


def main() -> None:
    """Train each network from three seeds and print a line for it."""
    (X, y), test = fastnn.datasets.load_mnist()
    X, y = X[:50_000], y[:50_000]
    print("network      loss                  init             accuracy   book       a run")
    for hidden, loss, init, lr, epochs, decay, book in NETWORKS[
        : None if "--all" in sys.argv else 1
    ]:
        right, seconds = [], []
        for seed in range(3):
            net = fastnn.MLP(
                [784, hidden, 10],
                activation="sigmoid",
                output="sigmoid",
                loss=loss,
                init=init,
                seed=seed,
            )
            began = time.perf_counter()
            net.fit(
                X, y, epochs=epochs, batch_size=10, optimizer=fastnn.SGD(lr, weight_decay=decay)
            )
            seconds.append(time.perf_counter() - began)
            right.append(100 * net.evaluate(*test)["accuracy"])
        name, found = f"784-{hidden}-10", f"{median(right):.2f} %    {book:.2f} %"
        print(f"{name:<12} {loss:<21} {init:<16} {found}    {median(seconds):.1f} s")


if __name__ == "__main__":
    main()
