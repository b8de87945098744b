"""The local page: a server of the standard library, and the session that answers its calls.

- trainer.py: training of the network in a thread, which others may read between its calls;
- session.py: the calls;
- server.py: HTTP for this computer and this user alone.

Private: it may change without notice.
"""
