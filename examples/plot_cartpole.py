"""
A policy that balances a pole
=============================

Reinforcement learning generates its data while it learns, so the program has its own loop, with
steps by ``train_batch``. REINFORCE (Williams 1992) lowers −A ln π(action | state): more of the
actions that went better than usual (advantage A > 0), less of the others. Its gradient with respect
to the network's output z, the log-odds of a push to the right, is A (π − action). ``train_batch``
takes it as ``output_gradient``, divided by the number of rows for the mean cost. ``ppo.py`` and
``dqn.py`` show two more algorithms.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import fastnn

UPDATES = 12 if "--quick" in sys.argv else 30
POLES, STEPS = 64, 500  # 64 carts at once, for 500 steps of 0.02 s at most
rng = np.random.default_rng(0)


def move(state, right):  # the cart-pole of Barto, Sutton and Anderson (1983)
    _, speed, angle, spin = state.T
    push = (np.where(right, 10, -10) + 0.05 * spin**2 * np.sin(angle)) / 1.1
    turn = 19.6 * np.sin(angle) - 2 * np.cos(angle) * push
    turn /= 4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1
    go = push - 0.05 * turn * np.cos(angle) / 1.1
    return state + 0.02 * np.column_stack([speed, go, spin, turn])


def chance(state):  # π, of a push to the right
    return 1 / (1 + np.exp(-policy.predict(state)[:, 0]))


def play(chance):  # states (steps, POLES, 4), pushes and who still stood, (steps, POLES) each
    state, up, record = rng.uniform(-0.05, 0.05, (POLES, 4)), np.ones(POLES, bool), []
    while up.any() and len(record) < STEPS:
        right = rng.random(POLES) < chance(state)
        record.append((state, right, up))
        state = move(state, right)
        up = up & (abs(state[:, 0]) < 2.4) & (abs(state[:, 2]) < np.radians(12))
    return map(np.array, zip(*record, strict=True))


# %%
# The reward of a push is the time until the pole falls; the usual reward is the mean over poles.
policy = fastnn.MLP([4, 32, 1], activation="tanh", seed=0)
policy.input_scale = [1, 1, 10, 1]  # angles are small numbers
lengths = []
for _ in range(UPDATES):
    states, right, stood = play(chance)
    lengths.append(stood.sum(axis=0))
    earned = stood[::-1].cumsum(axis=0)[::-1]
    A = (earned - earned.sum(1, keepdims=True) / stood.sum(1, keepdims=True))[stood]
    X, A = states[stood], A / (A.std() + 1e-3)
    G = A * (chance(X) - right[stood]) / len(A)
    policy.train_batch(X, output_gradient=G[:, None], optimizer=fastnn.Adam(0.02))

# %%
by_chance = list(play(lambda state: 0.5))[2].sum(axis=0).mean()
trained = list(play(lambda state: chance(state) > 0.5))[2].sum(axis=0).mean()
print(f"steps that a pole stood: {by_chance:.0f} pushed at random, {trained:.0f} of 500 trained")
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.fill_between(range(UPDATES), *np.percentile(lengths, [10, 90], axis=1), alpha=0.3)
left.plot(np.mean(lengths, axis=1), label="mean of 64 poles; 10 % to 90 %")
left.axhline(by_chance, color="k", ls=":", label="pushed at random")
left.set(xlabel="updates", ylabel="steps that a pole stood", title="Learning")
left.legend(loc="lower right", bbox_to_anchor=(1, 0.1), fontsize="small")
degrees, speeds = np.mgrid[-12:12:97j, -90:90:91j]
X = np.radians([0 * degrees, 0 * degrees, degrees, speeds]).reshape(4, -1).T
map_ = right.pcolormesh(degrees, speeds, chance(X).reshape(degrees.shape), cmap="PuOr")
right.set(xlabel="angle in °", ylabel="its speed in °/s", title="The policy, cart in the middle")
fig.colorbar(map_, label="chance of a push to the right")
plt.show()
