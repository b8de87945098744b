"""Size of the next call of the core, and its number of threads.

Neither changes a bit of the result, so training chooses both by measured speed. Calls that only
read get a fixed number of rows.
"""

from __future__ import annotations

from .._fastnn import BLOCK as BLOCK

CALL_SECONDS = 0.03  # aim for one call: Ctrl-C is answered within about this time
_TRIAL_EVERY = 24  # calls between two trials of the slower number of threads
_TRIAL_SHARE = 8  # a trial is this many times shorter: on a busy machine it may be slow
# Multiply-adds of one reading call, some 20 to 80 ms. A block of a large network has more, and is
# then read in parts.
_OPERATIONS_PER_CALL = 2e9
_NUMBERS_PER_CALL = 1 << 23  # written, where writing takes most of the time
_FEWEST = 16  # rows: with fewer, loading the weights takes longer than computing with them


def rows_per_call(n_params: int, products: int = 1, written: int = 0) -> int:
    """Return the number of rows of one reading call, small enough for Ctrl-C to be answered.

    A prediction is one product with the weights, a gradient three; a row writes `written` numbers.
    """
    if written:
        return max(1, min(rows_per_call(n_params, products), _NUMBERS_PER_CALL // written))
    rows = _OPERATIONS_PER_CALL / (2 * products * n_params)
    whole = int(rows / BLOCK) * BLOCK
    return whole or max(_FEWEST, int(rows))


class CallSizer:
    """Measured speed of batches on one thread and on all, updated with each call.

    A second core may be busy with another program, and a team waits for its slowest thread; then
    one thread is faster, whatever the size of the network.

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
        one, all_of_them = self._choices[0], self._choices[-1]
        best = one if speeds[one] >= speeds[all_of_them] else all_of_them
        self._calls += 1
        if speeds[best] == 0:
            return 1, best  # the first call
        fitting = CALL_SECONDS * speeds[best]
        other = all_of_them if best == one else one
        if other != best and (speeds[other] == 0 or self._calls % _TRIAL_EVERY == 0):
            return max(1, int(fitting / _TRIAL_SHARE)), other
        return max(1, int(fitting)), best

    def learn(self, batches: int, n_threads: int, seconds: float) -> None:
        """Update the speeds with the duration of a call."""
        speed, before = batches / max(seconds, 1e-7), self._batches_per_second[n_threads]
        # The first calls are short and run on cold caches: limit their influence.
        self._batches_per_second[n_threads] = min(speed, 8 * before) if before else min(speed, 1e4)
