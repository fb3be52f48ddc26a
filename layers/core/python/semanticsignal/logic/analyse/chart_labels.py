"""What a chart says and where: round steps, prices in words, dates, and labels that do not lie on each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import floor, isfinite, log10
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.market import exact, instant

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Pane = tuple[float, float]  # bottom and top, in pixels
Box = tuple[float, float, float, float]  # left, bottom, right, top, in pixels

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MONDAY_MS = 4 * DAY_MS  # the epoch was a Thursday
SPANS = (
    *(HOUR_MS // n for n in (60, 12, 4, 2)),
    *(HOUR_MS * n for n in (1, 2, 4, 6, 12)),
    *(DAY_MS * n for n in (1, 2)),
)
WEEKS, MONTHS_SPANNED = (1, 2), (1, 3, 6, 12)
MOST_DATES = 12
MOST_DIGITS = 10  # behind the point; a price below a millionth that needs more is written with an exponent


class Axis(NamedTuple):
    """Values between `low` and `high` on a pane; all scales become pixels here, so 1e-8 draws like 1e6."""

    low: float
    high: float
    pane: Pane

    def y(self, value: Array) -> Array:
        bottom, top = self.pane
        return np.asarray(bottom + (value - self.low) / (self.high - self.low) * (top - bottom), dtype=np.float64)

    def at(self, value: float) -> float:
        """One value, in the middle of its pixel."""
        return round(float(self.y(np.array([value]))[0])) + 0.5

    def step(self, parts: int = 8) -> float:
        """The round step, 1, 2 or 5 times a power of ten, that parts the axis into about so many."""
        rough = (self.high - self.low) / parts
        power = 10.0 ** floor(log10(rough))
        return next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * (1 - 1e-9))

    def ticks(self, parts: int = 8) -> Array:
        step = self.step(parts)
        first, last = np.ceil(self.low / step - 1e-9), np.floor(self.high / step + 1e-9)
        return np.asarray(step * np.arange(first, last + 1), dtype=np.float64)


class Words(NamedTuple):
    """How prices are written: with so many digits behind the point, `power` as the one exponent of all if any."""

    digits: int
    power: int | None = None

    def __call__(self, price: float | Decimal) -> str:
        exactly = price if isinstance(price, Decimal) else exact(price)
        if self.power is None:
            return f"{exactly:,.{self.digits}f}"
        return f"{exactly.scaleb(-self.power):.{max(0, self.digits + self.power)}f}e{self.power}"


def words(tick: Decimal, highest: float, last: Decimal) -> Words:
    """Prices to the venue's tick, and finer where the last price is known to be: a tick is of today, prices are not."""
    digits = max(_decimals(tick), _decimals(last) if len(last.normalize().as_tuple().digits) <= MOST_DIGITS else 0)
    power = floor(log10(highest))
    if digits > MOST_DIGITS and power <= -6:
        return Words(digits, power)
    return Words(min(digits, MOST_DIGITS))


def tick_words(step: float, of: Words) -> Words:
    """Round numbers beside an axis, as short as they are round, in the notation of the prices."""
    return Words(max(0, -floor(log10(step) + 1e-9)), of.power)


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def short(amount: float) -> str:
    """An amount in four digits: 1.234M."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.4g}{letter}" if amount < 1e16 else f"{amount:.3g}"
    return f"{amount:.4g}"


def signed(value: float, digits: int = 2) -> str:
    """With its sign; what rounds to nothing is no loss."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def percent(name: str, ratio: float | None, *, is_signed: bool = True) -> str:
    """Nothing at all for what is not known."""
    if ratio is None or not isfinite(ratio):
        return ""
    return f"{name} {signed(ratio * 100) if is_signed else f'{ratio * 100:.2f}'} %"


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def needs(name: str, bars: int, there: int) -> str:
    return f"{name} needs {bars} bars, there {'is' if there == 1 else 'are'} {there}"


def plain(text: str) -> str:
    """Foreign words as the font can draw them."""
    return text.encode("ascii", "replace").decode()


# --- Dates -----------------------------------------------------------------------------------------------------------


def dates(opened: Whole, frame_ms: int, slots: int) -> tuple[int, list[int]]:
    """Which bars begin a new quarter of an hour, hour, day, week or month, whichever gives at most twelve; and how long
    that is, in ms."""
    before = np.concatenate([opened[:1] - frame_ms, opened])
    span, keys = next(
        (span, keys) for span, keys in _clocks(before) if frame_ms * slots / span <= MOST_DATES or span > 360 * DAY_MS
    )
    rows = [int(row) for row in np.flatnonzero(np.diff(keys))]
    return span, rows or [len(opened) - 1]


