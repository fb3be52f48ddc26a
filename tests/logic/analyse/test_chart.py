"""The picture: the same bytes for the same market, at every scale of price, with labels that can be read."""

import hashlib
import subprocess
import sys
from array import array
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semanticsignal.domain.collected import Market
from semanticsignal.domain.market import (
    Candles,
    MarketKind,
    Symbol,
    Timeframe,
    TradingRules,
    epoch_ms,
    exact,
)
from semanticsignal.domain.trading import Position, Side
from semanticsignal.logic.analyse import chart as drawing
from semanticsignal.logic.analyse.chart import chart
from semanticsignal.logic.analyse.snapshot import snapshot

START = datetime(2025, 1, 6, tzinfo=UTC)


def market(bars: int = 300, scale: float = 100.0, *, move: float = 0.01, traded: float = 5.0) -> Market:
    dice = np.random.default_rng(7)
    close = scale * np.exp(np.cumsum(dice.normal(0, 1, bars) * move))
    opened = np.concatenate([close[:1], close[:-1]])
    reach = 1 + move / 2
    times = array("q", (epoch_ms(START) + row * Timeframe.H4.ms for row in range(bars)))
    candles = Candles(
        Symbol("BTC", "USDC"), Timeframe.H4, "hand", times,
        opened, np.maximum(opened, close) * reach, np.minimum(opened, close) / reach, close, np.full(bars, traded),
    )  # fmt: skip
    rules = TradingRules(exact(scale).scaleb(-5), Decimal("0.00001"), Decimal(5))
    return Market("id", candles.symbol, candles.timeframe, candles.closed_at, candles, rules)


def position(market: Market, stop: float = 0.98, target: float | None = 1.03, side: Side = Side.LONG) -> Position:
    entry = exact(market.candles.close[-1])
    at = market.candles.closed_at - timedelta(days=3)
    stop_price = entry * Decimal(str(stop))
    return Position(
        id="p", decision_id="d", symbol=market.symbol, kind=MarketKind.PERP, side=side, quantity=Decimal(1),
        entry_price=entry, entry_fee_quote=Decimal(0), opened_at=at, stop_price=stop_price,
        initial_stop_price=stop_price, target_price=None if target is None else entry * Decimal(str(target)),
        stop_from=at, checked_until=at, funded_until=at, highest_price=entry,
        lowest_price=entry, mark_price=entry,
    )  # fmt: skip


def drawn(market: Market, position: Position | None = None) -> bytes:
    return chart(market, snapshot(market, market.collected_at), position)


def colors(png: bytes) -> set[str]:
    found = Image.open(BytesIO(png)).convert("RGB").getcolors(1 << 24)
    assert found is not None
    return {"#{:02x}{:02x}{:02x}".format(*color) for _, color in found}  # type: ignore[misc]


def nearly(png: bytes, color: str) -> bool:
    """The palette may move a color by a shade."""
    wanted = np.array([int(color[n : n + 2], 16) for n in (1, 3, 5)])
    there = np.array([[int(c[n : n + 2], 16) for n in (1, 3, 5)] for c in colors(png)])
    return bool((np.abs(there - wanted).max(axis=1) <= 8).any())


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 107_000.0, 1e6])
@pytest.mark.parametrize("bars", [1, 2, 20, 300])
@pytest.mark.parametrize(("move", "traded"), [(0.01, 5.0), (0.0, 0.0), (1e-7, 1e-9), (0.3, 1e12)])
def test_every_market_has_a_picture_of_full_size_and_little_weight(
    bars: int, scale: float, move: float, traded: float
) -> None:
    shown = market(bars, scale, move=move, traded=traded)

    png = drawn(shown, position(shown))

    assert Image.open(BytesIO(png)).size == (1920, 1080)
    assert len(png) <= 150_000


