import pytest

from fastnn.fit.call_size import CALL_SECONDS, CallSizer


def settle(sizer, speed):
    """Let it learn until it has seen all; return the calls that it made."""
    calls = []
    for _ in range(60):
        batches, threads = sizer.next_call()
        sizer.learn(batches, threads, batches / speed[threads])
        calls.append((batches, threads))
    return calls


def test_calls_come_to_take_the_time_that_they_should():
    batches, _ = settle(CallSizer(1), {1: 2e5})[-1]
    assert batches == pytest.approx(2e5 * CALL_SECONDS, rel=0.01)


def test_the_first_call_is_one_batch_however_large_it_may_be():
    assert CallSizer(4).next_call() == (1, 1)


def test_with_one_thread_there_is_nothing_to_choose():
    assert {threads for _, threads in settle(CallSizer(1), {1: 100.0})} == {1}


@pytest.mark.parametrize(("speed", "best"), [({1: 900, 4: 3000}, 4), ({1: 900, 4: 80}, 1)])
def test_the_faster_number_of_threads_gets_nearly_all_batches(speed, best):
    calls = settle(CallSizer(4), speed)
    share = sum(batches for batches, threads in calls if threads == best)
    assert share > 0.95 * sum(batches for batches, _ in calls)


def test_the_slower_number_of_threads_gets_another_chance():
    sizer = CallSizer(2)
    settle(sizer, {1: 1000.0, 2: 10.0})  # the other core was busy
    calls = settle(sizer, {1: 1000.0, 2: 1900.0})  # now it is free
    assert calls[-1][1] == 2


def test_a_batch_that_takes_longer_than_a_call_should_is_a_call_of_its_own():
    assert settle(CallSizer(1), {1: 0.5})[-1] == (1, 1)
