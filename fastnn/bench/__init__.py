"""Speed of fastnn on this machine: ``fastnn bench``.

`workloads` has the networks, their data, and the cost of a training example; `measure` trains and
predicts them; `report` has the table and the machine that it holds for. ``benchmarks/`` of the
sources measures other libraries on the same workloads.

Private: it may change without notice.
"""
