"""Learning rates: the formulae at points whose values are known by hand, and what is refused."""

import json
import math

import numpy as np
import pytest

from fastnn.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Schedule,
    Step,
    from_config,
    learning_rates,
    to_config,
)


def rates(lr, steps, steps_per_epoch=1, total_steps=1):
    return learning_rates(
        lr, np.array(steps), steps_per_epoch=steps_per_epoch, total_steps=total_steps
    )


class TestFormulae:
    def test_a_number_and_a_constant_give_the_same_rate_at_every_step(self):
        for lr in (0.5, Constant(0.5), np.float32(0.5)):
            np.testing.assert_array_equal(rates(lr, [0, 7, 10**9]), [0.5, 0.5, 0.5])

    def test_step_changes_only_after_every_so_many_whole_epochs(self):
        # 3 mini-batches an epoch, 2 epochs a change: steps 0 to 5, 6 to 11, 12 to 17
        lr = Step(8.0, every=2, factor=0.5)
        got = rates(lr, [0, 5, 6, 11, 12], steps_per_epoch=3, total_steps=18)
        np.testing.assert_array_equal(got, [8, 8, 4, 4, 2])

    def test_exponential_multiplies_by_decay_in_each_epoch_and_by_its_root_in_half_an_epoch(self):
        got = rates(Exponential(16.0, decay=0.25), [0, 1, 2, 3, 4], steps_per_epoch=2)
        np.testing.assert_allclose(got, [16, 8, 4, 2, 1], rtol=1e-15)

    def test_exponential_with_decay_above_one_grows(self):
        got = rates(Exponential(1e-6, decay=10.0), [0, 3, 6], steps_per_epoch=1)
        np.testing.assert_allclose(got, [1e-6, 1e-3, 1.0], rtol=1e-14)

    def test_cosine_has_three_quarters_half_and_a_quarter_at_one_two_and_three_sixths(self):
        # cos(60°) = 1/2, cos(90°) = 0, cos(120°) = -1/2
        got = rates(Cosine(1.0), [0, 2, 3, 4, 6], total_steps=6)
        np.testing.assert_allclose(got, [1, 0.75, 0.5, 0.25, 0], atol=1e-15)

    def test_cosine_ends_at_final_lr_and_stays_there_beyond_the_fit(self):
        got = rates(Cosine(1.0, final_lr=0.2), [3, 6, 100], total_steps=6)
        np.testing.assert_allclose(got, [0.6, 0.2, 0.2], rtol=1e-15)

    def test_warmup_rises_in_equal_steps_and_the_cosine_takes_what_is_left(self):
        # 4 steps of warm-up, then 6 steps of the cosine above
        got = rates(
            Cosine(1.0, warmup=1), [0, 1, 2, 3, 4, 6, 7, 8], steps_per_epoch=4, total_steps=10
        )
        np.testing.assert_allclose(got, [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25], rtol=1e-15)

    def test_a_warmup_of_a_fraction_of_steps_never_exceeds_lr(self):
        got = rates(Cosine(1.0, warmup=0.5), [0, 1, 2], steps_per_epoch=5, total_steps=50)
        np.testing.assert_allclose(got, [1 / 2.5, 2 / 2.5, 1.0], rtol=1e-15)

    def test_a_warmup_longer_than_the_fit_only_rises(self):
        got = rates(Cosine(1.0, warmup=2), [0, 1, 2, 3], steps_per_epoch=4, total_steps=4)
        np.testing.assert_allclose(got, [1 / 8, 2 / 8, 3 / 8, 4 / 8], rtol=1e-15)

    def test_one_cycle_by_default_starts_at_a_25th_and_ends_at_a_10000th_of_that(self):
        # T = 20 and a peak at half of it: the highest rate is at step 0.5 · 20 − 1 = 9.
        lr = OneCycle(1.0, peak_at=0.5)
        got = rates(lr, [0, 9, 19], total_steps=20)
        np.testing.assert_allclose(got, [0.04, 1.0, 4e-6], rtol=1e-12)

    def test_one_cycle_rises_and_falls_along_half_cosines(self):
        lr = OneCycle(1.0, start=0.2, final=0.4, peak_at=0.5)
        # at one and two thirds of the rise (1/4 and 3/4 of the way), and at half of the fall
        got = rates(lr, [3, 6, 14], total_steps=20)
        np.testing.assert_allclose(got, [0.2 + 0.25 * 0.8, 0.2 + 0.75 * 0.8, 0.7], rtol=1e-12)

    def test_one_cycle_agrees_with_the_phases_of_pytorch_where_the_peak_is_between_steps(self):
        # PyTorch: phases end at pct_start · T − 1 = 2.3 and at T − 1 = 10
        def annealed(begin, end, part):
            return end + (begin - end) / 2 * (1 + math.cos(math.pi * part))

        expected = [annealed(0.04, 1.0, t / 2.3) for t in (0, 1, 2)]
        expected += [annealed(1.0, 4e-6, (t - 2.3) / 7.7) for t in range(3, 11)]
        np.testing.assert_allclose(
            rates(OneCycle(1.0), range(11), total_steps=11), expected, rtol=1e-12
        )

    def test_one_cycle_in_a_fit_of_one_step_is_at_its_peak(self):
        np.testing.assert_array_equal(rates(OneCycle(0.3), [0], total_steps=1), [0.3])

    def test_one_cycle_whose_peak_is_at_the_end_only_rises(self):
        lr = OneCycle(1.0, start=0.0, peak_at=1.0)
        np.testing.assert_allclose(rates(lr, [0, 2, 4], total_steps=5), [0, 0.5, 1], atol=1e-15)

    @pytest.mark.parametrize(
        "lr",
        [
            Constant(0.1),
            Step(0.1, 2),
            Exponential(0.1, 0.9),
            Cosine(0.1, 0.01, 1.5),
            OneCycle(0.1),
            OneCycle(0.1, start=0.3, final=0.2, peak_at=0.0),
        ],
        ids=lambda lr: type(lr).__name__,
    )
    def test_rates_of_a_run_of_steps_are_those_of_each_step_alone(self, lr):
        whole = rates(lr, range(40), steps_per_epoch=7, total_steps=40)
        alone = [rates(lr, [t], steps_per_epoch=7, total_steps=40)[0] for t in range(40)]
        np.testing.assert_array_equal(whole, alone)
        assert whole.dtype == np.float64
        assert (whole >= 0).all()


