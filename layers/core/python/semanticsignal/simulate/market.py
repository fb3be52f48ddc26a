"""A seeded market: the 1-minute path of a pair is a function of (seed, symbol) alone, the same in every process.

Days are made one after the other from EPOCH_MS on, each from its own generator and the state of the day before:
a common tide (bull, bear or chop for days to weeks, and how rough it is), EGARCH volatility, jumps, bridge extremes.
Prices and volumes are whole ticks and lots, so a difference in the last bit of a float dies every minute."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from math import ceil, exp, floor, log, log10, sqrt

import numpy as np
from numpy.typing import NDArray

from ..domain.errors import InvalidSymbol
from ..domain.market import Symbol, Timeframe, TradingRules, epoch_ms, instant
from ..domain.microstructure import OrderBook

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Row = tuple[int | str, ...]
Print = tuple[int, int, Decimal, Decimal, bool]

EPOCH_MS = epoch_ms(datetime(2025, 1, 1, tzinfo=UTC))
MINUTE_MS = 60_000
DAY = 1_440
PRINTS = 30
START = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
DAILY_VOLATILITY = {"BTC": 0.019, "ETH": 0.024, "SOL": 0.031}

# regime: log drift a day, volatility against the average, mean days beyond the first three, weight when it may begin
REGIMES = ((0.015, 0.9, 9.0, 0.38), (-0.016, 1.2, 6.0, 0.30), (0.0, 0.8, 4.0, 0.32))
CHOP = 2
SHARED = sqrt(0.6)
PERSISTENCE = 0.995
TURNS = (0.3, 0.7)  # of a minute: when its first and its second extreme trade

_HOURS = np.arange(DAY) / 60
_SHAPE = 1 + 0.35 * np.exp(-(((_HOURS - 14.5) / 3) ** 2)) + 0.15 * np.exp(-(((_HOURS - 8) / 2) ** 2))
_SHAPE /= sqrt(float(np.mean(_SHAPE**2)))
_POWERS = PERSISTENCE ** np.arange(DAY + 1)


def _draws(seed: int, name: str, number: int) -> np.random.Generator:
    word = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, word, number])))


class _Tide:
    """What all pairs share: the regime of each day, its drift, its roughness, and every minute's common shock."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._days: list[tuple[int, float, float]] = []
        self._regime, self._left, self._strength, self._rough = CHOP, 0, 1.0, 0.0

    def day(self, number: int) -> tuple[int, float, float]:
        """(regime, log drift of the day, log of its volatility against the average)."""
        while len(self._days) <= number:
            self._days.append(self._next(_draws(self._seed, "tide", len(self._days))))
        return self._days[number]

    def shocks(self, number: int) -> Floats:
        return _draws(self._seed, "shocks", number).standard_normal(DAY)

    def _next(self, draws: np.random.Generator) -> tuple[int, float, float]:
        pick, length, strength = draws.random(), draws.standard_exponential(), draws.uniform(0.7, 1.3)
        if self._left == 0:
            others = [regime for regime in range(len(REGIMES)) if regime != self._regime]
            share = REGIMES[others[0]][3] / (REGIMES[others[0]][3] + REGIMES[others[1]][3])
            self._regime = others[0] if pick < share else others[1]
            self._left = 3 + int(length * REGIMES[self._regime][2])
            self._strength = round(strength, 6)
        self._left -= 1
        self._rough = round(0.88 * self._rough + 0.15 * draws.standard_normal(), 9)
        drift, volatility, *_ = REGIMES[self._regime]
        return self._regime, drift * self._strength, self._rough + log(volatility)


