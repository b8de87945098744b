"""
Tabular regression with uncertainty
===================================

How many bikes will be hired in the next hour? A mean of two hundred is half an answer: those who
distribute them want a range that holds nine times in ten. Trained by the quantile loss at 0.95, a
network learns, for each input, the value that 95 % of outcomes stay below: no bell curve and no
constant width is assumed.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import fastnn

QUICK = "--quick" in sys.argv
rng = np.random.default_rng(0)

# %%
# The data are generated, so the true quantiles are known: hour, temperature in °C, day off or not,
# rain or not; and hires, whose noise is skewed and grows with their mean, and more so in rain.


def hires(hour, temperature, off, rain):
    rush = np.exp(-(((hour - 8) / 1.5) ** 2)) + np.exp(-(((hour - 17.5) / 2) ** 2))
    leisure = np.exp(-(((hour - 14) / 4) ** 2))
    mean = 20 + np.where(off, 260 * leisure, 330 * rush + 60 * leisure)
    mean *= (1 - 0.5 * rain) / (1 + np.exp((12 - temperature) / 5))
    return mean * np.where(rain, rng.gamma(4, 1 / 4, mean.shape), rng.gamma(20, 1 / 20, mean.shape))


n = 8_000 if QUICK else 40_000
hour, temperature = rng.uniform(0, 24, n), rng.normal(13, 8, n)
X = np.column_stack([hour, temperature, rng.random(n) < 2 / 7, rng.random(n) < 0.15])
(X, X_test), (y, y_test) = np.split(X, [n * 3 // 4]), np.split(hires(*X.T), [n * 3 // 4])

# %%
# One network a quantile. Inputs keep their units: ``standardize`` makes the network scale them. For
# comparison: the mean squared error, and one range of its residuals for all.


def trained(**loss):
    net = fastnn.MLP([4, 64, 64, 1], activation="silu", seed=0, **loss)
    net.standardize(X)
    adam = fastnn.Adam(fastnn.schedules.Cosine(0.005))
    net.fit(X, y / y.std(), epochs=40, batch_size=128, optimizer=adam)
    return lambda rows: y.std() * net.predict(rows)[:, 0]


low, middle, high = (trained(loss="quantile", quantile=q) for q in (0.05, 0.5, 0.95))
mean = trained(loss="mse")
below, above = np.quantile(y - mean(X), [0.05, 0.95])

# %%
# The range should hold 90 % of the rows that were held out: of all, and of every group.
inside = (low(X_test) <= y_test) & (y_test <= high(X_test))
one_width = abs(y_test - mean(X_test) - (below + above) / 2) <= (above - below) / 2
hour, temperature, off, _ = X_test.T
rush = (off == 0) & (temperature > 12) & ((abs(hour - 8) < 1) | (abs(hour - 17.5) < 1))
print("of test rows within         quantiles   one width for all")
for name, rows in {"all": hour >= 0, "warm rush hours": rush, "nights": hour < 5}.items():
    print(f"{name:<28}{inside[rows].mean():9.1%}{one_width[rows].mean():20.1%}")

# %%
# Two working days, beside true quantiles from many draws. Only 15 % of the rows are rainy.
hours = np.linspace(0, 24, 200)
_, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, rain, title in zip(axes, (0, 1), ("dry", "rain"), strict=True):
    rows = np.column_stack([hours, *np.full((200, 3), (18, 0, rain)).T])
    draws = hires(*rows.repeat(2000, axis=0).T).reshape(200, 2000)
    ax.fill_between(hours, low(rows), high(rows), alpha=0.3, label="5 % to 95 %, learnt")
    ax.plot(hours, middle(rows), label="median, learnt")
    ax.plot(hours, np.quantile(draws, [0.05, 0.95], axis=1).T, "k:", lw=1)
    ax.set(title=f"A working day at 18 °C, {title}; dotted: true", xlabel="hour", xlim=(0, 24))
axes[0].set(ylabel="hires an hour", ylim=(0, None))
axes[1].legend()
plt.show()