class TestFunctions:
    def test_a_function_is_called_with_each_step_as_an_int(self):
        seen = []

        def lr(step):
            seen.append(step)
            return 1 / (1 + step)

        np.testing.assert_array_equal(rates(lr, [1, 3]), [0.5, 0.25])
        assert seen == [1, 3]
        assert all(type(step) is int for step in seen)

    def test_no_steps_give_no_rates(self):
        for lr in (0.5, Constant(0.5), lambda step: 0.5):
            assert rates(lr, []).shape == (0,)

    @pytest.mark.parametrize("bad", [-0.5, math.nan, math.inf])
    def test_a_bad_rate_is_refused_with_its_step_and_value(self, bad):
        with pytest.raises(ValueError, match=rf"^lr must be .* got {bad} at step 5$"):
            rates(lambda step: bad if step == 5 else 0.1, range(10))

    def test_a_rate_that_grows_beyond_all_numbers_is_refused_with_its_step(self):
        with pytest.raises(ValueError, match="got inf at step 400"):
            rates(Exponential(1.0, decay=10.0), [300, 400])

    @pytest.mark.parametrize("bad", [None, "0.1"])
    def test_a_function_that_returns_no_number_is_refused(self, bad):
        with pytest.raises(TypeError, match=rf"^lr must return a number .* got {bad!r} at step 0$"):
            rates(lambda step: bad, [0])

    def test_a_schedule_of_ones_own_must_return_a_rate_for_each_step(self):
        class Scalar(Schedule):
            def rates(self, steps, *, steps_per_epoch, total_steps):
                return 0.1

        with pytest.raises(ValueError, match=r"^Scalar\.rates must return one rate for each of 3"):
            rates(Scalar(), [0, 1, 2])

    @pytest.mark.parametrize("bad", ["fast", None, True, [0.1], Constant])
    def test_what_is_no_learning_rate_at_all_is_refused(self, bad):
        with pytest.raises(TypeError, match=r"^lr must be a number, a Schedule or a function"):
            rates(bad, [0])

    @pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
    def test_a_bad_number_is_refused(self, bad):
        with pytest.raises(ValueError, match=rf"^lr must be .* got {bad}$"):
            rates(bad, [0])


