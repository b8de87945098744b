"""
A deep ensemble that knows what it does not know
================================================

Eight networks with a mean and a variance each (Lakshminarayanan et al. 2017) learn the power of a
wind turbine from the speed of the wind. No storm is among the data: there they disagree, and the
ensemble says that it is not certain.
"""

import sys

import numpy as np

import fastnn

N, EPOCHS = (1500, 40) if "--quick" in sys.argv else (20_000, 60)
rng = np.random.default_rng(0)


def power(speed):
    return 1 / (1 + np.exp(-(speed - 8)))


# %%
# Measurements up to 15 m/s; they scatter most where the power rises.
speed = rng.uniform(2, 15, (N, 1))
noise = 0.02 + 0.4 * power(speed[:, 0]) * (1 - power(speed[:, 0]))
measured = power(speed[:, 0]) + noise * rng.normal(size=N)

nets = [fastnn.MLP([1, 32, 32, 2], loss="gaussian_nll", seed=seed) for seed in range(8)]
for net in nets:
    net.standardize(speed, measured)
ensemble = fastnn.Ensemble(nets)
ensemble.fit(speed, measured, epochs=EPOCHS, optimizer=fastnn.Adam(fastnn.schedules.Cosine(0.01)))

# %%
# Of new measurements, nine in ten should be within 1.645 standard deviations of the mean.
new = rng.uniform(2, 15, (5000, 1))
noise = 0.02 + 0.4 * power(new[:, 0]) * (1 - power(new[:, 0]))
truth = power(new[:, 0]) + noise * rng.normal(size=len(new))
mean, std = ensemble.mean(new)[:, 0], ensemble.std(new)[:, 0]
held = np.mean(abs(truth - mean) < 1.645 * std)
inside, outside = ensemble.std([[12.0], [40.0]])[:, 0]
print(f"intervals of 90 % hold {100 * held:.1f} % of new measurements")
print(f"standard deviation at 12 m/s: {inside:.3f}, at 40 m/s: {outside:.3f}")
