"""Answers to the calls of the page, as plain values and arrays, made from the views.

Each module has functions of a `Subject` (network, examples and their names) and the arguments of
one call. `fastnn lab` sends what they return, and `page` records it: no number and no sentence of
the page comes from anywhere else. Layers are 1 … L, as in the view of nudges; the weights of layer
l lead into it, so they are ``net.weights[l - 1]``.
"""