class TestConstructors:
    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda: Constant(-1), "lr"),
            (lambda: Constant(math.nan), "lr"),
            (lambda: Step(math.inf, 1), "lr"),
            (lambda: Step(1, 0), "every"),
            (lambda: Step(1, 1, 0), "factor"),
            (lambda: Exponential(1, 0), "decay"),
            (lambda: Exponential(1, -0.5), "decay"),
            (lambda: Cosine(1, -0.1), "final_lr"),
            (lambda: Cosine(1, warmup=-1), "warmup"),
            (lambda: OneCycle(1, start=-1), "start"),
            (lambda: OneCycle(1, final=math.nan), "final"),
            (lambda: OneCycle(1, peak_at=1.5), "peak_at"),
        ],
    )
    def test_a_bad_value_is_refused_in_a_sentence_that_names_it(self, make, argument):
        with pytest.raises(ValueError, match=rf"^{argument} must be an? .*, got "):
            make()

    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda: Constant("0.1"), "lr"),
            (lambda: Constant(None), "lr"),
            (lambda: Constant(True), "lr"),
            (lambda: Step(1, 1.5), "every"),
            (lambda: Cosine(1, None), "final_lr"),
        ],
    )
    def test_a_value_of_another_type_is_refused_in_a_sentence_that_names_it(self, make, argument):
        with pytest.raises(TypeError, match=rf"^{argument} must be an? .*, got "):
            make()

    def test_schedules_are_values(self):
        assert Step(1, np.int64(3)) == Step(1.0, 3, 0.1)
        assert hash(Cosine(1)) == hash(Cosine(1.0))
        with pytest.raises(AttributeError):
            Constant(1.0).lr = 2.0


class TestConfig:
    @pytest.mark.parametrize(
        "lr",
        [
            0.1,
            Constant(1 / 3),
            Step(np.float32(0.1), 5),
            Exponential(0.1, 0.95),
            Cosine(0.1, 0.001, 0.5),
            OneCycle(0.1),
            OneCycle(0.1, 0.2, 0.3, 0.4),
        ],
    )
    def test_numbers_and_built_in_schedules_survive_json_exactly(self, lr):
        assert from_config(json.loads(json.dumps(to_config(lr)))) == lr

    def test_the_callers_own_code_has_no_config(self):
        class Own(Cosine):
            pass

        assert to_config(lambda step: 0.1) is None
        assert to_config(Own(0.1)) is None

    @pytest.mark.parametrize(
        "bad",
        [
            None,
            True,
            "Cosine",
            {},
            {"name": "Magic", "lr": 0.1},
            {"name": ["Cosine"], "lr": 0.1},
            {"name": "Cosine"},
            {"name": "Cosine", "lr": 0.1, "extra": 1},
            {"name": "Cosine", "lr": "high"},
            {"name": "Step", "lr": 0.1, "every": -1},
            -0.1,
            math.nan,
        ],
    )
    def test_a_config_that_describes_nothing_is_a_value_error(self, bad):
        with pytest.raises(ValueError, match=r"\w"):
            from_config(bad)
