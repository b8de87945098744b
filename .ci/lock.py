"""Print whether this Python has a global lock; importing fastnn must not switch it on."""

import sys
import sysconfig

if sysconfig.get_config_var("Py_GIL_DISABLED"):
    import fastnn  # noqa: F401

    assert not sys._is_gil_enabled(), "importing fastnn switched the lock on"
    print("no lock")
else:
    print("a lock")