class _Path:
    """One pair's minutes as whole ticks and lots: high, low, close, lots. A minute opens where the last one closed."""

    def __init__(self, seed: int, symbol: Symbol, tide: _Tide) -> None:
        self._seed, self._name, self._tide = seed, str(symbol), tide
        first, second, third = (_draws(0, f"pair {symbol.base}", 0).random(3)).tolist()
        base = START.get(symbol.base, float(f"{10 ** (3 * first - 0.5):.3g}"))
        start = base / START.get(symbol.quote, 1.0)
        self.volatility = DAILY_VOLATILITY.get(symbol.base, 0.022 + 0.02 * second)
        self.decimals = max(2, 4 - floor(log10(start)))
        self.lot_decimals = min(8, max(0, ceil(log10(start))))
        self.scale, self.lot_scale = 10**self.decimals, 10**self.lot_decimals
        self.start = round(start * self.scale)
        self._lots = 1e6 * (0.05 + third if symbol.base not in START else 1.0) / base * self.lot_scale
        self._days, self._columns = 0, np.empty((4, 64 * DAY), dtype=np.int32)
        self._heat, self._own, self._regime, self._anchor = 0.0, 0.0, -1, log(self.start)

    def upto(self, minute: int) -> NDArray[np.int32]:
        """Columns that hold at least this minute."""
        while self._days * DAY <= minute:
            if (self._days + 1) * DAY > self._columns.shape[1]:
                self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
            self._columns[:, self._days * DAY : (self._days + 1) * DAY] = self._next()
            self._days += 1
        return self._columns

    def _next(self) -> NDArray[np.int32]:
        draws = _draws(self._seed, self._name, self._days)
        before = int(self._columns[2, self._days * DAY - 1]) if self._days else self.start
        drift, rough = self._drift(before, draws)
        shock = SHARED * self._tide.shocks(self._days) + sqrt(1 - SHARED**2) * draws.standard_normal(DAY)
        jumps = self._jumps(draws)
        sigma = self.volatility / sqrt(DAY) * exp(rough) * _SHAPE * np.exp(self._heated(shock, jumps))
        step = drift / DAY + sigma * shock + jumps
        path = log(before) + np.cumsum(step)
        close = np.rint(np.exp(path))
        opened = np.concatenate([[before], close[:-1]])
        # the extremes of a Brownian bridge from open to close, drawn exactly
        up, down = -2 * sigma**2 * np.log1p(-draws.random((2, DAY)))
        high = np.rint(opened * np.exp((step + np.sqrt(step**2 + up)) / 2))
        low = np.rint(opened * np.exp((step - np.sqrt(step**2 + down)) / 2))
        busy = (sigma * sqrt(DAY) / self.volatility) ** 1.3 * (0.6 + 0.5 * np.abs(shock))
        lots = np.rint(self._lots * busy * np.exp(0.5 * draws.standard_normal(DAY) - 0.125))
        return np.stack([
            np.maximum(high, np.maximum(opened, close)),
            np.maximum(1, np.minimum(low, np.minimum(opened, close))),
            close,
            np.clip(lots, 1, 2e9),
        ]).astype(np.int32)  # fmt: skip

    def _drift(self, before: int, draws: np.random.Generator) -> tuple[float, float]:
        """(log drift of the day, log of its volatility against the average)."""
        regime, drift, rough = self._tide.day(self._days)
        here = log(before)
        if regime != self._regime:
            self._regime, self._anchor = regime, here
        self._own = round(0.9 * self._own + 0.003 * draws.standard_normal(), 9)
        pull = 0.3 * (self._anchor - here) if regime == CHOP else 0.0
        # a faint pull to the starting price keeps years of trends within a few times of it
        home = 0.004 * (log(self.start) - here)
        return drift * (self.volatility / 0.02) ** 0.7 + self._own + pull + home, rough

    def _jumps(self, draws: np.random.Generator) -> Floats:
        at, sizes = draws.integers(0, DAY, 4), draws.standard_normal(4)
        jumps = np.zeros(DAY)
        count = min(int(draws.poisson(0.4)), 4)
        jumps[at[:count]] = 0.35 * self.volatility * sizes[:count]
        return jumps

    def _heated(self, shock: Floats, jumps: Floats) -> Floats:
        """Log volatility by EGARCH(1,1): a large move, more so a fall, makes the next minutes rougher."""
        news = 0.045 * (np.abs(shock) - sqrt(2 / np.pi)) - 0.012 * shock + 0.5 * (jumps != 0)
        heat: Floats = _POWERS * np.concatenate([[self._heat], self._heat + np.cumsum(news / _POWERS[1:])])
        self._heat = round(float(heat[-1]), 9)
        return heat[:-1]


