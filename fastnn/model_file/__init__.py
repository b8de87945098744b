"""Model files: container (the bytes), writing, reading, and recognise (files of other programs)."""
