"""
A digit recogniser for a microcontroller
========================================

Train it, export it as C with int8 weights, run it. ::

    python examples/microcontroller.py [--quick]

Writes digits_int8.c and digits_float.c into a temporary folder, compiles both if there is a C
compiler, runs their self-tests, and predicts every test image with the int8 one: its predictions
here are those on the device. With --quick it trains for three epochs instead of thirty.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import fastnn
from fastnn.export import to_c


def train(epochs: int) -> fastnn.MLP:
    """Return a recogniser of 13,002 parameters, trained on the embedded digits."""
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP([784, 16, 16, 10], activation="relu", output="softmax", seed=0)
    net.fit(X, y, epochs=epochs, batch_size=32, optimizer=fastnn.AdamW(lr=2e-3, weight_decay=0.1))
    return net


def build(source: Path, compiler: str) -> Path:
    """Compile an export as a program, let it test itself, and return it."""
    program = source.with_suffix("")
    flags = ["-std=c99", "-O2", f"-D{source.stem.upper()}_MAIN", "-o", str(program)]
    subprocess.run([compiler, str(source), *flags], check=True)
    subprocess.run([str(program)], check=True)  # exit status 1 if an output is not as expected
    return program


def main() -> None:
    """Train, export, compile, run; print sizes and accuracies."""
    net = train(3 if "--quick" in sys.argv else 30)
    _, (X, y) = fastnn.datasets.load_digits()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, full = folder / "digits_int8.c", folder / "digits_float.c"
        to_c(net, full)
        text = to_c(net, small, quantize="int8", X=X, y=y)
        print(text.partition("*/")[0])  # the file's first comment
        print(f"accuracy of the network in Python: {net.evaluate(X, y)['accuracy']:.2%}")
        compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
        if compiler is None:
            print("No C compiler is on the path; the files compile on any.")
            return
        build(full, compiler)
        program = build(small, compiler)
        pixels = "\n".join(" ".join(map(str, row)) for row in X)
        began = time.perf_counter()
        run = subprocess.run([program, "u8"], input=pixels, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        answers = np.array([int(line.split()[0]) for line in run.stdout.splitlines()])
        print(f"accuracy of the C program with int8 weights: {(answers == y).mean():.2%}")
        print(f"{1e6 * seconds / len(X):.0f} µs an image, most of it reading numbers as text")


if __name__ == "__main__":
    main()
