"""Some thousand inputs for each reader, the same in every run; fuzz/run.py does a million."""

from __future__ import annotations

import random
import sys

import pytest
from folders import TESTS

sys.path.insert(0, str(TESTS / "fuzz"))
from targets import TARGETS, plain


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mutated_input_is_refused_in_one_line_or_read(name: str, seed: int) -> None:
    target, rng = TARGETS[name], random.Random(f"{name} {seed}")
    seeds = target.ready()
    data = seeds[0]
    for i in range(
        150 if name in ("csv", "formats") else 600
    ):  # pandas takes milliseconds for each
        # From a seed, and then up to nine steps away from it.
        data = target.mutate(
            rng.choice(seeds) if i % 9 == 0 else data, rng, lambda part: plain(part, rng)
        )
        try:
            target.run(data)
        except AssertionError as error:
            pytest.fail(f"{error}\nthe input: {data[:2000]!r}")


def test_code_in_a_target_would_be_seen() -> None:
    from targets import watched

    TARGETS["expression"].ready()
    with pytest.raises(AssertionError, match="reached Python: exec"), watched("exec"):
        exec("1")
