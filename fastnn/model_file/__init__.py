"""Model files: container (the bytes), writing, reading, and recognise (files of other programs).

Private: it may change without notice.
"""