def test_the_same_market_is_the_same_bytes() -> None:
    assert drawn(market(), position(market())) == drawn(market(), position(market()))


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib, runpy, sys; "
        f"test = runpy.run_path({__file__!r}); "
        "sys.stdout.write(hashlib.sha256(test['drawn'](test['market']())).hexdigest()); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )

    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env={
        "PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "1"}).stdout  # fmt: skip

    assert told == hashlib.sha256(drawn(market())).hexdigest()


def test_a_picture_carries_no_date_and_no_name_of_the_program() -> None:
    assert not Image.open(BytesIO(drawn(market()))).info.keys() & {"Software", "Creation Time", "date:create"}


def test_the_newest_125_bars_are_drawn_and_the_means_reach_beyond_them() -> None:
    def with_close(row: int) -> bytes:
        shown = market(400)
        close = shown.candles.close.copy()  # type: ignore[attr-defined]
        close[row] = shown.candles.low[row]
        changed = replace(shown, candles=replace(shown.candles, close=close))
        return chart(changed, snapshot(market(400), shown.collected_at), None)

    untouched, far, behind, within = with_close(0), with_close(20), with_close(274), with_close(300)

    assert far == untouched  # no bar in the picture, no mean of one
    assert untouched not in {behind, within}


def test_a_simulated_market_says_so_and_a_real_one_does_not() -> None:
    real, simulated = market(), replace(market(), is_simulated=True)

    assert nearly(drawn(simulated), drawing.WARNING)
    assert not nearly(drawn(real), drawing.WARNING)


def test_an_open_position_shows_its_entry_stop_and_target() -> None:
    with_target = drawn(market(), position(market()))
    without = drawn(market(), position(market(), target=None))
    none = drawn(market())

    assert [nearly(png, drawing.STOP) for png in (with_target, without, none)] == [True, True, False]
    assert [nearly(png, drawing.TARGET) for png in (with_target, without, none)] == [True, False, False]
    assert nearly(with_target, drawing.ENTRY)


@pytest.mark.parametrize("side", Side)
def test_levels_far_beyond_the_bars_do_not_flatten_them(side: Side) -> None:
    tags = drawing._tags(snapshot(market(), START), position(market(), stop=0.01, target=50.0, side=side))
    shown = market().candles[-125:]

    axis = drawing._axis(shown, [np.array([tag.price for tag in tags])])

    span = max(shown.high) - min(shown.low)
    assert axis.high - axis.low <= 2.2 * span
    assert len(drawn(market(), position(market(), stop=0.01, target=50.0, side=side))) > 10_000


def test_words_of_another_alphabet_are_drawn_without_a_warning() -> None:
    shown = market()
    odd = replace(
        shown, symbol=Symbol("币安人生", "USDC"), candles=replace(shown.candles, symbol=Symbol("币安人生", "USDC"))
    )

    assert Image.open(BytesIO(drawn(odd))).size == (1920, 1080)


@given(st.lists(st.floats(-2_000, 3_000), min_size=1, max_size=15))
def test_labels_never_touch_and_stay_on_their_pane(wanted: list[float]) -> None:
    pane, height = (366.0, 944.0), 28.0

    placed = drawing._apart(np.array(wanted), pane, height)

    ordered = np.sort(placed)
    assert (np.diff(ordered) >= height - 1e-6).all()
    assert ordered[0] >= pane[0] + height / 2 - 1e-6 and ordered[-1] <= pane[1] - height / 2 + 1e-6
    assert (np.diff(placed[np.argsort(wanted, kind="stable")]) > 0).all()


def test_labels_with_room_stay_where_they_belong() -> None:
    wanted = np.array([700.0, 500.0, 600.0])

    np.testing.assert_array_equal(drawing._apart(wanted, (366.0, 944.0), 28.0), wanted)


def test_two_labels_of_one_price_share_the_room_around_it() -> None:
    np.testing.assert_array_equal(drawing._apart(np.array([600.0, 600.0]), (366.0, 944.0), 28.0), [586.0, 614.0])


@pytest.mark.parametrize(
    ("low", "high", "tick", "price", "said"),
    [
        (98_000.0, 110_000.0, "0.01", 107_146.5, "107,146.50"),
        (98_000.0, 110_000.0, "1", 107_146.5, "107,146"),
        (0.98, 1.02, "0.0001", 1.0, "1.0000"),
        (1.2e-5, 1.4e-5, "0.00000001", 1.234e-5, "0.00001234"),
        (0.98e-8, 1.1e-8, "0.00000000000001", 1.07146e-8, "1.07146e-8"),
        (1e6, 2e6, "0.1", 1_234_567.0, "1,234,567.0"),
    ],
)
def test_prices_are_written_as_fine_as_the_venues_tick(
    low: float, high: float, tick: str, price: float, said: str
) -> None:
    words = drawing._words(drawing._Axis(low, high, drawing.PRICE), Decimal(tick))

    assert words(price) == said
