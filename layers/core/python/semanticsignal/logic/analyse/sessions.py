"""What the calendar says: the closes that others watch, the weekend, and whether CME's futures trade."""

from datetime import UTC, datetime, timedelta

from ...domain.analysis import Session

DAY = timedelta(days=1)
SUNDAY = 6
# CME's bitcoin futures began on 2017-12-17 and closed from Friday 16:00 to Sunday 17:00 in Chicago, until they went on
# through the weekend from 2026-05-29 on.
CME_BEGAN, CME_NEVER_CLOSES = datetime(2017, 12, 17, 23, tzinfo=UTC), datetime(2026, 5, 29, 21, tzinfo=UTC)
FRIDAY_CLOSE_H, SUNDAY_OPEN_H = 16, 17


def session(at: datetime) -> Session:
    """At that instant. A day closes at midnight UTC, a week with Sunday's."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    closes, opens = _cme(at, midnight)
    is_there = CME_BEGAN <= at < CME_NEVER_CLOSES
    return Session(
        is_weekend=at.weekday() >= 5,
        daily_close_at=midnight + DAY,
        weekly_close_at=midnight + DAY * (7 - at.weekday()),
        cme_opens_at=opens if is_there and at >= closes else None,
        cme_closes_at=closes if is_there and at < closes else None,
    )


def _cme(at: datetime, midnight: datetime) -> tuple[datetime, datetime]:
    """When the week that began with its last opening closes, and when the next one opens."""
    sunday = midnight - DAY * ((at.weekday() + 1) % 7)
    if at < _chicago(sunday, SUNDAY_OPEN_H):
        sunday -= 7 * DAY
    return _chicago(sunday + 5 * DAY, FRIDAY_CLOSE_H), _chicago(sunday + 7 * DAY, SUNDAY_OPEN_H)


def _chicago(day: datetime, hour: int) -> datetime:
    """That hour in Chicago as UTC. By the rule of 2007: summer from the second Sunday of March to the first of
    November, no matter when on these days, for markets look at the clock in the afternoon."""
    summer = _sunday(day, 3, 8) <= day < _sunday(day, 11, 1)
    return day + timedelta(hours=hour + (5 if summer else 6))


def _sunday(day: datetime, month: int, first: int) -> datetime:
    """The first Sunday on or after that day of the month."""
    begin = day.replace(month=month, day=first)
    return begin + DAY * ((SUNDAY - begin.weekday()) % 7)
