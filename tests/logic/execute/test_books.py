"""The books add up to the last digit: against fractions, from nothing but the fills."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import (
    BTC,
    ETH,
    H4,
    MONDAY,
    CycleModel,
    bars,
    cycle,
    d,
    live,
    path,
    says,
    subjects,
    told,
    world,
)

from semanticsignal.domain.ledger import Closing, Opening
from semanticsignal.domain.market import FundingRate, MarketKind, Symbol, TradingRules
from semanticsignal.domain.trading import Account, ExitReason, Fill, Order, Portfolio, Position, Purpose, Side, Touch
from semanticsignal.logic.execute import position as fold
from semanticsignal.ports import Sockets

LENGTH = 24


def random_market(seed: int, start_quote: Decimal, fee_ratio: Decimal, scale: float) -> Sockets:
    """Two perpetuals on a random walk; a reply at every bar; funding every second bar."""
    dice = Random(seed)
    tapes, script, funding = [], {}, []
    for symbol in (BTC, ETH):
        prices = [100.0]
        for _ in range(LENGTH):
            prices.append(round(prices[-1] * (1 + dice.choice((-0.03, -0.01, 0.0, 0.01, 0.03))), 2))
        prices = [float(f"{price * scale:.8g}") for price in prices]
        tapes.append(bars(path(prices, wick=prices[0] * 0.001), symbol=symbol))
        for number in range(1, LENGTH):
            now = prices[number]
            script[cycle(symbol, MONDAY + number * H4)] = dice.choice(
                (
                    says("BUY", now * 0.97, now * 1.05),
                    says("SELL", now * 1.03, now * 0.95),
                    says("UPDATE", now * 0.995),
                    says("UPDATE", now * 1.005),
                    says("CLOSE"),
                    says(),
                )
            )
            if number % 2 == 0:
                funding.append(FundingRate(symbol, MONDAY + number * H4, Decimal(dice.randint(-9999, 9999)).scaleb(-7)))
    rules = TradingRules(d("0.01") * Decimal(str(scale)), d("0.00001"), d(0))
    return world(
        *tapes,
        model=CycleModel(script),
        funding=funding,
        rules=rules,
        market_kind=MarketKind.PERP,
        risk__cooldown_bars=0,
        risk__tighten_progress_ratio=0.0,
        risk__min_confidence_ratio=0.1,
        risk__losing_streak=99,
        risk__daily_loss_ratio=1.0,
        risk__max_drawdown_ratio=1.0,
        paper__start_quote=start_quote,
        paper__fee_ratio=fee_ratio,
    )


async def assert_books(on: Sockets) -> int:
    """Recomputes the account in fractions; returns how many trades it closed."""
    portfolio = await on.ledger.portfolio()
    fees = gross = Fraction(0)
    spent: dict[str, Opening] = {}
    funding = {position.id: Fraction(position.funding_quote) for position in portfolio.positions}
    closings = []
    for entry in await told(on, "PositionOpened", "PositionClosed"):
        if isinstance(entry.subject, Opening):
            fees += Fraction(entry.subject.fill.fee_quote)
            spent[entry.subject.position.id] = entry.subject
        elif isinstance(entry.subject, Closing):
            trade, fill = entry.subject.trade, entry.subject.fill
            opened = spent.pop(trade.position_id).fill
            won = (Fraction(fill.price) - Fraction(opened.price)) * Fraction(fill.quantity) * trade.side.sign
            fees, gross = fees + Fraction(fill.fee_quote), gross + won
            funding[trade.position_id] = Fraction(trade.funding_quote)
            assert Fraction(trade.gross_pnl_quote) == won
            assert Fraction(trade.fees_quote) == Fraction(opened.fee_quote) + Fraction(fill.fee_quote)
            assert Fraction(trade.gross_pnl_quote) - Fraction(trade.fees_quote) - Fraction(
                trade.funding_quote
            ) == Fraction(trade.realized_pnl_quote)
            closings.append(trade)
    start = Fraction(on.settings.paper.start_quote)
    paid = sum(funding.values(), Fraction(0))
    balance = start + gross - fees - paid
    held = sum(
        (
            (Fraction(p.mark_price) - Fraction(p.entry_price)) * Fraction(p.quantity) * p.side.sign
            for p in portfolio.positions
        ),
        Fraction(0),
    )
    notional = sum((Fraction(p.entry_price) * Fraction(p.quantity) for p in portfolio.positions), Fraction(0))
    assert set(spent) == {position.id for position in portfolio.positions}
    assert Fraction(portfolio.account.balance_quote) == balance
    assert Fraction(portfolio.equity_quote) == balance + held
    assert Fraction(portfolio.cash_quote) + notional == balance
    assert portfolio.closed_trades == len(closings) == max((trade.number for trade in closings), default=0)
    for point in await subjects(on, "EquityMarked"):
        assert Fraction(point.equity_quote) == Fraction(point.balance_quote) + Fraction(point.unrealized_pnl_quote)
    return len(closings)


@given(
    seed=st.integers(0, 2**32),
    start=st.sampled_from((d(10_000), d("123.45"), d("1234567.89"))),
    fee=st.sampled_from((d(0), d("0.00075"), d("0.001234567"), d("0.05"))),
)
@profile(max_examples=60)
async def test_cash_and_positions_are_start_and_realized_and_unrealized_less_fees_and_funding(
    seed: int, start: Decimal, fee: Decimal
) -> None:
    on = random_market(seed, start, fee, 1.0)

    await live(on, MONDAY + H4, MONDAY + (LENGTH - 1) * H4)

    await assert_books(on)


async def test_the_property_above_is_about_trades_of_both_sides_and_all_endings() -> None:
    sides, endings, trades = set(), set(), 0
    for seed in range(6):
        on = random_market(seed, d(10_000), d("0.00075"), 1.0)
        await live(on, MONDAY + H4, MONDAY + (LENGTH - 1) * H4)
        trades += await assert_books(on)
        closings = await subjects(on, "PositionClosed")
        sides |= {closing.trade.side for closing in closings}
        endings |= {closing.trade.exit_reason for closing in closings}

    assert sides == set(Side)
    assert endings == set(ExitReason)
    assert trades > 20


async def test_the_richest_account_balances_in_the_cheapest_coin() -> None:
    """A billion in a coin of a thousandth of a cent: what one setting allows and one listing has."""
    on = random_market(1, d(1_000_000_000), d("0.00075"), 1e-7)

    await live(on, MONDAY + H4, MONDAY + (LENGTH - 1) * H4)

    assert await assert_books(on) > 0


# --- Folding --------------------------------------------------------------------------------------------------------


def opening(symbol: Symbol, side: Side, price: str) -> tuple[Position, Fill]:
    stop = d("1") if side is Side.LONG else d("999")
    order = Order(
        f"{symbol}#order",
        str(symbol),
        symbol,
        MarketKind.PERP,
        Purpose.OPEN,
        side,
        d(3),
        MONDAY,
        MONDAY + H4,
        d(price),
        stop,
    )
    fill = Fill(order.id, MONDAY, d(price), d(3), d("0.225"), d(0))
    return fold.opened(order, fill), fill


def ending(position: Position, price: str) -> Fill:
    return Fill(f"{position.id}#stop", MONDAY + H4, d(price), position.quantity, d("0.3"), d(0))


def folded(happenings: list[tuple[Symbol, str]]) -> Portfolio:
    """Opens and closes each pair once, in this order."""
    made = {BTC: opening(BTC, Side.LONG, "100"), ETH: opening(ETH, Side.SHORT, "50")}
    portfolio = fold.empty(d(10_000))
    for symbol, what in happenings:
        position, fill = made[symbol]
        if what == "open":
            portfolio = fold.with_opened(portfolio, position, fill)
        else:
            end = ending(position, "110" if symbol == BTC else "55")
            trade = fold.closed(
                position, end, Touch(end.filled_at, end.price, ExitReason.SIGNAL, False), portfolio.closed_trades + 1
            )
            portfolio = fold.with_closed(portfolio, trade, end, d(0))
    return portfolio


def test_pairs_fold_into_the_same_account_in_any_order() -> None:
    orders = [
        [(BTC, "open"), (BTC, "close"), (ETH, "open"), (ETH, "close")],
        [(ETH, "open"), (BTC, "open"), (BTC, "close"), (ETH, "close")],
        [(BTC, "open"), (ETH, "open"), (ETH, "close"), (BTC, "close")],
    ]

    ends = [folded(order) for order in orders]

    # 3 × 10 won long, 3 × 5 lost short; fees of two entries and two exits: 2 × 0.225 + 2 × 0.3
    assert ends[0].account == Account(d(10_000), gross_pnl_quote=d(15), fees_quote=d("1.05"))
    assert ends[0].account.balance_quote == d("10013.95")
    assert ends[0] == ends[1] == ends[2]


def test_every_change_makes_a_new_version() -> None:
    portfolio = folded([(BTC, "open"), (ETH, "open"), (BTC, "close")])

    assert portfolio.version == 3
    assert [position.symbol for position in portfolio.positions] == [ETH]


def test_a_waiting_order_of_the_pair_falls_away_with_its_position() -> None:
    held, fill = opening(BTC, Side.LONG, "100")
    waiting = Order("b", "b", BTC, MarketKind.PERP, Purpose.CLOSE, Side.LONG, d(3), MONDAY, MONDAY + H4, d(100))
    portfolio = fold.with_order(fold.with_opened(fold.empty(d(100)), held, fill), waiting)
    portfolio = fold.with_order(portfolio, replace(waiting, id="e", symbol=ETH))
    end = ending(held, "110")
    trade = fold.closed(held, end, Touch(MONDAY, end.price, ExitReason.TARGET, False), 1)

    after = fold.with_closed(portfolio, trade, end, d(0))

    assert [order.id for order in after.orders] == ["e"]
    assert fold.without_order(after, after.orders[0]).orders == ()


def test_a_mark_books_only_the_funding_that_is_new() -> None:
    held, fill = opening(BTC, Side.LONG, "100")
    opened = fold.with_opened(fold.empty(d(1000)), held, fill)

    first, one = fold.with_mark(opened, [replace(held, funding_quote=d("0.5"), mark_price=d(101))], MONDAY + H4)
    second, two = fold.with_mark(first, [replace(held, funding_quote=d("0.7"), mark_price=d(99))], MONDAY + 2 * H4)

    # 1000 − 0.225 − 0.5 + 3; then 1000 − 0.225 − 0.7 − 3
    assert (one.equity_quote, two.equity_quote) == (d("1002.275"), d("996.075"))
    assert second.account.funding_quote == d("0.7")
    assert (second.peak_equity_quote, second.marked_until) == (d("1002.275"), MONDAY + 2 * H4)
