"""
Proximal policy optimisation with two heads
===========================================

One network has the logits z of two pushes and the value V of a state, in hundreds of steps. Its
cost is PPO's (Schulman et al. 2017, eq. 7 and 9), the mean over the rows of −min(r A, clip(r, 0.8,
1.2) A) + ½ (V − R)² − 0.01 H with r = π(a|s) / π_old(a|s) and the entropy H = −Σ π ln π. As
∂π_a/∂z_j = π_a (1[j = a] − π_j), its slopes with respect to the outputs are

    ∂/∂z_j = −A r (1[j = a] − π_j), or 0 where r is clipped;  ∂(−H)/∂z_j = π_j (ln π_j + H);
    ∂/∂V = V − R.
"""

import sys

import numpy as np

import fastnn

UPDATES = 30 if "--quick" in sys.argv else 60
POLES, STEPS, ROWS = 16, 128, np.arange(256)
rng = np.random.default_rng(0)


def move(state, right):  # the cart-pole of Barto, Sutton and Anderson (1983)
    _, speed, angle, spin = state.T
    push = (np.where(right, 10, -10) + 0.05 * spin**2 * np.sin(angle)) / 1.1
    turn = 19.6 * np.sin(angle) - 2 * np.cos(angle) * push
    turn /= 4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1
    go = push - 0.05 * turn * np.cos(angle) / 1.1
    return state + 0.02 * np.column_stack([speed, go, spin, turn])


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def slopes(out, action, old, A, R):  # dC/da of one batch
    p = softmax(out[:, :2])
    r = p[ROWS, action] / old
    free = np.where(A > 0, r < 1.2, r > 0.8)
    G = np.empty_like(out)
    G[:, :2] = -(free * A * r)[:, None] * (np.eye(2)[action] - p)
    H = -(p * np.log(p)).sum(1, keepdims=True)
    G[:, :2] += 0.01 * p * (np.log(p) + H)
    G[:, 2] = out[:, 2] - R
    return G / len(out)


net = fastnn.MLP([4, 64, 64, 3], activation="tanh", seed=0)
adam = fastnn.Adam(1e-3, clipnorm=0.5)
state, age, lengths = rng.uniform(-0.05, 0.05, (POLES, 4)), np.zeros(POLES, int), []
for _ in range(UPDATES):
    record = []
    for _ in range(STEPS):
        out = net.predict(state)
        p = softmax(out[:, :2])
        action = (rng.random(POLES) < p[:, 1]).astype(int)
        new, age = move(state, action), age + 1
        over = (abs(new[:, 0]) > 2.4) | (abs(new[:, 2]) > np.radians(12)) | (age == 500)
        record.append((state, action, p[np.arange(POLES), action], 100 * out[:, 2], over))
        lengths += age[over].tolist()
        age[over], new[over] = 0, rng.uniform(-0.05, 0.05, (over.sum(), 4))
        state = new
    S, action, old, V, over = map(np.array, zip(*record, strict=True))
    A, later, value = np.zeros_like(V), 0, 100 * net.predict(state)[:, 2]
    for t in reversed(range(STEPS)):  # generalised advantages (Schulman et al. 2016, eq. 16)
        later = 1 + 0.99 * ~over[t] * (value + 0.95 * later) - V[t]
        A[t], value = later, V[t]
    X, parts = S.reshape(-1, 4), [v.ravel() for v in (action, old, A, (A + V) / 100)]
    parts[2] = (parts[2] - parts[2].mean()) / parts[2].std()
    for rows in np.concatenate([rng.permutation(len(X)) for _ in range(4)]).reshape(-1, 256):
        G = slopes(net.predict(X[rows]), *(part[rows] for part in parts))
        net.train_batch(X[rows], output_gradient=G, optimizer=adam)
first, last = np.mean(lengths[:50]), np.mean(lengths[-50:])
print(f"steps that a pole stood: {first:.0f} at first, {last:.0f} of 500 at last")
