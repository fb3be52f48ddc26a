"""Closes, weekends and CME's hours; the oracle is the time zone database."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.logic.analyse.sessions import CME_BEGAN, CME_NEVER_CLOSES, session

CHICAGO = ZoneInfo("America/Chicago")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_wednesday_noon() -> None:
    told = session(utc(2025, 6, 25, 12))

    assert not told.is_weekend
    assert told.daily_close_at == utc(2025, 6, 26)
    assert told.weekly_close_at == utc(2025, 6, 30)
    assert (told.cme_opens_at, told.cme_closes_at) == (None, utc(2025, 6, 27, 21))


def test_a_saturday_waits_for_cme_to_open_on_sunday_in_summer_and_in_winter() -> None:
    assert session(utc(2025, 6, 28)).cme_opens_at == utc(2025, 6, 29, 22)
    assert session(utc(2025, 1, 11)).cme_opens_at == utc(2025, 1, 12, 23)


@pytest.mark.parametrize(
    ("saturday", "opens"),
    [((2025, 3, 8), (2025, 3, 9, 22)), ((2025, 11, 1), (2025, 11, 2, 23))],
    ids=["clocks forward", "clocks back"],
)
def test_the_clocks_change_while_it_is_closed(saturday: tuple[int, ...], opens: tuple[int, ...]) -> None:
    assert session(utc(*saturday)).cme_opens_at == utc(*opens)


def test_an_instant_of_midnight_belongs_to_the_new_day_and_week() -> None:
    told = session(utc(2025, 6, 30))

    assert (told.daily_close_at, told.weekly_close_at, told.is_weekend) == (utc(2025, 7, 1), utc(2025, 7, 7), False)


def test_on_sunday_evening_the_new_week_has_begun() -> None:
    assert session(utc(2025, 6, 29, 21, 59)).cme_opens_at == utc(2025, 6, 29, 22)
    assert session(utc(2025, 6, 29, 22)).cme_closes_at == utc(2025, 7, 4, 21)
    assert session(utc(2025, 6, 29, 23, 30)).cme_closes_at == utc(2025, 7, 4, 21)


# of all that time, a quarter of an hour exact
HOURS = st.integers(0, 4 * 24 * 3083).map(lambda quarters: utc(2017, 12, 18) + timedelta(minutes=15 * quarters))


@given(HOURS)
def test_cme_is_open_when_it_is_in_chicago(at: datetime) -> None:
    local = at.astimezone(CHICAGO)
    hour = local.weekday() * 24 + local.hour
    is_open = hour < 4 * 24 + 16 or hour >= 6 * 24 + 17

    told = session(at)

    assert (told.cme_closes_at is not None, told.cme_opens_at is None) == (is_open, is_open)
    turns = told.cme_closes_at or told.cme_opens_at
    assert turns is not None and at < turns <= at + timedelta(days=7, hours=1)
    there = turns.astimezone(CHICAGO)
    assert (there.weekday(), there.hour, there.minute) == ((4, 16, 0) if is_open else (6, 17, 0))


@pytest.mark.parametrize("at", [CME_BEGAN - timedelta(hours=1), CME_NEVER_CLOSES, utc(2026, 11, 28)])
def test_before_it_began_and_since_it_never_closes_there_is_no_gap_to_speak_of(at: datetime) -> None:
    told = session(at)

    assert (told.cme_opens_at, told.cme_closes_at) == (None, None)
