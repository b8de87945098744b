"""
Hyperparameters by Optuna
=========================

Width, depth, dropout and learning rate of a digit reader, searched for by Optuna's sampler. A
callback reports each epoch to Optuna and, if the trial is worse than most were at that epoch,
raises Optuna's exception for a pruned trial, which passes through ``fit`` like any other.

    pip install optuna
    python examples/optuna_search.py [--trials 30] [--jobs 1]

With more jobs, trials run in parallel threads: fastnn releases the interpreter's lock.
"""

import argparse

import optuna

import fastnn

parser = argparse.ArgumentParser()
parser.add_argument("--trials", type=int, default=30)
parser.add_argument("--jobs", type=int, default=1, help="trials at a time")
parser.add_argument("--quick", action="store_true", help="8 trials of 3 epochs")
options = parser.parse_args()
TRIALS, EPOCHS = (8, 3) if options.quick else (options.trials, 10)

(X, y), (X_test, y_test) = fastnn.datasets.load_digits()  # 4,000 and 1,000
validation = (X[3200:], y[3200:])


def fit(params, X, y, **arguments):
    hidden = [params["width"]] * params["depth"]
    net = fastnn.MLP([784, *hidden, 10], output="softmax", dropout=params["dropout"], seed=0)
    adam = fastnn.Adam(fastnn.schedules.Cosine(params["lr"]))
    net.fit(X, y, epochs=EPOCHS, optimizer=adam, **arguments)
    return net


# %%
# The objective, and the callback: a function that is called after each epoch.


def objective(trial):
    params = {
        "width": trial.suggest_int("width", 16, 256, log=True),
        "depth": trial.suggest_int("depth", 1, 3),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "lr": trial.suggest_float("lr", 1e-4, 3e-2, log=True),
    }

    def prune(run, logs):
        trial.report(logs["val_accuracy"], run.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    net = fit(params, X[:3200], y[:3200], validation_data=validation, callbacks=[prune])
    return net.history.val_accuracy[-1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler, pruner = optuna.samplers.TPESampler(seed=0), optuna.pruners.MedianPruner(n_warmup_steps=2)
study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
study.optimize(objective, n_trials=TRIALS, n_jobs=options.jobs)

# %%
# The best settings, trained once more on all images but the test images. The validation accuracy of
# the best of many trials is too optimistic; no trial has seen the test images.
pruned = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
print(f"{len(study.trials)} trials, {len(pruned)} of them pruned; the best:", study.best_params)
test_accuracy = fit(study.best_params, X, y).evaluate(X_test, y_test)["accuracy"]
print(f"validation accuracy {study.best_value:.1%}, test accuracy {test_accuracy:.1%}")
