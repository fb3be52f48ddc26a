"""How memories and rules led to decisions, and what came of these: a graph made of ledger entries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from ...domain.decision import Action, Decision, Refusal
from ...domain.learning import RuleKind, RuleStatus, SemanticRule
from ...domain.ledger import Amendment, Closing, Entry, Expiry, Learned, Opening
from ...domain.trading import Position, Side, Trade

NodeKind = Literal["memory", "rule", "decision", "entry", "update", "close", "refusal"]
EdgeKind = Literal["recalled", "shown", "opened", "moved", "closed", "taught", "refused"]
Tone = Literal["up", "down", "flat"]
# More cannot be read at once.
MOST = 120


@dataclass(frozen=True, slots=True)
class BrainNodeView:
    """`decision_id`: whose why tells more. Figures are there where the kind has them: of an entry its price and levels,
    of an update its levels, of a close its price and result, of a memory its result. Texts may be a model's words."""

    id: str
    kind: NodeKind
    title: str
    detail: str
    symbol: str | None
    at: datetime
    tone: Tone
    decision_id: str | None
    price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    pnl_quote: Decimal | None
    return_ratio: float | None
    r_multiple: float | None


BARE = BrainNodeView(
    "", "refusal", "", "", None, datetime.min.replace(tzinfo=UTC), "flat", None, None, None, None, None, None, None,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BrainEdgeView:
    """From what came first to what it led to: a memory `recalled` or a rule `shown` for a decision; a decision that
    `opened`, `moved`, `closed` or was `refused`; a close that `taught` a memory."""

    id: str
    source: str
    target: str
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class BrainView:
    """Nodes newest story first: a trade with all its decisions, or a refusal. `earlier`: older ones are left out."""

    nodes: tuple[BrainNodeView, ...]
    edges: tuple[BrainEdgeView, ...]
    earlier: bool


@dataclass(slots=True)
class _Story:
    """A trade from its decision to its lesson; or what came of a decision that opened none."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    opening: Opening | None = None
    amendments: dict[str, tuple[Entry, Amendment]] = field(default_factory=dict)
    closing: tuple[Entry, Closing] | None = None
    others: list[Entry] = field(default_factory=list)
    newest: tuple[datetime, int] | None = None

    def hears(self, entry: Entry) -> None:
        place = (entry.fact.at, entry.seq)
        self.newest = max(self.newest or place, place)


def is_told(decision: Decision) -> bool:
    """Whether it did something or was refused; most only look and hold."""
    return decision.action is not Action.HOLD or bool(decision.refusals)


def touched(entry: Entry) -> tuple[str, ...]:
    """The decisions behind a fact, the one that opened the trade first."""
    match entry.subject:
        case Decision(id=id):
            return (id,)
        case Opening(position=held):
            return (held.decision_id,)
        case Amendment(position=held, decision_id=id):
            return (held.decision_id, id)
        case Closing(trade=trade):
            return (trade.decision_id, *filter(None, (trade.close_decision_id,)))
        case Expiry(order=order):
            return (order.decision_id,)
    return ()


def brain(
    entries: Iterable[Entry], until: datetime, asked: str | None = None, earlier: bool = False, most: int = MOST
) -> BrainView:
    """What of these was known `until` then. `asked`: a decision that is told though it only held; its story is the
    first. In any order, any entry more than once."""
    known = {entry.id: entry for entry in entries if entry.fact.at <= until}
    facts = sorted(known.values(), key=lambda entry: entry.seq)
    drawing = _Drawing(facts)
    stories = _stories(facts, asked)
    first = next((key for key, story in stories.items() if asked in story.decisions), None)
    order = sorted(stories, key=lambda key: (key == first, stories[key].newest), reverse=True)
    whole = _Graph()
    for key in order:
        more = whole + drawing.drawn(stories[key])
        if whole.nodes and len(more.nodes) > most:
            earlier = True
            break
        whole = more
    return BrainView(tuple(whole.nodes.values()), tuple(whole.edges.values()), earlier)


def _newer(node: BrainNodeView, other: BrainNodeView | None) -> BrainNodeView:
    """A rule is one node, in the newest edition that was shown."""
    return other if other is not None and other.at >= node.at else node


def _stories(facts: list[Entry], asked: str | None) -> dict[str, _Story]:
    # What moved or closed a trade is told with that trade.
    opener = {id: first for entry in facts for first, *more in [touched(entry) or ("",)] for id in more}
    stories: dict[str, _Story] = {}
    for entry in facts:
        subject = entry.subject
        match subject:
            case Decision(id=id) if is_told(subject) or id == asked or id in opener:
                pass
            case Opening() | Amendment() | Closing() | Expiry() | Refusal():
                pass
            case _:
                continue
        first = next(iter(touched(entry)), entry.id)
        story = stories.setdefault(opener.get(first, first), _Story())
        story.hears(entry)
        match subject:
            case Decision():
                story.decisions[subject.id] = subject
            case Opening():
                story.opening = subject
            case Amendment():
                story.amendments[entry.id] = (entry, subject)
            case Closing():
                story.closing = (entry, subject)
            case _:
                story.others.append(entry)
    return stories


class _Drawing:
    def __init__(self, facts: list[Entry]) -> None:
        learned = [entry.subject for entry in facts if isinstance(entry.subject, Learned)]
        self._lived = {one.experience.id: one for one in learned}
        self._taught = {one.experience.trade_id: one for one in learned}
        self._rules = {entry.subject.id: entry.subject for entry in facts if isinstance(entry.subject, SemanticRule)}

    def drawn(self, story: _Story) -> "_Graph":
        graph = _Graph()
        for decision in story.decisions.values():
            self._thought(graph, decision)
        self._traded(graph, story)
        for entry in story.others:
            node = _undone(entry)
            graph.join("refused", _id(node.decision_id), graph.draw(node))
        return graph

    def _thought(self, graph: "_Graph", decision: Decision) -> None:
        made = graph.draw(_decision(decision))
        for lived in filter(None, map(self._lived.get, decision.recalled)):
            graph.join("recalled", graph.draw(_memory(lived)), made)
        for rule in filter(None, map(self._rules.get, decision.rules)):
            graph.join("shown", graph.draw(_rule(rule)), made)
        if decision.refusals:
            graph.join("refused", made, graph.draw(_refused(decision)))

    def _traded(self, graph: "_Graph", story: _Story) -> None:
        last = None
        if story.opening:
            last = graph.draw(_entry(story.opening.position))
            graph.join("opened", _id(story.opening.position.decision_id), last)
        for node, by in _updates(story):
            moved = graph.draw(node)
            graph.join("moved", last, moved)
            graph.join("moved", _id(by), moved)
            last = moved
        if story.closing:
            entry, closing = story.closing
            trade = closing.trade
            closed = graph.draw(_close(entry, trade))
            graph.join("closed", last or _id(trade.decision_id), closed)
            graph.join("closed", _id(trade.close_decision_id), closed)
            taught = self._taught.get(trade.id)
            if taught:
                graph.join("taught", closed, graph.draw(_memory(taught)))


class _Graph:
    def __init__(self) -> None:
        self.nodes: dict[str, BrainNodeView] = {}
        self.edges: dict[str, BrainEdgeView] = {}

    def draw(self, node: BrainNodeView) -> str:
        self.nodes[node.id] = _newer(node, self.nodes.get(node.id))
        return node.id

    def join(self, kind: EdgeKind, source: str | None, target: str) -> None:
        """Nothing where one of both is not told."""
        if source in self.nodes and target in self.nodes:
            id = f"{kind}:{source}>{target}"
            self.edges[id] = BrainEdgeView(id, source, target, kind)

    def __add__(self, other: "_Graph") -> "_Graph":
        both = _Graph()
        both.nodes = dict(self.nodes)
        both.edges = self.edges | other.edges
        for node in other.nodes.values():
            both.draw(node)
        return both


def _id(decision_id: str | None) -> str:
    return f"decision:{decision_id}"


def _updates(story: _Story) -> Iterator[tuple[BrainNodeView, str]]:
    held = story.opening.position if story.opening else None
    for entry, change in sorted(story.amendments.values(), key=lambda one: (one[0].fact.at, one[0].seq)):
        yield _update(entry, change, held), change.decision_id
        held = change.position


def _memory(lived: Learned) -> BrainNodeView:
    one = lived.experience
    return replace(
        BARE, id=f"memory:{one.id}", kind="memory", title=f"{one.side.capitalize()} {one.symbol}",
        detail=lived.lesson.text, symbol=str(one.symbol), at=one.closed_at, tone="up" if one.is_win else "down",
        decision_id=one.decision_id, return_ratio=one.return_ratio, r_multiple=one.r_multiple,
    )  # fmt: skip


def _rule(rule: SemanticRule) -> BrainNodeView:
    tone: Tone = "up" if rule.kind is RuleKind.FAVOR else "down"
    return replace(
        BARE, id=f"rule:{rule.pattern}", kind="rule", title=rule.pattern, at=rule.formed_at,
        detail=f"{rule.kind}, {rule.status}: {rule.text}", return_ratio=rule.mean_return_ratio,
        tone="flat" if rule.status is RuleStatus.RETIRED else tone,
    )  # fmt: skip


def _decision(made: Decision) -> BrainNodeView:
    signal = made.signal
    tones: dict[Action, Tone] = {Action.BUY: "up", Action.SELL: "down"}
    return replace(
        BARE, id=_id(made.id), kind="decision", title=signal.action if signal and made.refusals else made.action,
        detail=signal.reasoning if signal else "", symbol=str(made.symbol), at=made.decided_at,
        tone=tones.get(made.action, "flat"), decision_id=made.id, price=made.price,
    )  # fmt: skip


def _entry(held: Position) -> BrainNodeView:
    """The levels as they were then."""
    return replace(
        BARE, id=f"entry:{held.id}", kind="entry", title=f"{held.side.capitalize()} opened", symbol=str(held.symbol),
        at=held.opened_at, tone="up" if held.side is Side.LONG else "down", decision_id=held.decision_id,
        price=held.entry_price, stop_price=held.stop_price, target_price=held.target_price,
    )  # fmt: skip


def _update(entry: Entry, change: Amendment, before: Position | None) -> BrainNodeView:
    now = change.position
    moved = [
        name
        for name, was, level in (
            ("stop", before and before.stop_price, now.stop_price),
            ("target", before and before.target_price, now.target_price),
        )
        if before and was != level
    ]
    return replace(
        BARE, id=f"update:{entry.fact.id}", kind="update", symbol=str(now.symbol), at=entry.fact.at,
        title=f"{' and '.join(moved) or 'levels'} moved".capitalize(), decision_id=change.decision_id,
        stop_price=now.stop_price, target_price=now.target_price,
    )  # fmt: skip


def _close(entry: Entry, trade: Trade) -> BrainNodeView:
    return replace(
        BARE, id=f"close:{trade.id}", kind="close", title=f"Closed by {trade.exit_reason}", symbol=str(trade.symbol),
        detail="Stop and target lay within one bar, and the stop was taken." if trade.is_ambiguous else "",
        at=entry.fact.at, tone="up" if trade.is_win else "down" if trade.realized_pnl_quote < 0 else "flat",
        decision_id=trade.close_decision_id or trade.decision_id, price=trade.exit_price,
        pnl_quote=trade.realized_pnl_quote, return_ratio=trade.return_ratio, r_multiple=trade.r_multiple,
    )  # fmt: skip


def _refused(made: Decision) -> BrainNodeView:
    first, *others = made.refusals
    return replace(
        BARE, id=f"refusal:{made.id}", kind="refusal", symbol=str(made.symbol), at=made.decided_at,
        title=f"{first.guard} and {len(others)} more" if others else first.guard, decision_id=made.id,
        detail="\n".join(f"{one.guard}: {one.reason}" for one in made.refusals),
    )  # fmt: skip


def _undone(entry: Entry) -> BrainNodeView:
    """An order that did not fill, or a candle that came too late to decide on."""
    subject = entry.subject
    node = replace(BARE, id=f"refusal:{entry.id}", at=entry.fact.at)
    if isinstance(subject, Expiry):
        order, why = subject.order, subject.refusal
        return replace(
            node, title="Order expired", detail=f"{why.guard}: {why.reason}", symbol=str(order.symbol),
            decision_id=order.decision_id,
        )  # fmt: skip
    assert isinstance(subject, Refusal)
    return replace(node, title=subject.guard, detail=subject.reason, symbol=str(getattr(entry.fact, "symbol", "")))
