"""What the terminal shows of a running instance: a pure function from what is known to lines. No colour says anything
that the words beside it do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from ..logic.show.views import DecisionView, HealthView, PositionView, TradeView
from .lines import one_line

# Narrower than this each thing has a line of its own.
WIDE = 80
MARGIN = 2
# With fewer lines the address, which d tells, and empty lines give way to what is open and decided.
ROOMY = 16
# Of a reason: of the chosen pair, and of the others.
CHOSEN_LINES, OTHER_LINES = 4, 1
# Of a log, where there is hardly room.
LOG_LEAST = 1
GOOD, BAD, DIM, STRONG, MARK = "green", "red", "dim", "bold", "bold cyan"
ACTIONS = {"BUY": GOOD, "SELL": BAD, "CLOSE": "yellow", "UPDATE": "yellow"}
KEYS = (("a", "analyse"), ("↑↓", "pair"), ("h", "help"), ("d", "dashboard"), ("q", "quit"))
HELP = (
    ("a", "analyse the chosen pair now, outside its candle"),
    ("↑ ↓ tab", "choose a pair"),
    ("d", "open the dashboard, or say where it is"),
    ("h", "show or hide this help"),
    ("q", "quit; asks first while a position is open: y or q, n or Esc"),
    ("Ctrl-L", "draw the screen anew"),
    ("Ctrl-Z", "to the shell; fg comes back"),
)
# For terminals that speak ASCII only.
ASCII = str.maketrans({"▸": ">", "●": "*", "·": "-", "×": "x", "…": "~", "↑": "^", "↓": "v", "–": "-", "━": "-"})


@dataclass(frozen=True, slots=True)
class Screen:
    """All that is shown. `positions` and `equity_quote` at the newest prices; `decided`: the newest of each pair, and
    `log` oldest first."""

    health: HealthView
    address: str
    positions: tuple[PositionView, ...]
    equity_quote: Decimal
    start_quote: Decimal
    peak_quote: Decimal | None
    trades: int
    decided: tuple[DecisionView, ...]
    chosen: str
    last_trade: TradeView | None = None
    said: str = ""
    log: tuple[str, ...] = ()
    is_helping: bool = False


def drawn(screen: Screen, width: int, height: int) -> list[Text]:
    """Exactly `height` lines, none wider than `width`."""
    head = [line for text in _head(screen, width, is_roomy=height >= ROOMY) for line in _folded(text, width, 3)]
    foot = _foot(screen, width)
    room = max(0, height - len(head) - len(foot))
    if screen.is_helping:
        body = [line for text in _help(width) for line in _folded(text, width, 2)][:room]
    else:
        body = _body(screen, width, room)
    lines = [*head, *body][: max(0, height - len(foot))]
    lines += [Text()] * (height - len(foot) - len(lines))
    lines = (lines + foot)[-height:] if height < len(lines) + len(foot) else lines + foot
    return [_cut(line, width) for line in lines]


def quote(amount: Decimal) -> str:
    """Money as people read it."""
    return f"{amount:,.2f}"


def price(value: Decimal) -> str:
    """With as many digits as the size of it needs."""
    size = abs(value)
    digits = 2 if size >= 1000 else 4 if size >= 1 else 8
    text = f"{value:,.{digits}f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def span(length: timedelta) -> str:
    """The two largest units of it."""
    seconds = max(0, round(length.total_seconds()))
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    parts: list[str] = []
    for size, name in units:
        many, seconds = divmod(seconds, size)
        if many or parts:
            parts.append(f"{many} {name}")
    return " ".join(parts[:2]) or "0 s"


def _head(screen: Screen, width: int, *, is_roomy: bool) -> Iterator[Text]:
    health = screen.health
    market = "SIMULATED market" if health.is_simulated else "live market"
    yield Text.assemble(("Semantic Signal", STRONG), (f"  {market}, paper money only", "yellow"))
    style = {"running": GOOD, "degraded": BAD}.get(health.status, "yellow")
    said = health.status if health.status != "starting" else f"living through history, {health.history_done_ratio:.0%}"
    speed = "" if health.speed == 1 else f" · {health.speed:g}×"
    yield Text.assemble(
        ("● ", style), (said, f"bold {style}"),
        f"  {one_line(health.market_source)} · {health.timeframe}{speed} · {one_line(health.model)}",
    )  # fmt: skip
    if health.problem:
        yield Text(one_line(health.problem), style=BAD)
    yield _countdown(health)
    if is_roomy:
        yield Text(screen.address, style="underline")
        yield Text()
    yield from _money(screen, width)


def _countdown(health: HealthView) -> Text:
    line = Text(f"{health.now:%Y-%m-%d %H:%M} UTC", style=DIM)
    if health.next_candle_at is None:
        return line
    left = health.next_candle_at - health.now
    here = "" if health.speed == 1 else f", {span(left / health.speed)} here"
    return line.append_text(
        Text.assemble(("  next candle in ", ""), (span(left), STRONG), f" ({health.next_candle_at:%H:%M}{here})")
    )


def _money(screen: Screen, width: int) -> Iterator[Text]:
    net = screen.equity_quote - screen.start_quote
    peak = max(screen.peak_quote or screen.start_quote, screen.equity_quote)
    fall = float((peak - screen.equity_quote) / peak) if peak else 0.0
    share = f" ({float(net / screen.start_quote):+.2%})" if screen.start_quote else ""
    parts = (
        Text.assemble("equity ", (quote(screen.equity_quote), STRONG)),
        Text.assemble("net ", (f"{net:+,.2f}{share}", _sign(net))),
        Text.assemble("drawdown ", (f"{fall:.2%}", BAD if fall >= 0.1 else "")),
        Text(f"{screen.trades} trade{'s' * (screen.trades != 1)} closed"),
    )
    if width >= WIDE:
        yield Text("   ").join(parts)
    else:
        yield Text("  ").join(parts[:2])
        yield Text("  ").join(parts[2:])


def _sign(amount: Decimal) -> str:
    return GOOD if amount > 0 else BAD if amount < 0 else ""


def _body(screen: Screen, width: int, room: int) -> list[Text]:
    """Positions first, then decisions, the chosen pair for certain; what is left is log."""
    gap = [Text()] * (room >= ROOMY - 8)
    lines = [*gap]
    for held in screen.positions:
        lines += _position(held, width)
    if not screen.positions:
        lines.append(Text("no open position", style=DIM))
    lines += gap
    blocks = [(view.symbol, _decision(view, width, is_chosen=view.symbol == screen.chosen)) for view in screen.decided]
    lines += _fitting(blocks, screen.chosen, room - len(lines))
    if trade := screen.last_trade:
        lines += [Text(), *_folded(_trade(trade), width, 2)]
    free = room - len(lines) - 1
    if free >= LOG_LEAST and screen.log:
        lines.append(Text())
        lines += [_cut(Text(one_line(line), style=DIM), width) for line in screen.log[-free:]]
    return lines[:room]


def _position(held: PositionView, width: int) -> list[Text]:
    r = "" if held.r_now is None else f" ({held.r_now:+.2f} R)"
    pnl = (f"{held.unrealized_pnl_quote:+,.2f}{r} before fees", f"bold {_sign(held.unrealized_pnl_quote)}")
    title = Text.assemble(
        (f"{held.symbol} ", STRONG), (held.side, GOOD if held.side == "long" else BAD), f" {held.quantity:f}  ", pnl
    )
    target = "none" if held.target_price is None else price(held.target_price)
    levels = Text(f"stop {price(held.stop_price)} · target {target}")
    prices = Text(f"entry {price(held.entry_price)} · now {price(held.mark_price)}")
    rows: list[Text] = [title]
    for more in (prices, levels):
        joined = Text("  ").join((rows[-1], more))
        rows = [*rows[:-1], joined] if joined.cell_len <= width else [*rows, more]
    return [line for row in rows for line in _folded(row, width, 2)]


def _decision(made: DecisionView, width: int, *, is_chosen: bool) -> list[Text]:
    stated = "" if made.confidence_ratio is None else f"  sure {made.confidence_ratio:.0%}"
    asked = "  asked for" if made.is_forced else ""
    title = Text.assemble(
        ("▸ " if is_chosen else "  ", MARK), (f"{made.symbol} ", STRONG), (made.action, ACTIONS.get(made.action, "")),
        f" at {price(made.price)}", (f"  {made.decided_at:%H:%M}{stated}{asked}", DIM),
    )  # fmt: skip
    if made.refusals:
        why = f"{made.wanted or 'nothing'} refused: {made.refusals[0].reason}"
    else:
        why = made.reasoning or "no reason given"
    reason = _folded(Text(one_line(why)), width - MARGIN, CHOSEN_LINES if is_chosen else OTHER_LINES)
    return [title, *(Text(" " * MARGIN).append_text(line) for line in reason)]


def _fitting(blocks: list[tuple[str, list[Text]]], chosen: str, room: int) -> list[Text]:
    """All pairs, or so many around the chosen one as there is room for, and how many are left out."""
    if not blocks:
        return [Text("nothing decided yet", style=DIM)]
    at = next((n for n, (symbol, _) in enumerate(blocks) if symbol == chosen), 0)
    first, last = at, at + 1
    used = len(blocks[at][1])
    while True:
        later = last < len(blocks) and used + len(blocks[last][1]) + 1 <= room
        earlier = not later and first > 0 and used + len(blocks[first - 1][1]) + 1 <= room
        if later:
            used, last = used + len(blocks[last][1]), last + 1
        elif earlier:
            used, first = used + len(blocks[first - 1][1]), first - 1
        else:
            break
    lines = [line for _, block in blocks[first:last] for line in block]
    left = len(blocks) - (last - first)
    return [*lines, Text(f"  … {left} more pair{'s' * (left != 1)}", style=DIM)] if left else lines


def _trade(done: TradeView) -> Text:
    return Text.assemble(
        ("last trade  ", DIM), f"{done.symbol} {done.side}, closed by {done.exit_reason} {_when(done.closed_at)}  ",
        (f"{done.realized_pnl_quote:+,.2f}", _sign(done.realized_pnl_quote)),
    )  # fmt: skip


def _when(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"


def _help(width: int) -> Iterator[Text]:
    yield Text()
    for key, does in HELP:
        yield Text.assemble((f"{key:8} ", MARK), does) if width >= WIDE // 2 else Text.assemble((f"{key} ", MARK), does)
    yield Text()
    yield Text("Educational; paper money only, no real order is ever placed.", style=DIM)


def _foot(screen: Screen, width: int) -> list[Text]:
    keys = Text("  ").join(Text.assemble((key, MARK), f" {does}") for key, does in KEYS)
    if keys.cell_len > width:
        keys = Text(" ").join(Text.assemble((key, MARK), f" {does[:4]}") for key, does in KEYS)
    said = _folded(Text(one_line(screen.said), style="bold yellow"), width, 3) if screen.said else [Text()]
    return [*said, keys]


RULER = Console(width=WIDE, color_system=None, force_terminal=False, legacy_windows=False)


def _folded(text: Text, width: int, most: int) -> list[Text]:
    """Wrapped between words into at most so many lines; the last says that it goes on."""
    if not text.plain:
        return [text]
    lines = list(text.wrap(RULER, max(1, width)))
    if len(lines) > most:
        lines = lines[:most]
        lines[-1].append(" …")
    for line in lines:
        line.rstrip()
    return [_cut(line, width) for line in lines]


def _cut(line: Text, width: int) -> Text:
    if line.cell_len > width:
        line = line.copy()
        line.truncate(max(1, width), overflow="ellipsis")
    return line
