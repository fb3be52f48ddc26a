"""The chart's words: prices, amounts, dates, and room for each."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.market import Timeframe, epoch_ms
from semanticsignal.logic.analyse import chart_labels as labels

PANE, HEIGHT = (452.0, 944.0), 28.0


@given(st.lists(st.floats(-2_000, 3_000), min_size=1, max_size=15))
def test_labels_never_touch_and_stay_on_their_pane(wanted: list[float]) -> None:
    placed = labels.apart(np.array(wanted), PANE, HEIGHT)

    ordered = np.sort(placed)
    assert (np.diff(ordered) >= HEIGHT - 1e-6).all()
    assert ordered[0] >= PANE[0] + HEIGHT / 2 - 1e-6 and ordered[-1] <= PANE[1] - HEIGHT / 2 + 1e-6
    assert (np.diff(placed[np.argsort(wanted, kind="stable")]) > 0).all()


def test_labels_with_room_stay_where_they_belong() -> None:
    wanted = np.array([700.0, 500.0, 600.0])

    np.testing.assert_array_equal(labels.apart(wanted, PANE, HEIGHT), wanted)


def test_two_labels_of_one_price_share_the_room_around_it() -> None:
    np.testing.assert_array_equal(labels.apart(np.array([600.0, 600.0]), PANE, HEIGHT), [586.0, 614.0])


@pytest.mark.parametrize(
    ("tick", "price", "said"),
    [
        ("0.01", 107_146.5, "107,146.50"),
        ("1", 107_146.0, "107,146"),
        ("1E+1", 107_150.0, "107,150"),
        ("0.0001", 1.0, "1.0000"),
        ("0.00000001", 1.234e-5, "0.00001234"),
        ("0.00000000000001", 1.07146e-8, "1.071460e-8"),
        ("0.1", 1_234_567.0, "1,234,567.0"),
        ("0.01", 0.12345, "0.12345"),  # a price of before the tick was coarser
        ("0.01", 0.1234567890123, "0.12"),  # an average, no price of a venue
    ],
)
def test_prices_are_written_as_fine_as_the_venues_tick(tick: str, price: float, said: str) -> None:
    assert labels.words(Decimal(tick), price * 1.1, Decimal(repr(price)))(price) == said


@given(st.floats(1e-9, 1e9), st.floats(1e-6, 10.0), st.integers(2, 12))
def test_ticks_are_round_and_part_the_axis_into_about_as_many_as_asked(low: float, ratio: float, parts: int) -> None:
    axis = labels.Axis(low, low * (1 + ratio), PANE)

    step, ticks = axis.step(parts), axis.ticks(parts)

    assert f"{step:e}"[0] in "125"
    assert parts / 2.6 <= (axis.high - axis.low) / step <= parts * 1.0001
    assert (ticks >= axis.low - step * 1e-6).all() and (ticks <= axis.high + step * 1e-6).all()


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0.0, "0"), (12.3456, "12.35"), (1_234.0, "1.234k"), (5e6, "5M"), (7.5e9, "7.5B"), (1e12, "1T"), (2e17, "2e+17")],
)
def test_amounts_are_told_in_four_digits(amount: float, said: str) -> None:
    assert labels.short(amount) == said


def test_a_ratio_that_is_not_known_says_nothing() -> None:
    assert labels.percent("ATR", None) == "" == labels.percent("ATR", float("nan"))
    assert labels.percent("1 bar", -0.0123) == "1 bar −1.23 %"
    assert labels.percent("1 bar", -0.00001) == "1 bar +0.00 %"


def described(timeframe: Timeframe, bars: int = 125, start: datetime = datetime(2024, 12, 30, tzinfo=UTC)) -> list[str]:
    opened = np.array([epoch_ms(timeframe.floor(start)) + n * timeframe.ms for n in range(bars)], dtype=np.int64)
    span, rows = labels.dates(opened, timeframe.ms, max(40, bars))
    before = [None, *(int(opened[row]) for row in rows[:-1])]
    return [labels.date(int(opened[row]), span, last) for row, last in zip(rows, before, strict=True)]


@pytest.mark.parametrize("timeframe", Timeframe)
def test_every_timeframe_has_a_handful_of_dates_and_says_its_day_or_year_first(timeframe: Timeframe) -> None:
    told = described(timeframe)

    assert 4 <= len(told) <= 13
    assert "2024" in told[0] or "2025" in told[0]


@pytest.mark.parametrize(
    ("timeframe", "first"),
    [
        (Timeframe.M1, ["Dec 30 2024", "00:15", "00:30"]),
        (Timeframe.H1, ["Dec 30 2024", "12:00", "Dec 31", "12:00", "Jan 1 2025", "12:00"]),
        (Timeframe.M5, ["Dec 30 2024", "01:00", "02:00"]),
        (Timeframe.H4, ["Dec 31 2024", "Jan 2 2025", "Jan 4"]),
        (Timeframe.D1, ["Jan 6 2025", "Jan 20", "Feb 3"]),
        (Timeframe.W1, ["Jan 2025", "Apr", "Jul", "Oct", "Jan 2026"]),
    ],
)
def test_dates_fall_on_what_people_call_round(timeframe: Timeframe, first: list[str]) -> None:
    assert described(timeframe)[: len(first)] == first


def test_a_single_bar_that_begins_nothing_is_dated_all_the_same() -> None:
    assert described(Timeframe.H4, 1, datetime(2024, 5, 3, 8, tzinfo=UTC)) == ["May 3 2024"]


def test_a_bar_of_another_day_than_the_mark_before_it_says_its_day() -> None:
    opened = epoch_ms(datetime(2024, 5, 3, 8, tzinfo=UTC))

    assert labels.date(opened, labels.HOUR_MS, opened - labels.HOUR_MS) == "08:00"
    assert labels.date(opened, labels.HOUR_MS, opened - labels.DAY_MS) == "May 3 08:00"


def test_a_label_takes_the_nearest_place_that_is_free() -> None:
    within, size = (0.0, 0.0, 200.0, 200.0), (40.0, 20.0)
    places = labels.spots((100.0, 100.0), size, within, is_above=True)
    nothing, first = np.empty((0, 4)), places[:1]

    assert labels.first_free(places, [nothing]) == (80.0, 112.0, 120.0, 132.0)
    assert labels.first_free(places, [nothing, first]) == (80.0, 132.0, 120.0, 152.0)
    assert labels.first_free(places, [np.array([within])]) is None


@given(st.floats(-50, 250), st.floats(-50, 250), st.booleans())
def test_every_place_of_a_label_is_within_its_pane(x: float, y: float, is_above: bool) -> None:
    places = labels.spots((x, y), (40.0, 20.0), (0.0, 0.0, 200.0, 200.0), is_above=is_above)

    assert (places[:, :2] >= 0).all() and (places[:, 2:] <= 200).all()


def test_swings_are_held_against_the_one_of_their_kind_before_them() -> None:
    named = labels.swing_names([(0, 10.0), (4, 12.0), (8, 12.0), (12, 9.0)], [(2, 5.0), (6, 6.0), (10, 6.0), (14, 4.0)])

    assert [named[row, True] for row in (0, 4, 8, 12)] == ["high", "HH", "=H", "LH"]
    assert [named[row, False] for row in (2, 6, 10, 14)] == ["low", "HL", "=L", "LL"]
