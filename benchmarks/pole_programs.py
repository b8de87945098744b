"""Whole programs of reinforcement learning, with fastnn and with PyTorch, for `own_loss.py`."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import torch, torch_layers

import fastnn

Array = NDArray[Any]


class Pole:
    """The cart-pole of Barto, Sutton and Anderson (1983), one or many at a time."""

    def __init__(self, n: int | None = None) -> None:
        self.rng, self.n = np.random.default_rng(0), n
        self.state = self.rng.uniform(-0.05, 0.05, 4 if n is None else (n, 4))
        self.age: Any = 0 if n is None else np.zeros(n, int)

    def move(self, right: Any) -> tuple[Array, bool]:
        """Push one pole; return where it is, and whether it fell or had its time."""
        x, speed, angle, spin = self.state
        sin, cos = math.sin(angle), math.cos(angle)
        push = ((10.0 if right else -10.0) + 0.05 * spin * spin * sin) / 1.1
        turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos * cos / 1.1))
        go = push - 0.05 * turn * cos / 1.1
        self.state = np.array(
            [x + 0.02 * speed, speed + 0.02 * go, angle + 0.02 * spin, spin + 0.02 * turn]
        )
        self.age += 1
        after = self.state.astype(np.float32)
        over = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095 or self.age == 500
        if over:
            self.state, self.age = self.rng.uniform(-0.05, 0.05, 4), 0
        return after, bool(over)

    def move_all(self, right: Array) -> tuple[Array, Array]:
        """Push all poles; a pole that fell starts again."""
        _, speed, angle, spin = self.state.T
        sin, cos = np.sin(angle), np.cos(angle)
        push = (np.where(right, 10.0, -10.0) + 0.05 * spin * spin * sin) / 1.1
        turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos * cos / 1.1))
        go = push - 0.05 * turn * cos / 1.1
        self.state = self.state + 0.02 * np.column_stack([speed, go, spin, turn])
        self.age += 1
        over = (abs(self.state[:, 0]) > 2.4) | (abs(self.state[:, 2]) > 0.2095) | (self.age == 500)
        self.age[over] = 0
        self.state[over] = self.rng.uniform(-0.05, 0.05, (int(over.sum()), 4))
        return self.state.astype(np.float32), over


def dqn_fastnn(steps: int) -> None:
    """Train Q by steps of 64 rows, one an environment step."""
    rng, pole, rows = np.random.default_rng(0), Pole(), np.arange(64)
    q, older = fastnn.MLP([4, 64, 64, 2], seed=0), fastnn.MLP([4, 64, 64, 2], seed=0)
    adam = fastnn.Adam(1e-3, clipnorm=10)
    S, S2 = np.zeros((steps, 4), np.float32), np.zeros((steps, 4), np.float32)
    A, over, state = np.zeros(steps, int), np.zeros(steps, bool), pole.state.astype(np.float32)
    for t in range(steps):
        random = rng.random() < max(0.05, 1 - t / 5000)
        A[t] = rng.integers(2) if random else q.predict(state[None])[0].argmax()
        S[t] = state
        S2[t], over[t] = pole.move(A[t])
        state = pole.state.astype(np.float32)
        if t < 500:
            continue
        b = rng.integers(0, t + 1, 64)
        target = 1 + 0.99 * ~over[b] * older.predict(S2[b]).max(1)
        x, a, G = S[b], A[b], np.zeros((64, 2), np.float32)
        G[rows, a] = (q.predict(x)[rows, a] - target).clip(-1, 1) / 64
        q.train_batch(x, output_gradient=G, optimizer=adam)
        if t % 500 == 0:
            older.params = q.params


def dqn_torch(steps: int) -> None:
    """Train Q with PyTorch, the same way."""
    rng, pole = np.random.default_rng(0), Pole()
    q = torch_layers([4, 64, 64, 2], torch.nn.ReLU)
    older, adam = copy.deepcopy(q), torch.optim.Adam(q.parameters(), 1e-3)
    S, S2 = torch.zeros((steps, 4)), torch.zeros((steps, 4))
    A, over = torch.zeros(steps, dtype=torch.long), torch.zeros(steps, dtype=torch.bool)
    state = torch.from_numpy(pole.state.astype(np.float32))
    for t in range(steps):
        random = rng.random() < max(0.05, 1 - t / 5000)
        with torch.no_grad():
            A[t] = int(rng.integers(2)) if random else q(state[None])[0].argmax()
        S[t] = state
        after, over[t] = pole.move(A[t].item())
        S2[t], state = torch.from_numpy(after), torch.from_numpy(pole.state.astype(np.float32))
        if t < 500:
            continue
        b = torch.from_numpy(rng.integers(0, t + 1, 64))
        with torch.no_grad():
            target = 1 + 0.99 * ~over[b] * older(S2[b]).max(1).values
        loss = torch.nn.functional.huber_loss(q(S[b]).gather(1, A[b, None])[:, 0], target)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(q.parameters(), 10)
        adam.step()
        if t % 500 == 0:
            older.load_state_dict(q.state_dict())


def advantages(V: Array, over: Array) -> Array:
    """Return generalised advantages (Schulman et al. 2016, eq. 16), (steps, n)."""
    A, later = np.zeros(over.shape, np.float32), np.zeros(over.shape[1])
    for t in reversed(range(len(over))):
        later = 1 + 0.99 * ~over[t] * (V[t + 1] + 0.95 * later) - V[t]
        A[t] = later
    return A


def ppo_fastnn(updates: int) -> None:
    """Train two heads by PPO: 16 poles, 128 steps, 4 epochs of 8 batches an update."""
    rng, poles, rows = np.random.default_rng(0), Pole(16), np.arange(256)
    net, adam = (
        fastnn.MLP([4, 64, 64, 3], activation="tanh", seed=0),
        fastnn.Adam(1e-3, clipnorm=0.5),
    )
    state = poles.state.astype(np.float32)
    S, V = np.empty((128, 16, 4), np.float32), np.empty((129, 16), np.float32)
    action, old, over = np.empty((128, 16), int), np.empty((128, 16)), np.empty((128, 16), bool)

    def policy(z: Array) -> Array:  # of two actions: softmax is a sigmoid of the difference
        p = 1 / (1 + np.exp(z[:, 0] - z[:, 1]))
        return np.column_stack([1 - p, p])

    for _ in range(updates):
        for t in range(128):
            out = net.predict(state)
            p = policy(out)
            S[t], V[t], action[t] = state, out[:, 2], rng.random(16) < p[:, 1]
            old[t] = p[rows[:16], action[t]]
            state, over[t] = poles.move_all(action[t])
        V[128] = net.predict(state)[:, 2]
        A = advantages(V, over)
        R, A, a, before, X = (
            (A + V[:-1]).ravel(),
            A.ravel(),
            action.ravel(),
            old.ravel(),
            S.reshape(-1, 4),
        )
        for _ in range(4):
            for b in rng.permutation(2048).reshape(8, 256):
                out, taken, ad = net.predict(X[b]), a[b], A[b]
                p, ad = policy(out), (ad - ad.mean()) / (ad.std() + 1e-8)
                r = p[rows, taken] / before[b]
                free = np.where(ad > 0, r < 1.2, r > 0.8)
                log_p, G = np.log(p), np.empty_like(out)
                G[:, :2] = (free * ad * r)[:, None] * p
                G[rows, taken] -= free * ad * r
                G[:, :2] += 0.01 * p * (log_p - (p * log_p).sum(1, keepdims=True))
                G[:, 2] = out[:, 2] - R[b]
                G /= 256
                net.train_batch(X[b], output_gradient=G, optimizer=adam)


def ppo_torch(updates: int) -> None:
    """Train two heads by PPO with PyTorch, the same way."""
    poles, nn = Pole(16), torch.nn
    body = nn.Sequential(
        nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3)
    )
    adam, Categorical = torch.optim.Adam(body.parameters(), 1e-3), torch.distributions.Categorical
    state = torch.from_numpy(poles.state.astype(np.float32))
    S, V = torch.empty((128, 16, 4)), torch.empty((129, 16))
    action, old = torch.empty((128, 16), dtype=torch.long), torch.empty((128, 16))
    over = np.empty((128, 16), bool)
    for _ in range(updates):
        with torch.no_grad():
            for t in range(128):
                out = body(state)
                chosen = Categorical(logits=out[:, :2])
                S[t], V[t], action[t] = state, out[:, 2], chosen.sample()
                old[t] = chosen.log_prob(action[t])
                after, over[t] = poles.move_all(action[t].numpy())
                state = torch.from_numpy(after)
            V[128] = body(state)[:, 2]
        A = torch.from_numpy(advantages(V.numpy(), over))
        R, A, a, before, X = (
            (A + V[:-1]).ravel(),
            A.ravel(),
            action.ravel(),
            old.ravel(),
            S.reshape(-1, 4),
        )
        for _ in range(4):
            for b in torch.randperm(2048).split(256):
                out, ad = body(X[b]), A[b]
                chosen, ad = Categorical(logits=out[:, :2]), (ad - ad.mean()) / (ad.std() + 1e-8)
                r = (chosen.log_prob(a[b]) - before[b]).exp()
                gain = torch.min(r * ad, r.clamp(0.8, 1.2) * ad).mean()
                value = 0.5 * (out[:, 2] - R[b]).pow(2).mean()
                loss = value - gain - 0.01 * chosen.entropy().mean()
                adam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(body.parameters(), 0.5)
                adam.step()
