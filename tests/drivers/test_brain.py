"""Which of all decisions the graph is made of, as it is read from the ledger."""

from decimal import Decimal

from remembered import CHAIN, LATER, LEDGER, closed, made, opened
from world import BTC, ETH

from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.domain.decision import Action
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Symbol
from semanticsignal.drivers.brain import told
from semanticsignal.logic.show.brain import BrainView

# Held for long, then traded again and again.
SINCE = [made(f"hold {n}", Action.HOLD, 6, 0) for n in range(400)] + [
    entry for n in range(9) for entry in (made(f"b{n}", Action.BUY, 7, 0), opened(f"b{n}", 7, 0), closed(f"b{n}", 8, 0))
]


async def graph(
    *entries: Entry, limit: int = 24, symbol: Symbol | None = None, asked: str = ""
) -> tuple[BrainView, set[tuple[str, str, str]]]:
    ledger = InMemoryLedger(Decimal(10_000))
    for entry in entries:
        await ledger.record(entry)
    about = await ledger.entry(f"DecisionMade:{asked}") if asked else None
    view = await told(ledger, LATER, symbol, limit, about)
    return view, {(edge.kind, edge.source, edge.target) for edge in view.edges}


async def test_all_is_told_where_all_is_little() -> None:
    view, lines = await graph(*LEDGER)

    assert lines == CHAIN
    assert not view.earlier


async def test_trades_are_found_behind_any_number_of_holds_and_the_oldest_are_left_out() -> None:
    view, lines = await graph(*LEDGER, *SINCE, limit=10)

    assert view.earlier
    assert {target for kind, _, target in lines if kind == "opened"} == {
        "entry:next#order", *(f"entry:b{n}#order" for n in range(9)),
    }  # fmt: skip
    assert not {source for kind, source, _ in lines if kind == "moved"}


async def test_whatever_decision_of_an_old_trade_is_asked_for_brings_all_of_it() -> None:
    for asked in ("buy", "again", "close"):
        view, lines = await graph(*LEDGER, *SINCE, limit=2, asked=asked)

        assert {line for line in CHAIN if "next" not in line[1] + line[2]} <= lines, asked
        assert "decision:buy" in {node.id for node in view.nodes[:6]}


async def test_another_pair_has_a_graph_of_its_own() -> None:
    mine, _ = await graph(*LEDGER, symbol=BTC)
    other, _ = await graph(*LEDGER, symbol=ETH)

    assert mine.nodes and not other.nodes


async def test_a_trade_that_was_open_for_long_does_not_bring_along_all_that_happened_meanwhile() -> None:
    view, lines = await graph(
        made("long", Action.BUY, 0, 0), opened("long", 0, 0), *LEDGER, closed("long", 9, 0), limit=1
    )

    assert view.earlier
    assert {target for _, _, target in lines} == {"entry:long#order", "close:long#order#closed"}
