"""
The numbers and pictures of the guide to backpropagation
========================================================

All of docs/backpropagation.md is made by this program, from the digits that come with fastnn. ::

    python examples/backpropagation.py            write them into docs/
    python examples/backpropagation.py --check    fail if the page holds other numbers

Needs the extra "plot".
"""

import os

os.environ["FASTNN_ISA"] = "base"  # plain C: the same bits on every machine

import argparse
import copy
import io
import re
import sys
from pathlib import Path

import matplotlib as mpl
from PIL import Image, PngImagePlugin

import fastnn
from fastnn import explain

mpl.use("agg")
PAGE = Path(__file__).parent.parent / "docs" / "backpropagation.md"
PICTURES = PAGE.parent / "figures"
TIMED = {"paths"}  # hold seconds: never twice the same, but table and picture are of one run


def hesitant(net: fastnn.MLP, X, y) -> int:
    """Return the first example that is predicted right, but without confidence."""
    costs, right = net.cost(X, y, per_example=True), net.classify(X) == y
    return int(next(i for i in range(len(X)) if right[i] and costs[i] > 0.4))


def views() -> tuple[dict[str, str], dict[str, object]]:
    """Return the page's texts and its pictures, by name."""
    (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    start = copy.deepcopy(net)
    net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    i = hesitant(net, X_test, y_test)
    cost = explain.cost_table(net, X_test, y_test, examples=[i])
    ranking = explain.sensitivity(net, X, y, top=10)
    wishes = explain.nudges(net, X_test[i], y_test[i], neuron=int(y_test[i]))
    everyone = explain.nudges(net, X_test[i], y_test[i])
    table = explain.nudge_table(net, X, y)
    hill = explain.descend("himmelblau", start=[(0, 0), (-1, -3)], lr=0.01)
    paths = explain.descent_paths(start, X, y, lr=1.5, epochs=(400, 40, 4))
    net.fit(X, y, epochs=28, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    inside = explain.look_inside(net, X_test, y_test, example=i)
    texts = {
        "sentence": ranking.sentence(ranking.entries[0].name, "weights[0][350, 3]"),
        "descend": str(hill),
        "paths": str(paths),
    }
    pictures = {
        "cost": cost.plot(),
        "sensitivity": ranking.plot(),
        "nudges": wishes.plot(),
        "recursion": everyone.previous.plot(),
        "table": table.plot(),
        "descend": hill.plot(),
        "paths": paths.plot(),
        "weights": inside.plot("first_layer"),
        "activations": inside.plot("network"),
        "confusion": inside.plot("confusion"),
        "mistakes": inside.plot("mistakes"),
    }
    return texts, pictures


def told_beside(name: str) -> str:
    """Return the text that was made together with a picture, which holds it."""
    with Image.open(PICTURES / f"{name}.png") as picture:
        return str(picture.info.get("Description", ""))


def filled(page: str, texts: dict[str, str]) -> str:
    """Return the page with the texts between their marks."""
    for name, text in texts.items():
        mark = rf"(<!-- out: {name} -->\n).*?(<!-- end -->)"
        block = "\n".join(line.rstrip() for line in text.splitlines())
        page, n = re.subn(
            mark, lambda m, b=block: f"{m[1]}```text\n{b}\n```\n{m[2]}", page, flags=re.S
        )
        if n != 1:
            raise SystemExit(f"{PAGE.name} has {n} places for {name!r}, not one")
    return page


def main() -> int:
    """Write the page and its pictures, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    texts, pictures = views()
    page = PAGE.read_text("utf-8")
    if check:
        lasting = {name: text for name, text in texts.items() if name not in TIMED}
        missing = [name for name in pictures if not (PICTURES / f"{name}.png").exists()]
        told = {} if missing else {name: told_beside(name) for name in TIMED}
        if filled(page, lasting | told) != page or missing:
            print(f"{PAGE.name} is not what this script makes; run it without --check")
            return 1
        return 0
    PICTURES.mkdir(exist_ok=True)
    for name, figure in pictures.items():
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=130)
        beside = PngImagePlugin.PngInfo()
        if name in TIMED:
            beside.add_itxt("Description", texts[name])
        # 256 colours are enough, and a quarter of the bytes.
        few = Image.open(drawn).quantize(256)
        few.save(PICTURES / f"{name}.png", optimize=True, pnginfo=beside)
    PAGE.write_text(filled(page, texts), "utf-8")
    print(f"{PAGE.name} and {len(pictures)} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
