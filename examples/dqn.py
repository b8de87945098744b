"""
Q-learning with a replay memory
===============================

Q(s, a) learns r + γ max Q'(s', ·), with Q' an older copy of the network (Mnih et al. 2015). Of each
row one output alone has a cost, Huber's of d = Q(s, a) − target, whose slope is d within ±1 and its
sign outside. The output gradient says so: clip(d, −1, 1) / m in column a, 0 in the others.
"""

import sys
from math import cos, sin

import numpy as np

import fastnn

STEPS = 6000 if "--quick" in sys.argv else 30_000
BATCH, rows = 64, np.arange(64)
rng = np.random.default_rng(0)


def move(state, right):  # the cart-pole of Barto, Sutton and Anderson (1983)
    x, speed, angle, spin = state
    push = ((10 if right else -10) + 0.05 * spin * spin * sin(angle)) / 1.1
    turn = 19.6 * sin(angle) - 2 * cos(angle) * push
    turn /= 4 / 3 - 0.1 * cos(angle) ** 2 / 1.1
    go = push - 0.05 * turn * cos(angle) / 1.1
    return np.array([x + 0.02 * speed, speed + 0.02 * go, angle + 0.02 * spin, spin + 0.02 * turn])


q = fastnn.MLP([4, 64, 64, 2], seed=0)
older = fastnn.MLP([4, 64, 64, 2], seed=0)
adam = fastnn.Adam(1e-3, clipnorm=10)
S, S2 = np.zeros((2, STEPS, 4))
A, fell, lengths = np.zeros(STEPS, int), np.zeros(STEPS, bool), []
state, age = rng.uniform(-0.05, 0.05, 4), 0
for t in range(STEPS):
    at_random = rng.random() < max(0.05, 1 - 4 * t / STEPS)
    action = rng.integers(2) if at_random else q.predict(state[None])[0].argmax()
    S[t], A[t], state, age = state, action, move(state, action), age + 1
    fell[t], S2[t] = abs(state[0]) > 2.4 or abs(state[2]) > 0.2095, state
    if fell[t] or age == 500:
        lengths.append(age)
        state, age = rng.uniform(-0.05, 0.05, 4), 0
    if t < 500:
        continue
    b = rng.integers(0, t + 1, BATCH)
    target = 1 + 0.99 * ~fell[b] * older.predict(S2[b]).max(1)
    G = np.zeros((BATCH, 2))
    G[rows, A[b]] = (q.predict(S[b])[rows, A[b]] - target).clip(-1, 1) / BATCH
    q.train_batch(S[b], output_gradient=G, optimizer=adam)
    if t % 250 == 0:
        older.params = q.params
first, last = np.mean(lengths[:20]), np.mean(lengths[-10:])
print(f"steps that the pole stood: {first:.0f} at first, {last:.0f} of 500 at last")
