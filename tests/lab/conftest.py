"""Fixtures of the tests of the local page: sessions on networks of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_helpers import SUBJECTS, Call, caller

from fastnn import SGD
from fastnn.explain.answers.subject import Subject
from fastnn.lab.session import Session
from fastnn.lab.trainer import Settings


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each of the networks with its examples."""
    return SUBJECTS[request.param]()


@pytest.fixture
def session(subject: Subject) -> Iterator[Session]:
    """A session on each of the networks."""
    made = Session(subject, Settings(SGD(0.1), 10))
    yield made
    made.close()


@pytest.fixture
def call(session: Session) -> Call:
    """A call as a page makes it: there and back as bytes."""
    return caller(session)
