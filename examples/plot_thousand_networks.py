"""
A thousand networks in a thread pool
====================================

Which dose of a drug works best, and how certain is that? A thousand tiny networks answer, each
trained on a bootstrap sample of the same patients: where data are scarce, they differ. Python's
threads are enough to use several cores, as fastnn releases the interpreter's lock while it trains
and predicts. The work under the lock is the same for each epoch: with more examples an epoch, it
matters less, and more cores are useful.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np

import fastnn

N = 60 if "--quick" in sys.argv else 1000
rng = np.random.default_rng(0)

# %%
# Noisy responses of 3,000 patients; hardly any of them had a dose between 3 and 6.


def response(dose):
    return 10 * dose * np.exp(-dose / 4) - 4 / (1 + np.exp(9 - dose))


dose = np.concatenate([rng.uniform(0, 3, 1200), rng.uniform(3, 6, 20), rng.uniform(6, 12, 1780)])
y = response(dose) + rng.normal(0, 4, dose.size)
grid = np.linspace(0, 12, 241)

# %%
# A bootstrap sample has each patient 0, 1, 2, … times, for many patients a Poisson number. As
# ``sample_weight`` it needs no copy. All random numbers depend on the seed alone: the networks are
# the same for any assignment to threads.


def curve(seed):
    net = fastnn.MLP([1, 16, 16, 1], activation="tanh", seed=seed)
    net.standardize(dose[:, None])
    drawn = np.random.default_rng(seed).poisson(1, dose.size)
    adam = fastnn.Adam(fastnn.schedules.Cosine(0.02))
    net.fit(dose[:, None], y / y.std(), epochs=10, sample_weight=drawn, optimizer=adam)
    return y.std() * net.predict(grid[:, None])[:, 0]


cpus = fastnn.get_num_threads()  # as many as this process may use
fastnn.set_num_threads(1)  # for each fit: the pool is what shares out the cores
curves = []
for workers, seeds in ((1, range(N // 4)), (cpus, range(N // 4, N))):
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        curves += pool.map(curve, seeds)
    speed = len(seeds) / (time.perf_counter() - began)
    print(f"{len(seeds)} networks, threads: {workers}, {speed:.0f} networks a second")

# %%
# The best dose of each network, and the agreement between them.
curves = np.array(curves)
best = grid[curves.argmax(axis=1)]
low, middle, high = np.quantile(best, [0.05, 0.5, 0.95])
true = grid[response(grid).argmax()]
print(f"best dose {middle:.2f}, 90 % of the networks {low:.2f} to {high:.2f}; the truth {true:.2f}")
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(dose, y, ".", color="0.75", ms=3, label="patients")
for low, high in ((1, 99), (5, 95), (25, 75)):
    band = np.percentile(curves, (low, high), axis=0)
    left.fill_between(grid, *band, color="C0", alpha=0.3, lw=0, label=f"{high - low} % of them")
left.plot(grid, response(grid), "k:", label="truth")
left.set(xlabel="dose", ylabel="response", title=f"{N} networks")
left.legend()
right.hist(best, bins=np.arange(2, 6, 0.05) - 0.025)
right.axvline(true, color="k", ls=":")
right.set(xlabel="best dose", ylabel="networks", title="Where they have their maximum")
plt.show()
