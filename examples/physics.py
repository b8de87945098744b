"""
A differential equation as the cost
===================================

The network solves u'' + u = 0, u(0) = 0, u'(0) = 1, and never sees the solution, sin t. The trial
u = t + t² n(t) meets the conditions at 0 whatever n is (Lagaris, Likas and Fotiadis 1998); the cost
is the mean of the squared residuals r = [u(t + h) − 2 u(t) + u(t − h)] / h² + u(t). The three
inputs of a residual are rows of one batch, and the cost's slopes with respect to n are

    ∂C/∂n(t ± h) = 2/m r (t ± h)² / h²,    ∂C/∂n(t) = 2/m r t² (1 − 2 / h²).

In double, h = 1e-3 is off by h²/12 u'''', 1e-7.
"""

import sys

import numpy as np
from scipy.optimize import minimize

import fastnn

ITERATIONS = 400 if "--quick" in sys.argv else 2000
H = 1e-3
t = np.linspace(0, 2 * np.pi, 60)
rows = np.concatenate([t - H, t, t + H])[:, None]
weights = np.repeat([1 / H**2, 1 - 2 / H**2, 1 / H**2], len(t))  # of u in the residual

net = fastnn.MLP([1, 24, 24, 1], activation="tanh", dtype="float64", seed=0)
net.standardize(rows)


def cost(params):
    net.params = params
    u = rows[:, 0] + rows[:, 0] ** 2 * net.predict(rows)[:, 0]
    r = (weights * u).reshape(3, -1).sum(axis=0)
    G = 2 / len(t) * np.tile(r, 3) * weights * rows[:, 0] ** 2
    return (r**2).mean(), net.gradient(rows, output_gradient=G[:, None]).flat


found = minimize(
    cost, net.params, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxfun": 10**5}
)
net.params = found.x
fine = np.linspace(0, 2 * np.pi, 1000)
u = fine + fine**2 * net.predict(fine[:, None])[:, 0]
print(f"{found.nit} iterations, mean squared residual {found.fun:.2g}")
print(f"largest error {abs(u - np.sin(fine)).max():.2g} of sin t on [0, 2 pi]")
