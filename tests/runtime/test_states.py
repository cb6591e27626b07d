"""Every status with every event: what the tables allow is allowed, all else raises."""

from __future__ import annotations

import itertools

import pytest

from asstream.runtime import states

TABLES = {"thread.run.step.": states.STEP, "thread.run.": states.RUN, "thread.message.": states.MESSAGE}


def pairs() -> list[tuple[str | None, str, str | None]]:
    """(status, event, where it leads to, or None when it is not allowed), for every table."""
    found = []
    for table in TABLES.values():
        events = sorted({event for row in table.values() for event in row})
        for status, event in itertools.product(table, events):
            found.append((status, event, table[status].get(event)))
    return found


@pytest.mark.parametrize(("status", "event", "leads_to"), pairs())
def test_a_status_takes_the_events_of_its_row_alone(
    status: str | None, event: str, leads_to: str | None
) -> None:
    if leads_to is None:
        with pytest.raises(states.IllegalEvent, match="can't follow"):
            states.after(event, status)
    else:
        assert states.after(event, status) == leads_to


def test_a_status_that_an_event_leads_to_has_a_row() -> None:
    for table in TABLES.values():
        assert {status for row in table.values() for status in row.values()} <= set(table)


def test_nothing_follows_an_end() -> None:
    for status in states.TERMINAL:
        assert states.RUN[status] == {}


def test_the_active_statuses_are_those_that_are_no_end() -> None:
    assert set(states.RUN) - {None} == {*states.ACTIVE, *states.TERMINAL}


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(states.IllegalEvent, match="no event of a run"):
        states.after("thread.created", None)
