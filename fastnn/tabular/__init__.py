"""Networks on tables of raw cells: `TableModel`, and the data of the command line.

Private: it may change without notice.
"""