def _clocks(opened: Whole) -> Iterable[tuple[int, Whole]]:
    """Each length there is, with a number for each bar that changes when another such length begins."""
    yield from ((span, opened // span) for span in SPANS)
    yield from ((7 * n * DAY_MS, (opened - MONDAY_MS) // (7 * n * DAY_MS)) for n in WEEKS)
    months = opened.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    yield from ((30 * n * DAY_MS + 5 * DAY_MS * (n == MONTHS_SPANNED[-1]), months // n) for n in MONTHS_SPANNED)


def date(opened_ms: int, span: int, before_ms: int | None) -> str:
    """What is written below a bar. The first says its day or its year, and so does each that is of another than the
    one before it."""
    at, before = instant(opened_ms), None if before_ms is None else instant(before_ms)
    month, is_new_year = MONTHS[at.month - 1], before is None or before.year != at.year
    day = month if span >= 28 * DAY_MS else f"{month} {at.day}"
    if span >= DAY_MS or not opened_ms % DAY_MS:
        return f"{day} {at.year}" if is_new_year else day
    return f"{at:%H:%M}" if before and before.date() == at.date() else f"{day} {at:%H:%M}"


# --- Room ------------------------------------------------------------------------------------------------------------


def apart(wanted: Array, pane: Pane, height: float) -> Array:
    """Each label as near to where it belongs as it can be with none on another: neighbors that would touch share
    the room around their middle."""
    order = np.argsort(wanted, kind="stable")
    half = height / 2
    groups: list[list[float]] = []  # middle, labels
    for y in wanted[order]:
        groups.append([float(y), 1])
        while True:
            middle, count = groups[-1]
            reach = min(count * half, (pane[1] - pane[0]) / 2)
            groups[-1][0] = min(max(middle, pane[0] + reach), pane[1] - reach)
            if len(groups) < 2 or groups[-1][0] - groups[-2][0] >= (count + groups[-2][1]) * half:
                break
            above, below = groups.pop(), groups.pop()
            total = above[1] + below[1]
            groups.append([(above[0] * above[1] + below[0] * below[1]) / total, total])
    placed = np.empty_like(wanted)
    placed[order] = [middle + (k - (n - 1) / 2) * height for middle, n in groups for k in range(int(n))]
    return placed


def spots(anchor: tuple[float, float], size: tuple[float, float], within: Box, *, is_above: bool) -> Array:
    """Where a label of a point may stand, best first: over it (or under), farther, beside; all within the box."""
    (x, y), (width, height) = anchor, size
    left, bottom, right, top = within
    aside = width / 2 + 9
    lifts = [12.0 + n * height for n in range(4)]
    places = [(0.0, lift) for lift in lifts] + [(shift, lift - height) for lift in lifts for shift in (-aside, aside)]
    boxes = []
    for shift, lift in places:
        middle = min(max(x + shift, left + width / 2), right - width / 2)
        low = y + lift if is_above else y - lift - height
        low = min(max(low, bottom), top - height)
        boxes.append((middle - width / 2, low, middle + width / 2, low + height))
    return np.array(boxes, dtype=np.float64)


def first_free(boxes: Array, taken: Sequence[Array]) -> Box | None:
    """The first box that touches none of those taken."""
    touches = np.zeros(len(boxes), dtype=bool)
    for others in taken:
        if len(others):
            apart_x = (boxes[:, None, 0] >= others[None, :, 2]) | (boxes[:, None, 2] <= others[None, :, 0])
            apart_y = (boxes[:, None, 1] >= others[None, :, 3]) | (boxes[:, None, 3] <= others[None, :, 1])
            touches |= ~(apart_x | apart_y).all(axis=1)
    free = np.flatnonzero(~touches)
    if not len(free):
        return None
    left, bottom, right, top = (float(edge) for edge in boxes[free[0]])
    return left, bottom, right, top


def swing_names(highs: Sequence[tuple[int, float]], lows: Sequence[tuple[int, float]]) -> dict[tuple[int, bool], str]:
    """Bar and whether it is a high → higher or lower than the swing of its kind before it; the first is but a swing."""
    named: dict[tuple[int, bool], str] = {}
    for swings, is_high, (first, higher, lower, equal) in (
        (highs, True, ("high", "HH", "LH", "=H")),
        (lows, False, ("low", "HL", "LL", "=L")),
    ):
        before: float | None = None
        for row, price in swings:
            if before is None:
                named[row, is_high] = first
            else:
                named[row, is_high] = higher if price > before else lower if price < before else equal
            before = price
    return named
