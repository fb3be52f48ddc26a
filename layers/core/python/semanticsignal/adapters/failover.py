"""MarketData made of MarketDatas: each question goes to the first venue that can answer it now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from math import ceil, exp2
from typing import NamedTuple, Protocol, TypeVar

from ..domain.collected import Part
from ..domain.errors import Blocked, InvalidSymbol, Maintenance, MarketUnavailable, NotOffered, RateLimited
from ..domain.market import EPOCH, Alone, Candles, FundingRate, Symbol, Timeframe, TradingRules
from ..domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades, Quote
from ..ports import NOBODY, MarketData, Sources

log = logging.getLogger(__name__)
T = TypeVar("T")
Ask = Callable[[MarketData], Awaitable[T]]

# How long a venue is left alone, seconds.
LIMITED_S, BLOCKED_S, MAINTENANCE_S = 60.0, 3_600.0, 300.0
TRIP_S, LONGEST_TRIP_S, TRIPS_AT = 30.0, 600.0, 3
# No rest ends later from now: one that seems to was begun by a clock that has been set back since.
LONGEST_REST = timedelta(days=3)
# Doublings after which it is long at its longest; a float has an end.
MOST_TRIPS = 8
REFUSED = timedelta(hours=1)
RULES_LAST = timedelta(hours=1)
REFUSALS = 20_000
# Each answer moves the score this far towards 1 or 0; untouched, what is missing to 1 halves in so many seconds.
WEIGHT, HALF_LIFE_S, LOW = 0.2, 600.0, 0.5
# Of a question that was put to a venue's other half.
ELSEWHERE = -1
# Bars that one answer holds on most venues: a longer question may take longer.
PAGE_BARS = 1_000
SAID, SAID_ALL = 140, 1_000
# Minutes without a trade, from which on another venue is asked: some answers only look like a quiet market. Fewer where
# a fill waits for the answer: one venue without bars would veto every one.
QUIET, UNFILLED = 5, 2
# Who is asked for the time, and how near two of them have to be.
TIMEKEEPERS, ALIKE_S = 3, 2.0
# What a plug stumbles over when its venue tells nonsense that it did not foresee.
FOREIGN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


class Venue(MarketData, Protocol):
    """One that is opened before it is asked, and closed."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ahead_s(self) -> float | None:
        """How far our clock is ahead of its; None where it tells no time."""
        ...


class Health(NamedTuple):
    """`score_ratio`: near 1 when it lately answered. `open_until`: it is left alone until then, `reason` says why."""

    name: str
    score_ratio: float
    open_until: datetime | None
    reason: str


class _Nothing(NotOffered):
    """An empty answer where another venue may have one. It may be another in a minute: nobody keeps it in mind."""


class _Topic(NamedTuple):
    symbol: Symbol
    what: str


