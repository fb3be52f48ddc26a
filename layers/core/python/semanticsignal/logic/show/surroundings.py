"""What decisions see beyond the bars, as the page shows it: the press, the whole market, book, flow and funding.

Absent is None, never 0. Foreign text is one line of bounded length, without what cannot be seen; an address is None
unless it is one of the web."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from unicodedata import category
from urllib.parse import urlsplit

from ...domain.analysis import BookView, Flow, Regime, Snapshot
from ...domain.context import MarketContext, Reading
from ...domain.decision import Decision
from ...domain.microstructure import FundingQuote, OpenInterest
from ...domain.news import Article, Excerpt, News

TITLE, TEXT, NAME, WHY = 300, 280, 60, 300
# Of each name: a week of days, and some more.
HISTORY = 14


@dataclass(frozen=True, slots=True)
class GapView:
    """What told nothing, or is not there, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ArticleView:
    """`published_at` is the publisher's claim; `seen_at` is when we first had it."""

    id: str
    source: str
    title: str
    text: str
    url: str | None
    published_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class NewsView:
    """The newest first. `gathered_at` is None when nothing was read within the hours that articles are kept."""

    gathered_at: datetime | None
    articles: tuple[ArticleView, ...]
    silent: tuple[GapView, ...]


@dataclass(frozen=True, slots=True)
class PointView:
    at: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class FigureView:
    """`value` is None from `stale_at` on, and `history` is then empty; else it is oldest first and ends with `value`.
    `unit`: usd, ratio (1 is the whole) or points (of 100)."""

    name: str
    value: Decimal | None
    unit: str
    true_at: datetime
    stale_at: datetime
    source: str
    history: tuple[PointView, ...]


@dataclass(frozen=True, slots=True)
class ContextView:
    """By name. `gathered_at` is None when nothing was gathered lately."""

    gathered_at: datetime | None
    readings: tuple[FigureView, ...]
    silent: tuple[GapView, ...]


@dataclass(frozen=True, slots=True)
class FundingView:
    """Of the perpetual, for one interval and simple over a year. None: the venue does not say its interval."""

    at: datetime
    rate_ratio: Decimal
    annualized_ratio: Decimal | None
    interval_s: int | None
    perpetual: str
    source: str


@dataclass(frozen=True, slots=True)
class InterestView:
    """Of the perpetual: in base and in quote, None where it is not told."""

    at: datetime
    quantity: Decimal | None
    notional_quote: Decimal | None
    perpetual: str
    source: str


@dataclass(frozen=True, slots=True)
class ExcerptView:
    """What of an article a decision was shown, and how much it was taken to be about the pair."""

    id: str
    source: str
    title: str
    text: str
    url: str | None
    published_at: datetime
    seen_at: datetime
    score: float


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """`completeness_ratio`: of the bars; `score_ratio`: of everything that could be known. `flags`: what was not as it
    should be, in words; `is_disputed`: another venue's price was another."""

    id: str
    symbol: str
    timeframe: str
    closed_at: datetime
    seen_at: datetime
    source: str
    is_simulated: bool
    completeness_ratio: float
    score_ratio: float
    is_disputed: bool
    flags: tuple[str, ...]
    missing: tuple[GapView, ...]
    book: BookView | None
    flow: Flow | None
    funding: FundingView | None
    interest: InterestView | None
    readings: tuple[FigureView, ...]
    news: tuple[ExcerptView, ...]
    price: Decimal
    bars: int
    regime: Regime
    indicators: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ConditionView:
    name: str
    word: str


@dataclass(frozen=True, slots=True)
class Seen:
    """`snapshot` is None when the archive no longer has it; `conditions`: the state of the market in words, as memory
    compares it, which the decision itself keeps."""

    decision_id: str
    snapshot: SnapshotView | None
    conditions: tuple[ConditionView, ...]


def news(noun: News | None, limit: int) -> NewsView:
    if noun is None:
        return NewsView(None, (), ())
    newest = sorted(noun.articles, key=lambda a: (a.published_at, a.id), reverse=True)
    return NewsView(noun.gathered_at, tuple(_article(one) for one in newest[:limit]), _gaps(noun.silent))


