"""
A Kalman filter whose model is learnt
=====================================

An extended Kalman filter carries the covariance P of its estimate through the motion f by F P Fᵀ +
Q with F = ∂f/∂x (Jazwinski 1970, ch. 8). Here f is a network that has learnt a pendulum from pairs
of states, and F is ``net.jacobian``; the angle alone is measured, with noise.
"""

import sys

import numpy as np

import fastnn

EPOCHS = 60 if "--quick" in sys.argv else 300
NOISE, STEPS = 0.2, 400  # rad; steps of 0.05 s
rng = np.random.default_rng(0)


def move(state):  # 0.05 s of θ'' = −9.81 sin θ − 0.1 θ', (n, 2) to (n, 2)
    angle, spin = state.T
    for _ in range(50):
        spin = spin + 0.001 * (-9.81 * np.sin(angle) - 0.1 * spin)
        angle = angle + 0.001 * spin
    return np.column_stack([angle, spin])


states = rng.uniform([-3, -7], [3, 7], (4000, 2))
net = fastnn.MLP([2, 32, 32, 2], activation="tanh", dtype="float64", seed=0)
change = move(states) - states
net.standardize(states, change)
net.fit(states, change, epochs=EPOCHS, optimizer=fastnn.Adam(fastnn.schedules.Cosine(0.01)))

truth = [np.array([[2.5, 0.0]])]
for _ in range(STEPS):
    truth.append(move(truth[-1]))
truth = np.concatenate(truth[1:])
measured = truth[:, 0] + rng.normal(0, NOISE, STEPS)

x, P = np.array([2.0, 1.0]), np.diag([0.3, 1.0])
Q, H, R = np.diag([1e-5, 1e-4]), np.array([[1.0, 0.0]]), np.array([[NOISE**2]])
estimates = []
for z in measured:
    F = np.eye(2) + net.jacobian(x[None])[0]
    x, P = x + net.predict(x[None])[0], F @ P @ F.T + Q
    K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
    x, P = x + K @ (z - H @ x), (np.eye(2) - K @ H) @ P
    estimates.append(x)
errors = np.array(estimates)[50:] - truth[50:]
angle, spin = np.sqrt((errors**2).mean(axis=0))
print(f"angle off by {NOISE:.3f} rad as measured, {angle:.3f} as filtered; speed {spin:.3f} rad/s")