class _Seat:
    """A venue and how it fares. Its circuit is closed, or open until an instant; after it one trial decides."""

    def __init__(self, name: str, market: Venue, place: int) -> None:
        self.name, self.market, self.place = name, market, place
        self.open_until: datetime | None = None
        self.reason = ""
        self.trial: asyncio.Future[None] | None = None
        # the same venue, asked for something else: it may be one limit that both are under
        self.twin: _Seat | None = None
        # how often the circuit opened or closed: an answer to a question from before says nothing about now
        self.era = 0
        self._is_limited = False
        self._failures = self._trips = 0
        self._score, self._scored_at = 1.0, EPOCH
        self._refusals: dict[_Topic, tuple[datetime, InvalidSymbol | NotOffered]] = {}

    def score(self, now: datetime) -> float:
        # either way: a clock that was set back shall not keep a score as it is
        passed_s = abs((now - self._scored_at).total_seconds())
        return 1 - (1 - self._score) * exp2(-passed_s / HALF_LIFE_S)

    def rests(self, now: datetime) -> bool:
        return self.open_until is not None and now < self.open_until <= now + LONGEST_REST

    def is_due(self, now: datetime) -> bool:
        """Its rest is over, and nobody tries it yet."""
        return self.open_until is not None and not self.rests(now) and self.trial is None

    def is_ready(self, now: datetime) -> bool:
        return self.open_until is None or self.is_due(now)

    def must_rest(self, now: datetime) -> bool:
        """It asked for it: not even when nobody else is left."""
        return self._is_limited and self.rests(now)

    def answered(self, now: datetime, era: int) -> None:
        self._mark(1.0, now)
        if era == self.era:
            self._failures = self._trips = 0
            if self.open_until is not None:
                self.era += 1
                self.open_until, self.reason = None, ""

    def failed(self, wrong: MarketUnavailable, now: datetime, era: int) -> None:
        if era == self.era:
            self._mark(0.0, now)
        match wrong:
            case RateLimited():
                # also from an older question: what a venue says about waiting is true from now on
                wait = LIMITED_S if wrong.wait_s is None else max(wrong.wait_s, 1.0)
                self._rest(wait, wrong, now)
            case _ if era != self.era:
                pass
            case Blocked():
                self._rest(BLOCKED_S, wrong, now)
            case Maintenance():
                self._rest(MAINTENANCE_S, wrong, now)
            case _:
                self._stumbled(wrong, now)

    def _stumbled(self, wrong: MarketUnavailable, now: datetime) -> None:
        self._failures += 1
        # asked while it rests, since nobody else was left: that makes its rest no longer
        if self.rests(now) or (self.open_until is None and self._failures < TRIPS_AT):
            return
        rest_s = min(TRIP_S * 2**self._trips, LONGEST_TRIP_S)
        self._trips = min(self._trips + 1, MOST_TRIPS)
        self._rest(rest_s, wrong, now)

    def _rest(self, rest_s: float, wrong: MarketUnavailable, now: datetime) -> None:
        until = now + min(timedelta(seconds=rest_s), LONGEST_REST)
        if self.open_until is None or not self.rests(now) or until > self.open_until:
            self._is_limited = isinstance(wrong, RateLimited) or self.must_rest(now)
            self.era += 1
            self.open_until, self.reason = until, _line(wrong)
            log.warning(
                "%s is left alone until %s: %s", self.name, f"{until:%H:%M:%S}", self.reason, extra={"about": self.name}
            )

    def _mark(self, result: float, now: datetime) -> None:
        self._score = (1 - WEIGHT) * self.score(now) + WEIGHT * result
        self._scored_at = now

    def refused(self, topic: _Topic, wrong: InvalidSymbol | NotOffered, now: datetime) -> None:
        if len(self._refusals) >= REFUSALS:
            self._refusals.clear()
        self._refusals[_known(topic, wrong)] = (now + REFUSED, wrong)

    def refusal(self, topic: _Topic, now: datetime) -> InvalidSymbol | NotOffered | None:
        for key in (topic, _Topic(topic.symbol, "")):
            until, wrong = self._refusals.get(key, (now, None))
            if wrong is not None and now < until <= now + REFUSED:
                return wrong
        return None