def context(noun: MarketContext | None, at: datetime) -> ContextView:
    if noun is None:
        return ContextView(None, (), ())
    return ContextView(noun.gathered_at, figures(noun.readings, at), _gaps(noun.silent))


def figures(readings: Iterable[Reading], at: datetime) -> tuple[FigureView, ...]:
    """The newest true by `at` of each name, those too old without their value: whose it was, and since when."""
    told: dict[str, list[Reading]] = {}
    for reading in sorted(readings, key=lambda r: (r.name, r.true_at, r.value, r.source)):
        if reading.true_at <= at:
            told.setdefault(reading.name, []).append(reading)
    return tuple(_figure(one, at) for one in told.values())


def snapshot(noun: Snapshot) -> SnapshotView:
    return SnapshotView(
        id=noun.id,
        symbol=str(noun.symbol),
        timeframe=noun.timeframe,
        closed_at=noun.closed_at,
        seen_at=noun.seen_at,
        source=noun.source,
        is_simulated=noun.is_simulated,
        completeness_ratio=noun.completeness_ratio,
        score_ratio=noun.score_ratio,
        is_disputed=noun.is_disputed,
        flags=tuple(_line(flag, WHY) for flag in noun.flags),
        missing=_gaps(noun.missing),
        book=noun.book,
        flow=noun.flow,
        funding=_funding(noun.funding) if noun.funding else None,
        interest=_interest(noun.interest) if noun.interest else None,
        readings=figures(noun.readings, noun.seen_at),
        news=tuple(_excerpt(one) for one in noun.news),
        price=noun.price,
        bars=noun.bars,
        regime=noun.regime,
        indicators=noun.indicators,
    )


def seen(decision: Decision, noun: Snapshot | None) -> Seen:
    words = tuple(ConditionView(name, word) for name, word in decision.conditions.labels.items())
    return Seen(decision.id, snapshot(noun) if noun else None, words)


def _article(noun: Article) -> ArticleView:
    return ArticleView(
        id=noun.id,
        source=_line(noun.source, NAME),
        title=_line(noun.title, TITLE),
        text=_line(noun.body, TEXT),
        url=_address(noun.url),
        published_at=noun.published_at,
        seen_at=noun.seen_at,
    )


def _excerpt(noun: Excerpt) -> ExcerptView:
    return ExcerptView(
        id=noun.id,
        source=_line(noun.source, NAME),
        title=_line(noun.title, TITLE),
        text=_line(noun.text, TEXT),
        url=_address(noun.url),
        published_at=noun.published_at,
        seen_at=noun.seen_at,
        score=noun.score,
    )


def _figure(told: list[Reading], at: datetime) -> FigureView:
    newest = told[-1]
    fresh = at < newest.stale_at
    return FigureView(
        name=_line(newest.name, NAME),
        value=newest.value if fresh else None,
        unit=newest.unit,
        true_at=newest.true_at,
        stale_at=newest.stale_at,
        source=_line(newest.source, NAME),
        history=tuple(PointView(one.true_at, one.value) for one in told[-HISTORY:]) if fresh else (),
    )


def _funding(noun: FundingQuote) -> FundingView:
    return FundingView(
        noun.at, noun.rate_ratio, noun.annualized_ratio, noun.interval_s, _line(noun.perpetual, NAME), noun.source
    )


def _interest(noun: OpenInterest) -> InterestView:
    return InterestView(noun.at, noun.quantity, noun.notional_quote, _line(noun.perpetual, NAME), noun.source)


def _gaps(told: Mapping[str, str]) -> tuple[GapView, ...]:
    return tuple(GapView(_line(name, NAME), _line(why, WHY)) for name, why in sorted(told.items()))


def _line(text: str, limit: int) -> str:
    """Nothing that turns the direction of reading, hides or breaks a line; cut at a word where there is one."""
    # Cut before it is looked at: no text is worth more than what is shown of it.
    letters = (" " if c.isspace() else c for c in text[: 4 * limit] if c.isspace() or category(c)[0] != "C")
    line = " ".join("".join(letters).split())
    return line if len(line) <= limit else line[: limit - 1].rsplit(None, 1)[0] + "…"


def _address(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return url if is_web and url.isprintable() and not any(c.isspace() for c in url) else None
