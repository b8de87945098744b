"""Training of a network: state, epoch loop, and the size of its calls of the core.

Private: it may change without notice.
"""