class Failover:
    """Asks in the order given, but those who fare badly last; each answer names its own source.

    A venue that limits, blocks, is closed or fails time after time is left alone for a while, and then tried by one
    question before all others follow. `timeout_s` bounds each venue's answer, `patience_s` all of them together; for
    more than a page of bars both grow with the pages. That a pair is not listed, or a thing not told, is no fault.
    What moves money keeps to one venue: settlements are the first's, and a pair's rules stay those first read."""

    def __init__(
        self,
        venues: Sequence[tuple[str, Venue]],
        *,
        clock: Callable[[], datetime],
        timeout_s: float = 8.0,
        patience_s: float = 24.0,
    ) -> None:
        self._seats = [_Seat(name, market, place) for place, (name, market) in enumerate(venues)]
        # perpetuals are told by another host on most venues, which is blocked or down by itself
        self._perpetuals = [_Seat(f"{name} perpetuals", market, place) for place, (name, market) in enumerate(venues)]
        for seat, twin in zip(self._seats, self._perpetuals, strict=True):
            seat.twin, twin.twin = twin, seat
        self._clock, self._timeout_s, self._patience_s = clock, timeout_s, patience_s
        self._rules: dict[Symbol, tuple[datetime, TradingRules]] = {}

    async def open(self) -> None:
        """Loads what the first venue needs; the others do so when they are first asked. Raises InvalidSetting."""
        await self._seats[0].market.open()

    async def close(self) -> None:
        await asyncio.gather(*(seat.market.close() for seat in self._seats))

    def health(self) -> tuple[Health, ...]:
        """Of each venue, in the order asked when all are well; then of those whose perpetuals are left alone."""
        now = self._clock()
        seats = [*self._seats, *(seat for seat in self._perpetuals if seat.open_until is not None)]
        return tuple(Health(seat.name, seat.score(now), seat.open_until, seat.reason) for seat in seats)

    async def ahead_s(self) -> float | None:
        """How far our clock is ahead, as two of the first venues tell alike, or one and our clock; where there is one
        alone, as that one tells: Alone. None where no two do: one that tells a false time moves nothing. A venue and
        its mirror are one."""
        operators: dict[tuple[str, ...], list[_Seat]] = {}
        for seat in self._seats:
            operators.setdefault(seat.market.sources, []).append(seat)
        asked = list(operators.values())[:TIMEKEEPERS]
        answers = await asyncio.gather(*(self._ahead_of(seats) for seats in asked))
        told = [answer for answer in answers if answer is not None]
        if len(asked) == 1:
            return Alone(told[0]) if told else None
        alike = next((one for one, other in combinations(told, 2) if abs(one - other) <= ALIKE_S), None)
        return alike if alike is not None else next((one for one in told if abs(one) <= ALIKE_S), None)

    async def _ahead_of(self, seats: list[_Seat]) -> float | None:
        """As one operator tells: its mirror where the first address is closed."""
        for seat in seats:
            try:
                async with asyncio.timeout(self._timeout_s):
                    told = await seat.market.ahead_s()
            except (MarketUnavailable, TimeoutError, *FOREIGN):
                continue
            if told is not None:
                return told
        return None

    @property
    def is_simulated(self) -> bool:
        return self._seats[0].market.is_simulated

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source for seat in self._seats for source in seat.market.sources))

    @property
    def offers(self) -> frozenset[Part]:
        return frozenset().union(*(seat.market.offers for seat in self._seats))

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        async def ask(venue: MarketData) -> Candles:
            candles = await venue.candles(symbol, timeframe, until=until, limit=limit, besides=besides)
            if not len(candles):
                raise _Nothing(f"{candles.source} tells no bars of {symbol}")
            return candles

        return await self._answer(ask, _Topic(symbol, f"bars of {timeframe}"), besides=besides, bars=limit)

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        still: list[Candles] = []

        async def ask(venue: MarketData) -> Candles:
            bars = await venue.fine_candles(symbol, since=since, until=until, besides=besides)
            if not len(bars) and _minutes(since, until) >= QUIET:
                still.append(bars)
                raise _Nothing(f"{bars.source} tells of no trade in {symbol}")
            return bars

        asked = self._answer(ask, _Topic(symbol, "finest bars"), besides=besides, bars=_minutes(since, until))
        return await _or_still(asked, still)

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        still: list[Quote | None] = []

        async def ask(venue: MarketData) -> Quote | None:
            first = await venue.first_open(symbol, since=since, until=until, besides=besides)
            # a second opinion is one that was told
            if first is None and (besides or _minutes(since, until) >= UNFILLED):
                still.append(first)
                raise _Nothing(f"{', '.join(venue.sources)} tells no minute of {symbol}")
            return first

        asked = self._answer(ask, _Topic(symbol, "first price"), besides=besides, bars=_minutes(since, until))
        return await _or_still(asked, still)

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        def ask(venue: MarketData) -> Awaitable[Quote | None]:
            return venue.last_price(symbol, until=until, besides=besides)

        return await self._answer(ask, _Topic(symbol, "last price"), besides=besides)

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        def ask(venue: MarketData) -> Awaitable[tuple[FundingRate, ...]]:
            return venue.funding(symbol, since=since, until=until)

        return await self._answer(ask, _Topic(symbol, "settlements"), seats=self._seats[:1])

    async def rules(self, symbol: Symbol) -> TradingRules:
        """Those that were read last, for an hour: a venue that told a false tick once shall not hold up exits until the
        process ends. Older ones stand while nobody answers."""
        now = self._clock()
        read_at, known = self._rules.get(symbol, (None, None))
        if known is not None and read_at is not None and abs(now - read_at) < RULES_LAST:
            return known
        try:
            rules = await self._answer(lambda venue: venue.rules(symbol), _Topic(symbol, "rules"))
        except MarketUnavailable:
            if known is None:
                raise
            rules = known
        self._rules[symbol] = (now, rules)
        return rules

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        return await self._part(Part.BOOK, symbol, lambda venue: venue.book(symbol, until=until))

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        still: list[PublicTrades] = []

        async def ask(venue: MarketData) -> PublicTrades:
            told = await venue.trades(symbol, until=until)
            if not told.trades:
                still.append(told)
                raise _Nothing(f"{told.source} tells of no trade in {symbol}")
            return told

        return await _or_still(self._part(Part.TRADES, symbol, ask), still)

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        return await self._part(Part.FUNDING, symbol, lambda venue: venue.funding_quote(symbol, until=until))

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        return await self._part(Part.INTEREST, symbol, lambda venue: venue.open_interest(symbol, until=until))

    async def _part(self, part: Part, symbol: Symbol, ask: Ask[T]) -> T:
        of = self._perpetuals if part in (Part.FUNDING, Part.INTEREST) else self._seats
        seats = [seat for seat in of if part in seat.market.offers]
        if not seats:
            raise NotOffered(f"no venue tells {part}, was {', '.join(seat.name for seat in self._seats)}")
        return await self._answer(ask, _Topic(symbol, part), seats=seats)

    async def _answer(
        self,
        ask: Ask[T],
        topic: _Topic,
        *,
        besides: Sources = NOBODY,
        seats: Iterable[_Seat] | None = None,
        bars: int = 0,
    ) -> T:
        left = [seat for seat in (seats or self._seats) if not set(seat.market.sources) <= set(besides)]
        if not left:
            raise InvalidSymbol(f"no other venue has {topic.symbol}, was besides {', '.join(sorted(besides))}")
        pages = max(1, ceil(bars / PAGE_BARS))
        ends = asyncio.get_running_loop().time() + self._patience_s * pages
        faults: dict[str, Exception] = {}
        while (seat := self._next(left, topic, faults)) is not None:
            left.remove(seat)
            try:
                return await self._asked(seat, ask, self._timeout_s * pages, ends)
            except (InvalidSymbol, NotOffered) as wrong:
                faults[seat.name] = wrong
                # a venue of several sources may have the pair, but not besides those
                if (not besides or len(seat.market.sources) == 1) and not isinstance(wrong, _Nothing):
                    seat.refused(topic, wrong, self._clock())
            except MarketUnavailable as wrong:
                faults[seat.name] = wrong
        raise _nobody(topic, faults)

    def _next(self, left: list[_Seat], topic: _Topic, faults: dict[str, Exception]) -> _Seat | None:
        """Who is asked next: the well in their order, then the weak, then, since nobody else is left, those at rest."""
        now = self._clock()
        for seat in tuple(left):
            wrong = seat.refusal(topic, now)
            if wrong is not None:
                faults[seat.name] = wrong
                left.remove(seat)
        ready = [seat for seat in left if seat.is_ready(now)]
        if ready:
            return min(ready, key=lambda seat: (seat.score(now) < LOW, seat.place))
        for seat in left:
            if seat.must_rest(now):
                faults[seat.name] = MarketUnavailable(f"left alone until {seat.open_until:%H:%M:%S}: {seat.reason}")
        may_be = [seat for seat in left if not seat.must_rest(now)]
        return min(may_be, key=lambda seat: (seat.open_until or now, seat.place), default=None)

    async def _asked(self, seat: _Seat, ask: Ask[T], timeout_s: float, ends: float) -> T:
        """Of one venue. Raises what it raises, and MarketUnavailable when it takes too long."""
        within = min(timeout_s, await self._its_turn(seat, ends))
        trial = asyncio.get_running_loop().create_future() if seat.is_due(self._clock()) else None
        seat.trial, era = trial, seat.era
        try:
            async with asyncio.timeout(within):
                answer = await _in_our_words(seat, ask)
        except TimeoutError:
            wrong = MarketUnavailable(f"no answer in {within:.3g} s")
            # cut short, it may have been about to answer
            if within >= timeout_s or trial is not None:
                seat.failed(wrong, self._clock(), era)
            raise wrong from None
        except NotOffered:
            raise
        except MarketUnavailable as wrong:
            seat.failed(wrong, self._clock(), era)
            if isinstance(wrong, RateLimited) and seat.twin is not None:
                seat.twin.failed(wrong, self._clock(), ELSEWHERE)
            raise
        finally:
            if trial is not None:
                seat.trial = None
                trial.set_result(None)
        seat.answered(self._clock(), era)
        return answer

    async def _its_turn(self, seat: _Seat, ends: float) -> float:
        """Where one question tries a venue all others wait for what comes of it. Returns how much time is left, s."""
        loop = asyncio.get_running_loop()
        was_tried = False
        while seat.trial is not None and loop.time() < ends:
            was_tried = True
            await asyncio.wait({seat.trial}, timeout=ends - loop.time())
        if was_tried and seat.rests(self._clock()):
            raise MarketUnavailable(seat.reason)
        if seat.trial is not None or loop.time() >= ends:
            raise MarketUnavailable("not asked: no time was left")
        return ends - loop.time()


