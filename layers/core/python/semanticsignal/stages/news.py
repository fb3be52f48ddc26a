"""HourPassed → NewsGathered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ..domain import policy
from ..domain.events import HourPassed, NewsGathered
from ..domain.market import Timeframe
from ..domain.news import Article, News
from ..logic.collect.articles import kept
from ..ports import Facts, Sockets
from .gather import gather

HOUR = Timeframe.H1
# More than any of these publishers writes in a day.
EACH = 100


async def news(fact: HourPassed, on: Sockets) -> Facts:
    """An hour is gathered while it lasts: the press of an earlier one cannot be asked for now. What was seen before and
    is not too old is kept, as it was seen then.

    Raises Unavailable while every source is silent: ask again."""
    hour, now = HOUR.floor(fact.at), on.clock.now()
    id = id_of(hour)
    found = await on.archive.get(f"news/{id}", News)
    if found is None:
        if not on.news or not hour <= now < hour + HOUR.span:
            return ()
        told, silent = await gather(on.news, lambda source: source.articles(until=now, limit=EACH))
        seen_at = on.clock.now()
        fresh = (replace(article, seen_at=seen_at) for article in told if article.published_at <= now)
        before = (article for article in await _before(hour, on) if article.seen_at <= now)
        keep = timedelta(hours=on.settings.news.keep_hours)
        found = await on.archive.put(f"news/{id}", News(id, seen_at, kept((*before, *fresh), seen_at, keep), silent))
    return (NewsGathered(id, found.gathered_at),)


async def _before(hour: datetime, on: Sockets) -> tuple[Article, ...]:
    """What stood the last time that the press was read."""
    for hours in range(1, on.settings.news.keep_hours + 1):
        found = await on.archive.get(f"news/{id_of(hour - hours * HOUR.span)}", News)
        if found is not None:
            articles: tuple[Article, ...] = found.articles
            return articles
    return ()


def id_of(hour: datetime) -> str:
    """Under which the press of that hour is kept."""
    return f"news#{hour.isoformat()}"


def keys_before(now: datetime, settings: policy.News) -> Iterator[str]:
    """Of the archive, the newest first, as far back as articles are kept."""
    newest = HOUR.floor(now)
    for back in range(settings.keep_hours + 1):
        yield f"news/{id_of(newest - back * HOUR.span)}"
