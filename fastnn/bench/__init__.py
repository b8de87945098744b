"""Speed of fastnn on this machine: ``fastnn bench``.

`workloads`       the networks, their data, and what a training example costs
`reference`       the same networks in plain NumPy: initial weights, and the loss that all are
                  judged by
`contenders`      one small module a library, imported in a process of its own
`child`, `crew`   that process, and how it is started and spoken to
`runner`          the method: check that all learn the same, warm up, take turns, compare
`report`          the table, as text, Markdown and JSON; the machine that it holds for
================  ==============================================================================

Nothing else of fastnn imports this package, and it imports no other library before it is asked to.

Private: it may change without notice.
=======
`workloads` has the networks, their data, and the cost of a training example; `measure` trains and
predicts them; `report` has the table and the machine that it holds for. ``benchmarks/`` of the
sources measures other libraries on the same workloads.

Private: it may change without notice.
"""
