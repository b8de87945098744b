"""Streams of examples that need not fit into memory: sources of blocks, and shuffled buffers.

Private: it may change without notice.
"""