async def _in_our_words(seat: _Seat, ask: Ask[T]) -> T:
    """What no plug should raise is that venue's fault: it must not keep the next from being asked."""
    try:
        return await ask(seat.market)
    except FOREIGN as wrong:
        raise MarketUnavailable(f"{seat.name}: unforeseen {_line(wrong)}") from wrong


def _minutes(since: datetime, until: datetime) -> int:
    return max(0, int((until - since) / timedelta(minutes=1)))


def _known(topic: _Topic, wrong: InvalidSymbol | NotOffered) -> _Topic:
    """A pair that is not listed is so for every question."""
    return _Topic(topic.symbol, "") if isinstance(wrong, InvalidSymbol) else topic


def _line(wrong: Exception) -> str:
    return " ".join(f"{type(wrong).__name__} {wrong}"[: 4 * SAID].split())[:SAID]


async def _or_still(answer: Awaitable[T], still: list[T]) -> T:
    """Where nobody tells of a trade the first who said so is believed."""
    try:
        return await answer
    except (InvalidSymbol, MarketUnavailable):
        if still:
            return still[0]
        raise


def _nobody(topic: _Topic, faults: dict[str, Exception]) -> Exception:
    """What is said when no venue answered: of one, its own words; of several, a line that names each and why."""
    wrongs = list(faults.values())
    if len(wrongs) == 1:
        return wrongs[0]
    reasons = "; ".join(f"{name}: {_line(wrong)}" for name, wrong in faults.items())
    said = f"{topic.symbol}: {topic.what} from no venue: {reasons}"[:SAID_ALL]
    if all(isinstance(wrong, InvalidSymbol) for wrong in wrongs):
        return InvalidSymbol(said)
    if all(isinstance(wrong, InvalidSymbol | NotOffered) for wrong in wrongs):
        return NotOffered(said)
    return MarketUnavailable(said)
