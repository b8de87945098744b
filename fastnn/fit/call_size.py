"""Size of the next call of the core, and its number of threads.

Free choices while training: neither changes a bit of the result. So they are measured there. Calls
that only read get a fixed number of rows.
"""

from __future__ import annotations

from .._fastnn import BLOCK as BLOCK

CALL_SECONDS = 0.03  # aimed at for a call: Ctrl-C is answered within about so long
_TRIAL_EVERY = 24  # calls: how often the number of threads that lost last time gets another chance
_TRIAL_SHARE = 8  # such a call is so many times shorter: it may be slow, on a busy machine
# Of one call where a fixed number is wanted rather than a fixed time: some 20 to 80 ms. A block of
# large networks has more, and is then read in parts.
_OPERATIONS_PER_CALL = 2e9
_NUMBERS_PER_CALL = 1 << 23  # written, where that takes the time
_FEWEST = 16  # rows: below, the weights come from memory more slowly than they are worked on


def rows_per_call(n_params: int, products: int = 1, written: int = 0) -> int:
    """Return how many rows to work off in one reading call, so that Ctrl-C stays alive.

    A prediction is one product with the weights, a gradient three; `written` numbers a row.
    """
    if written:
        return max(1, min(rows_per_call(n_params, products), _NUMBERS_PER_CALL // written))
    rows = _OPERATIONS_PER_CALL / (2 * products * n_params)
    whole = int(rows / BLOCK) * BLOCK
    return whole or max(_FEWEST, int(rows))


class CallSizer:
    """Learns from call to call how fast batches go on one thread and on all.

    A second core may be busy with something else, and a team waits for its slowest thread; then one
    thread is faster, whatever the size of the network.

    Parameters
    ----------
    n_threads : int
        Threads that may be used.
    """

    def __init__(self, n_threads: int) -> None:
        self._choices = (1,) if n_threads == 1 else (1, n_threads)
        self._batches_per_second = dict.fromkeys(self._choices, 0.0)  # 0: not tried yet
        self._calls = 0

    def next_call(self) -> tuple[int, int]:
        """Return the number of batches and of threads for the next call."""
        speeds = self._batches_per_second
        best = max(self._choices, key=speeds.__getitem__)
        self._calls += 1
        if speeds[best] == 0:
            return 1, best  # the very first
        fitting = CALL_SECONDS * speeds[best]
        other = next((n for n in self._choices if n != best), best)
        if other != best and (speeds[other] == 0 or self._calls % _TRIAL_EVERY == 0):
            return max(1, int(fitting / _TRIAL_SHARE)), other
        return max(1, int(fitting)), best

    def learn(self, batches: int, n_threads: int, seconds: float) -> None:
        """Take in how long a call took."""
        speed, before = batches / max(seconds, 1e-7), self._batches_per_second[n_threads]
        # The first calls are short and cold: believe them only so far.
        self._batches_per_second[n_threads] = min(speed, 8 * before) if before else min(speed, 1e4)