class SimulatedMarket:
    """Pairs of one seed. Nothing before EPOCH_MS exists; nothing after `now_ms` is told.
    Raises InvalidSymbol for a pair it was not made with."""

    def __init__(self, seed: int, symbols: tuple[Symbol, ...]) -> None:
        self._seed, self.symbols = seed, symbols
        tide = _Tide(seed)
        self._paths = {symbol: _Path(seed, symbol, tide) for symbol in symbols}

    def rules(self, symbol: Symbol) -> TradingRules:
        path = self._path(symbol)
        return TradingRules(Decimal(1).scaleb(-path.decimals), Decimal(1).scaleb(-path.lot_decimals), Decimal(5))

    def price(self, symbol: Symbol, now_ms: int) -> Decimal:
        """What the last trade at or before `now_ms` paid; what the pair started at, before EPOCH_MS."""
        path = self._path(symbol)
        minute, elapsed = divmod(max(now_ms, EPOCH_MS) - EPOCH_MS, MINUTE_MS)
        ticks = np.interp(elapsed / MINUTE_MS, (0, *TURNS, 1), _corners(_bars(path, minute, minute + 1)[:, 0]))
        return Decimal(round(float(ticks))).scaleb(-path.decimals)

    def klines(  # noqa: PLR0913, PLR0917 - Binance's own parameters, and when it is
        self, symbol: Symbol, timeframe: Timeframe, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int
    ) -> list[Row]:
        """Bars opened in [start, end] and by now, as Binance writes them; the newest may be unfinished.
        The first `limit` from start, or without a start the last `limit`."""
        last = timeframe.floor_ms(now_ms if end_ms is None else min(end_ms, now_ms))
        reach = (limit - 1) * timeframe.ms
        first = last - reach if start_ms is None else timeframe.floor_ms(start_ms + timeframe.ms - 1)
        first = max(first, timeframe.floor_ms(EPOCH_MS))
        if start_ms is not None:
            last = min(last, first + reach)
        if now_ms < EPOCH_MS or last < first:
            return []
        return self._rows(symbol, np.arange(first, last + 1, timeframe.ms), last + timeframe.ms, now_ms)

    def rolling(self, symbol: Symbol, span_ms: int, now_ms: int) -> Row:
        """One bar over the minutes that began within `span_ms` before now."""
        first = max(EPOCH_MS, now_ms - span_ms)
        return self._rows(symbol, np.array([first]), now_ms + 1, now_ms)[0]

    def book(self, symbol: Symbol, now_ms: int, limit: int) -> OrderBook:
        path, minute = self._path(symbol), (now_ms - EPOCH_MS) // MINUTE_MS
        middle = int(self.price(symbol, now_ms).scaleb(path.decimals))
        draws = _draws(self._seed, f"book {symbol}", max(minute, 0))
        half = max(1, round(middle * draws.uniform(0.5e-4, 1.5e-4)))
        # row by row, so that a deeper book begins with the shallower one
        levels = draws.random((limit, 4))
        gaps = np.floor(levels[:, :2] * max(3, middle * 2e-5)).astype(np.int64) + 1
        away = half + np.cumsum(gaps, axis=0) - gaps[0]
        lots = np.ceil(-np.log1p(-levels[:, 2:]) * path.lot_scale / path.start * path.scale * 5e4).astype(np.int64) + 1
        bids = [(middle - int(a), int(q)) for a, q in zip(away[:, 0], lots[:, 0], strict=True) if a < middle]
        asks = [(middle + int(a), int(q)) for a, q in zip(away[:, 1], lots[:, 1], strict=True)]
        return OrderBook(symbol, instant(now_ms), _levels(path, bids), _levels(path, asks), "simulated")

    def trades(self, symbol: Symbol, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int) -> list[Print]:
        """(id, at ms, price, quantity, is the buyer the maker) on the minute's own path, oldest first.
        The first `limit` from start, or without a start the last `limit`."""
        end = now_ms if end_ms is None else min(end_ms, now_ms)
        span = ceil(limit / PRINTS) * MINUTE_MS
        start = end - span - MINUTE_MS if start_ms is None else start_ms
        first, last = max(start, EPOCH_MS), end if start_ms is None else min(end, start + span + MINUTE_MS)
        minutes = range((first - EPOCH_MS) // MINUTE_MS, (last - EPOCH_MS) // MINUTE_MS + 1)
        prints = [row for minute in minutes for row in self._prints(symbol, minute) if first <= row[1] <= last]
        return prints[-limit:] if start_ms is None else prints[:limit]

    def _prints(self, symbol: Symbol, minute: int) -> Iterator[Print]:
        path = self._path(symbol)
        bar = _bars(path, minute, minute + 1)[:, 0]
        draws = _draws(self._seed, f"trades {symbol}", minute)
        parts = np.cumsum(draws.standard_exponential(PRINTS))
        sold = np.floor(parts / parts[-1] * int(bar[4])).astype(np.int64)
        moments = (np.arange(PRINTS) + 0.5) / PRINTS
        ticks = np.rint(np.interp(moments, (0, *TURNS, 1), _corners(bar))).astype(np.int64)
        opened = EPOCH_MS + minute * MINUTE_MS
        before = 0
        for number, makes in enumerate((draws.random(PRINTS) < 0.5).tolist()):
            lots, before = int(sold[number]) - before, int(sold[number])
            if lots:
                price, quantity = _levels(path, [(int(ticks[number]), lots)])[0]
                yield minute * PRINTS + number, opened + int(moments[number] * MINUTE_MS), price, quantity, makes

    def _path(self, symbol: Symbol) -> _Path:
        if symbol not in self._paths:
            raise InvalidSymbol(f"the simulated market lists {', '.join(map(str, self.symbols))}, was {symbol}")
        return self._paths[symbol]

    def _rows(self, symbol: Symbol, opens: Ints, end_ms: int, now_ms: int) -> list[Row]:
        path = self._path(symbol)
        cuts = np.maximum(-(-(opens - EPOCH_MS) // MINUTE_MS), 0)
        minute, elapsed = divmod(now_ms - EPOCH_MS, MINUTE_MS)
        stop = min(-(-(end_ms - EPOCH_MS) // MINUTE_MS), minute + 1)
        begin = int(cuts[0])
        bars = _bars(path, begin, stop)
        if stop == minute + 1:
            bars[:, -1] = _partial(bars[:, -1], elapsed / MINUTE_MS)
        return _aggregated(path, bars, cuts - begin, opens, np.append(opens[1:], end_ms) - 1)


def _bars(path: _Path, start: int, stop: int) -> Ints:
    """Whole minutes in [start, stop): open, high, low, close in ticks, and lots."""
    high, low, close, lots = path.upto(stop - 1)[:, start:stop].astype(np.int64)
    before = int(path.upto(stop - 1)[2, start - 1]) if start else path.start
    return np.stack([np.concatenate([[before], close[:-1]]), high, low, close, lots])


def _corners(bar: Ints) -> tuple[int, int, int, int]:
    """The way through one minute: against the close first, as most bars go."""
    opened, high, low, close = (int(ticks) for ticks in bar[:4])
    return (opened, low, high, close) if close >= opened else (opened, high, low, close)


def _partial(bar: Ints, elapsed: float) -> Ints:
    """The minute as far as it has gone."""
    corners = _corners(bar)
    here = round(float(np.interp(elapsed, (0, *TURNS, 1), corners)))
    seen = [corners[0], here, *(ticks for turn, ticks in zip(TURNS, corners[1:3], strict=True) if turn <= elapsed)]
    return np.array([corners[0], max(seen), min(seen), here, int(int(bar[4]) * elapsed)])


def _levels(path: _Path, levels: list[tuple[int, int]]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(t).scaleb(-path.decimals), Decimal(q).scaleb(-path.lot_decimals)) for t, q in levels)


def _aggregated(path: _Path, bars: Ints, cuts: Ints, opens: Ints, closes: Ints) -> list[Row]:
    opened, high, low, close, lots = bars
    worth = lots * (opened + high + low + close) / 4
    bought = 0.5 + 0.3 * (close - opened) / np.maximum(high - low, 1)
    ends = np.append(cuts[1:], len(lots)) - 1
    prices = (opened[cuts], np.maximum.reduceat(high, cuts), np.minimum.reduceat(low, cuts), close[ends])
    sums = [np.add.reduceat(column, cuts) for column in (lots, worth, np.floor(lots * bought), worth * bought)]
    units = (*(path.scale,) * 4, *(path.lot_scale, path.scale * path.lot_scale) * 2)
    o, h, l, c, v, q, b, w = (  # noqa: E741 - as Binance's own table names them
        [f"{value:.8f}" for value in (column / unit).tolist()]
        for column, unit in zip((*prices, *sums), units, strict=True)
    )
    counts = ((ends - cuts + 1) * PRINTS).tolist()
    nothing = ["0"] * len(counts)
    return list(zip(opens.tolist(), o, h, l, c, v, closes.tolist(), q, counts, b, w, nothing, strict=True))
