"""
A surrogate for an ODE
======================

A solver reaches a state step by step; a network trained on enough solutions predicts it at once.
Here it learns the swing of a damped pendulum, θ'' = −(g / length) sin θ − damping · θ', let go at
rest from up to 160°: (angle at the start, length, damping, time) → (θ, θ').
"""

import sys
from timeit import timeit

import matplotlib.pyplot as plt
import numpy as np

import fastnn

QUICK = "--quick" in sys.argv
rng = np.random.default_rng(0)
DT = 0.01
times = DT * np.arange(501)  # 5 s


def draw(n):  # angle at the start in rad, length in m, damping in 1/s
    return rng.uniform([0.1, 0.5, 0.05], [2.8, 2.0, 0.8], (n, 3))


def solve(pendulums):  # θ and θ' at all times, (n, times, 2), by the classic Runge-Kutta method
    start, length, damping = pendulums.T

    def f(s):
        return np.array([s[1], -9.81 / length * np.sin(s[0]) - damping * s[1]])

    states = [np.array([start, 0 * start])]
    for _ in times[1:]:
        s = states[-1]
        k1 = f(s)
        k2 = f(s + DT / 2 * k1)
        k3 = f(s + DT / 2 * k2)
        states.append(s + DT / 6 * (k1 + 2 * k2 + 2 * k3 + f(s + DT * k3)))
    return np.moveaxis(states, 2, 0)


def rows(pendulums, when):  # (start, length, damping, time), for each pendulum and each time
    return np.column_stack([pendulums.repeat(len(when), 0), np.tile(when, len(pendulums))])


# %%
# Every state of the solutions is an example: a million of them. Angle and speed are divided by
# their standard deviations, so that both have the same weight.
seen, unseen = draw(300 if QUICK else 2000), draw(500)
X, Y = rows(seen, times), solve(seen).reshape(-1, 2)
unit = Y.std(axis=0)
net = fastnn.MLP([4, 64, 64, 64, 2], activation="silu", seed=0)
net.standardize(X)
adam = fastnn.Adam(fastnn.schedules.OneCycle(0.01))
print(net.fit(X, Y / unit, epochs=3 if QUICK else 6, batch_size=256, optimizer=adam))

# %%
# Pendulums that it has not seen. The solver has to compute all steps from start to end, for all of
# them at once; the network does not.
truth = solve(unseen)
answers = unit * net.predict(rows(unseen, times)).reshape(truth.shape)
errors = np.degrees(answers - truth)
print("root mean square errors: {:.2f}°, {:.2f}°/s".format(*np.sqrt((errors**2).mean((0, 1)))))
solver = timeit(lambda: solve(unseen), number=3)
network = timeit(lambda: net.predict(rows(unseen, times[-1:])), number=3)
print(f"where 500 of them are after 5 s: {solver / network:.0f} times as fast as the solver")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.plot(times, np.degrees(truth[:3, :, 0]).T, "k", lw=1)
left.plot(times[::10], np.degrees(answers[:3, ::10, 0]).T, ".")
left.set(title="Three of them: solver (lines), network (dots)", ylabel="θ in °", xlabel="time in s")
shares = np.percentile(abs(errors[:, :, 0]), [50, 95, 99], axis=0)
right.plot(times, shares.T, label=[f"{q} % of the pendulums are below" for q in (50, 95, 99)])
right.set(title="How far it is off: most at the edge", ylabel="error of θ in °", xlabel="time in s")
right.legend()
plt.show()
