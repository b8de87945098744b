"""The folders of the project, for tests that read more than they import.

``ROOT / "csrc"`` and the like are missing beside the tests of a wheel.
"""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
