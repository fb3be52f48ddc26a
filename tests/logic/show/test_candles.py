"""Bars for drawing: longer ones of those that are traded, and the one that has not closed."""

from semanticsignal.domain.market import Candles, Symbol, Timeframe
from semanticsignal.logic.show.candles import forming, offered
from semanticsignal.logic.show.views import CandleView

H, DAY = Timeframe.H4.ms, Timeframe.D1.ms
MIDNIGHT = 20_000 * DAY


def bars(*opened_ms: int) -> Candles:
    rows = range(len(opened_ms))
    return Candles(
        Symbol("BTC", "USDC"), Timeframe.H4, "by hand", opened_ms,
        [10.0 + row for row in rows], [15.0 + row for row in rows], [9.0 - row for row in rows],
        [11.0 + row for row in rows], [2.0 for _ in rows],
    )  # fmt: skip


def test_longer_bars_that_the_traded_one_divides_are_offered() -> None:
    assert offered(Timeframe.H4) == ("4h", "8h", "12h", "1d", "1w")
    assert offered(Timeframe.H6) == ("6h", "12h", "1d", "1w")
    assert offered(Timeframe.W1) == ("1w",)


def test_the_day_so_far_is_made_of_its_closed_bars_alone() -> None:
    found = forming(bars(MIDNIGHT - H, MIDNIGHT, MIDNIGHT + H), MIDNIGHT)

    assert found == CandleView(time=MIDNIGHT // 1000, open=11.0, high=17.0, low=7.0, close=13.0, volume=4.0)
    assert forming(bars(MIDNIGHT - H), MIDNIGHT) is None
