"""Figures of a ledger equal what anybody recomputes from its entries, however they were read."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import tape

from semanticsignal import wiring
from semanticsignal.domain.decision import Decision
from semanticsignal.domain.ledger import Closing, Entry, Expiry
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.policy import Paper, Settings
from semanticsignal.domain.trading import EquityPoint, Portfolio
from semanticsignal.drivers.figures import Figures, kept
from semanticsignal.drivers.replay import Plan, closes, walk
from semanticsignal.logic.evaluate import statistics
from semanticsignal.logic.show.views import StatisticsView


@dataclass(frozen=True)
class Lived:
    """What a replay of a perpetual left, and its figures."""

    entries: tuple[Entry, ...]
    portfolio: Portfolio
    figures: Figures
    statistics: StatisticsView

    def subjects(self, kind: type) -> list[Any]:
        return [entry.subject for entry in self.entries if isinstance(entry.subject, kind)]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("figures")
    tape.written(folder / "candles", "BTC/USDT", tape.frames(700, 3, finer=()), kind="perp")
    tape.funded(folder / "candles", "BTC/USDT", 700, 3)
    settings = Settings(symbols=("BTC/USDT",), market_kind=MarketKind.PERP)
    held = wiring.home(folder / "home", settings, "figures", is_durable=False)
    yield asyncio.run(walked(folder / "candles", settings, held))
    held.close()


async def walked(candles: Path, settings: Settings, held: wiring.Home) -> Lived:
    plan, market = Plan(settings, tape.at(250), tape.at(700)), wiring.tape(candles, settings)
    rig = wiring.replayed(settings, market, held.ledger, plan.since, wiring.model(settings, None))
    await walk(rig, plan, closes(market, plan))
    figures = Figures(held.ledger, settings.timeframe)
    return Lived(
        await held.ledger.entries(limit=100_000), await held.ledger.portfolio(), figures, await figures.statistics()
    )


async def test_money_is_the_sum_of_the_trades_and_of_what_is_open(lived: Lived) -> None:
    trades = [told.trade for told in lived.subjects(Closing)]
    told = lived.statistics

    realized = sum((trade.realized_pnl_quote for trade in trades), Decimal(0))

    assert told.trades == len(trades) >= 3
    assert told.net_pnl_quote == told.gross_pnl_quote - told.fees_quote - told.funding_quote
    assert told.equity_quote == told.start_quote + told.net_pnl_quote
    if not lived.portfolio.positions:
        assert told.net_pnl_quote == realized
    assert told.expectancy_quote == pytest.approx(realized / len(trades))


async def test_wins_and_factors_are_those_of_the_trades(lived: Lived) -> None:
    results = [told.trade.realized_pnl_quote for told in lived.subjects(Closing)]
    rs = [told.trade.r_multiple for told in lived.subjects(Closing)]
    won, lost = sum(r for r in results if r > 0), -sum(r for r in results if r <= 0)
    told = lived.statistics

    assert (told.wins, told.losses) == (sum(r > 0 for r in results), sum(r <= 0 for r in results))
    assert told.win_rate_ratio == pytest.approx(told.wins / len(results))
    assert told.profit_factor == (pytest.approx(float(won / lost)) if lost else None)
    assert told.mean_r == pytest.approx(sum(rs) / len(rs))


async def test_risk_is_that_of_the_marked_equity(lived: Lived) -> None:
    points = lived.subjects(EquityPoint)
    curve = [float(point.equity_quote) for point in points]
    returns = [later / earlier - 1 for earlier, later in pairwise(curve)]
    mean = sum(returns) / len(returns)
    spread = sqrt(sum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    peaks = [max(10_000, *curve[: n + 1]) for n in range(len(curve))]
    told = lived.statistics

    assert len(points) == 451
    assert told.sharpe_annualized == pytest.approx(mean / spread * sqrt(365 * 6), rel=1e-9)
    assert told.max_drawdown_ratio == pytest.approx(max((p - e) / p for p, e in zip(peaks, curve, strict=True)))
    assert told.peak_quote == max(Decimal(10_000), told.equity_quote, *(point.equity_quote for point in points))
    assert told.drawdown_ratio == pytest.approx(1 - float(told.equity_quote / told.peak_quote))
    assert told.exposure_ratio == pytest.approx(sum(point.open_positions > 0 for point in points) / len(points))


async def test_decisions_and_refusals_are_counted_once_each(lived: Lived) -> None:
    decisions, expired = lived.subjects(Decision), lived.subjects(Expiry)
    figures = lived.figures

    assert lived.statistics.decisions == len(decisions) == 450
    assert figures.actions == {a: sum(d.action == a for d in decisions) for a in {d.action for d in decisions}}
    assert lived.statistics.refused == sum(bool(d.refusals) for d in decisions) + len(expired)
    assert sum(figures.guards.values()) == sum(len(d.refusals) for d in decisions) + len(expired)


async def test_asking_again_reads_nothing_twice(lived: Lived) -> None:
    again = await lived.figures.statistics()
    await lived.figures.refresh()

    assert again == lived.statistics
    assert len(lived.figures.trades) == lived.statistics.trades


async def test_forecasts_are_resolved_by_the_closes_that_came(lived: Lived) -> None:
    decisions = {made.closed_at: made for made in lived.subjects(Decision) if made.signal}
    ahead = {"next bar": tape.H4.span, "24 h": tape.H4.span * 6}
    stated = {"next bar": "p_up", "24 h": "p_up_24h"}

    for told in await lived.figures.calibration():
        pairs = [
            (getattr(made.signal.forecast, stated[told.horizon]), later.price > made.price)
            for at, made in decisions.items()
            if (later := decisions.get(at + ahead[told.horizon]))
        ]
        assert told.forecasts == len(pairs) > 400
        assert told.up_ratio == pytest.approx(sum(up for _, up in pairs) / len(pairs))
        assert told.brier == pytest.approx(sum((p - up) ** 2 for p, up in pairs) / len(pairs))


async def test_every_figure_lies_in_its_interval_and_is_the_one_of_the_statistics(lived: Lived) -> None:
    told = await lived.figures.intervals(Paper())
    found, closed = {one.name: one for one in told.figures}, [t.trade for t in lived.subjects(Closing)]
    known = lived.statistics

    assert told.statistics == known
    assert {one.name: one.value for one in told.figures if one.name != "against_hold"} == {
        "win_rate": known.win_rate_ratio, "mean_r": known.mean_r, "sharpe": known.sharpe_annualized,
        "expectancy": float(known.expectancy_quote or 0), "profit_factor": known.profit_factor,
        "max_drawdown": known.max_drawdown_ratio,
    }  # fmt: skip
    for one in told.figures:
        assert (one.low is None) == (one.high is None) == (one.why is not None)
        if one.low is not None and one.high is not None and one.value is not None:
            assert one.low < one.value < one.high
    # one pair, one position at a time: every trade stands alone
    assert (found["win_rate"].n, found["win_rate"].effective) == (len(closed), pytest.approx(len(closed)))
    assert found["sharpe"].n == 451


async def test_holding_is_reckoned_from_the_closes_that_decisions_saw(lived: Lived) -> None:
    told, paper = await lived.figures.curve(Paper(), 100_000), Paper()
    points = lived.subjects(EquityPoint)
    prices = {made.closed_at: made.price for made in lived.subjects(Decision) if not made.is_forced}
    bought = next(prices[point.at] for point in points if point.at in prices)
    coins = 10_000 / float(bought) / (1 + float(paper.slippage_bps) / 1e4) / (1 + float(paper.fee_ratio))
    against = next(one for one in (await lived.figures.intervals(paper)).figures if one.name == "against_hold")
    last = next(point for point in reversed(points) if point.at in prices)

    # nobody decided at the very last mark: what holding was worth at it is not known
    assert [point.at for point in told.points] == [point.at for point in points[:-1]] and points[-2] is last
    assert float(told.points[-1].hold_quote) == pytest.approx(coins * float(prices[last.at]), rel=1e-6)
    assert against.value == pytest.approx(float(last.equity_quote / told.points[-1].hold_quote) - 1, rel=1e-4)
    assert [one.decision_id for one in told.acted] == [d.id for d in lived.subjects(Decision) if d.action != "HOLD"]
    thinned = (await lived.figures.curve(paper, 100)).points
    assert len(thinned) <= 103
    # the very rows that equity is thinned to, or a table of both has holes
    rows = kept([float(p.equity_quote) for p in points], 100)
    assert [one.at for one in thinned] == [points[row].at for row in rows if points[row] is not points[-1]]


@pytest.mark.parametrize("n", [4, 1000, 1001, 2399, 9000])
def test_what_is_drawn_falls_as_deep_as_the_whole_and_tells_the_newest_marks_whole(n: int) -> None:
    chance, marks = Random(n), [10_000.0]
    while len(marks) < n:
        marks.append(marks[-1] * (1 + chance.gauss(0, 0.01)))
    # up and down again between two marks, and higher soon after
    marks[n // 3 : n // 3 + 3] = [max(marks) * 3, min(marks) / 3, max(marks) * 4]
    rows = kept(marks, 1000)
    drawn = np.array([marks[row] for row in rows])

    assert statistics.max_drawdown_ratio(drawn, 1.0) == statistics.max_drawdown_ratio(np.array(marks), 1.0)
    assert (max(drawn), min(drawn)) == (max(marks), min(marks))
    assert (rows[0], rows[-100:]) == (0, list(range(max(0, n - 100), n)))
    assert len(set(rows)) == len(rows) <= 1003


async def test_what_was_reckoned_once_is_kept_until_the_ledger_grows(lived: Lived) -> None:
    first, again = await lived.figures.intervals(Paper()), await lived.figures.intervals(Paper())

    assert again.figures is first.figures
    assert await lived.figures.calibration() is await lived.figures.calibration()


async def test_nothing_lived_is_undefined_and_not_zero(tmp_path: Path) -> None:
    held = wiring.home(tmp_path, Settings(), "nothing", is_durable=False)
    figures = Figures(held.ledger, tape.H4)
    told, sure, curve = await figures.statistics(), await figures.intervals(Paper()), await figures.curve(Paper(), 10)
    held.close()

    assert sure.verdict == "nothing"
    assert all(one.value is None and one.why for one in sure.figures)
    assert (curve.since, curve.cash_quote, curve.points) == (None, Decimal(10_000), ())

    undefined = {field.name for field in fields(told) if getattr(told, field.name) is None}
    assert undefined == {
        "win_rate_ratio", "profit_factor", "expectancy_quote", "mean_r", "sharpe_annualized", "sortino_annualized",
        "max_drawdown_ratio", "drawdown_ratio", "exposure_ratio",
    }  # fmt: skip
    assert (told.trades, told.equity_quote, told.net_pnl_quote) == (0, Decimal(10_000), Decimal(0))
