"""
Two softmax heads, and labels that are missing
==============================================

One network says which digit it sees and by how many quarters it was turned. Its outputs are logits
z; each head has the cost −ln p_y with p = softmax(z), whose slope with respect to z_j is p_j −
1[j = y] (Bishop 2006, eq. 4.109). Half of the digits have no label, −1: no cost, and slope 0.
"""

import sys

import numpy as np

import fastnn

EPOCHS = 8 if "--quick" in sys.argv else 40
HEADS = {"digit": slice(0, 10), "turn": slice(10, 14)}
rng = np.random.default_rng(0)


def heads(z, y):  # C of each row and dC/dz, as `fit` wants them
    C, G = np.zeros(len(z)), np.zeros_like(z)
    for head, label in zip(HEADS.values(), y.T, strict=True):
        known = np.flatnonzero(label >= 0)
        e = np.exp(z[known, head] - z[known, head].max(axis=1, keepdims=True))
        p, right = e / e.sum(axis=1, keepdims=True), label[known]
        C[known] -= np.log(p[np.arange(len(known)), right])
        G[known, head] = p - np.eye(p.shape[1])[right]
    return C, G


def turned(images, digits):
    turn = rng.integers(4, size=len(images))
    pictures = images.reshape(-1, 28, 28)
    X = np.stack([np.rot90(p, k) for p, k in zip(pictures, turn, strict=True)])
    return X.reshape(len(images), -1), np.column_stack([digits, turn])


train, test = fastnn.datasets.load_digits()
(X, y), (X_test, y_test) = turned(*train), turned(*test)
y[rng.random(len(y)) < 0.5, 0] = -1
net = fastnn.MLP([784, 128, 14], dropout=0.2, seed=0)
net.fit(X, y, loss=heads, epochs=EPOCHS, validation_data=(X_test, y_test))
z = net.predict(X_test)
for (name, head), right in zip(HEADS.items(), y_test.T, strict=True):
    print(f"{name}: {(z[:, head].argmax(axis=1) == right).mean():.1%} of the test images")
