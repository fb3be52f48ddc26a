"""How long it takes to know what the bars say: all indicators, the large picture, the whole snapshot."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bench.measures import START, Figure, brownian, fresh, market, timed
from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.decision import Briefing
from semanticsignal.domain.market import Candles, MarketKind, Timeframe, epoch_ms
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.tokens import tokens
from semanticsignal.logic.analyse.macro import macro
from semanticsignal.logic.analyse.patterns import found
from semanticsignal.logic.analyse.series import columns, newest, series
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.decide.prompt import prompt
from semanticsignal.logic.execute.position import empty

NEW = (
    "import time; import numpy, talib; t=time.perf_counter(); from bench.analysing import {wanted}; "
    "from bench.analysing import complete; seen=complete(); b=time.perf_counter(); {work}; "
    "print((time.perf_counter()-b)*1e3)"
)


def longer(timeframe: Timeframe, bars: int) -> Candles:
    """So many bars that the last closed before the newest 4h bar of the bench did."""
    walked, end = brownian(bars), epoch_ms(START + timedelta(hours=4 * 999))
    first = timeframe.floor_ms(end) - bars * timeframe.ms
    stamps = [first + row * timeframe.ms for row in range(bars)]
    return replace(walked, timeframe=timeframe, opened_ms=stamps)


def complete() -> Market:
    daily, weekly = longer(Timeframe.D1, 365), longer(Timeframe.W1, 300)
    return replace(market(), around=Around(daily=daily, weekly=weekly))


def analysing() -> list[Figure]:
    seen = complete()
    daily, weekly = seen.around.daily, seen.around.weekly
    assert daily is not None and weekly is not None
    bars, at = columns(seen.candles), seen.collected_at
    of_all = newest(bars)
    every = len(series(bars)) + len(of_all)
    told = snapshot(seen, at)
    words = prompt(
        Briefing(told, empty(Decimal(10_000)), MarketKind.SPOT, Decimal("0.01")), Settings()
    )  # fmt: skip
    length = tokens(words.system + words.user)
    new = fresh(NEW.format(wanted="columns, series, newest", work="c=columns(seen.candles); series(c); newest(c)"), 5)
    large = fresh(NEW.format(wanted="macro", work="macro(seen.around.daily); macro(seen.around.weekly)"), 5)

    whole = series(bars)
    shapes = fresh(
        NEW.format(
            wanted="columns, found, series",
            work="w=series(columns(seen.candles)); b=time.perf_counter(); found(seen.candles, w)",
        ), 5,
    )  # fmt: skip

    def indicators() -> None:
        series(columns(seen.candles))
        newest(bars)

    return [
        Figure(f"{every} indicators of 999 bars, warm", "ms", timed(indicators, 200), "<= 2"),
        Figure(f"{every} indicators of 999 bars, first in a process", "ms", new, "<= 50"),
        Figure(
            "macro of 365 days and 300 weeks, warm", "ms", timed(lambda: (macro(daily), macro(weekly)), 200), "<= 0.5"
        ),
        Figure("macro of 365 days and 300 weeks, first in a process", "ms", large, "<= 5"),
        Figure("all patterns of 999 bars, warm", "ms", timed(lambda: found(seen.candles, whole), 200), "<= 3"),
        Figure("all patterns of 999 bars, first in a process", "ms", shapes, "<= 50"),
        Figure("snapshot with days and weeks, warm", "ms", timed(lambda: snapshot(seen, at), 100), "<= 12"),
        Figure("prompt with days and weeks, estimated", "tokens", [float(length)], "<= 9000"),
    ]
