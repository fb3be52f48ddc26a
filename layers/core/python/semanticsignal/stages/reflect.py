"""PositionClosed → LessonLearned | RuleFormed."""

from ..domain.decision import Decision
from ..domain.errors import Missing
from ..domain.events import Fact, LessonLearned, PositionClosed, RuleFormed
from ..domain.learning import Experience, SemanticRule
from ..domain.ledger import Closing, Entry, Learned
from ..domain.trading import Trade
from ..logic.reflect import lesson, rules
from ..ports import Facts, Sockets

PAGE = 1000


async def reflect(fact: PositionClosed, on: Sockets) -> Facts:
    """The ledger first, then the memory: what the index lacks after a crash is rebuilt from the ledger."""
    closing = await on.ledger.entry(f"PositionClosed:{fact.id}")
    if closing is None or not isinstance(closing.subject, Closing):
        raise Missing(f"no trade {fact.id} in the ledger")
    trade = closing.subject.trade
    decision = await on.ledger.entry(f"DecisionMade:{trade.decision_id}")
    if decision is None or not isinstance(decision.subject, Decision):
        raise Missing(f"trade {trade.id} has no decision {trade.decision_id}")
    learned = lesson.learned(trade, decision.subject)
    # Rules first: the lesson in the ledger then says that all of this trade's reflection is done.
    told = await _reflection(trade, learned.experience, on)
    standing = await on.ledger.record(Entry(LessonLearned(trade.id, trade.symbol, trade.closed_at), learned))
    if isinstance(standing.subject, Learned):
        await on.memory.remember(standing.subject.experience)
    return (*told, standing.fact)


async def _reflection(trade: Trade, newest: Experience, on: Sockets) -> Facts:
    if not rules.is_due(trade.number, on.settings.memory):
        return ()
    before = [e for e in await experiences(on) if e.closed_at <= trade.closed_at and e.id != newest.id]
    standing = await on.memory.rules(until=trade.closed_at)
    # A first run that broke off may have formed some already: they are told again.
    told: list[Fact] = [RuleFormed(rule.id, rule.formed_at) for rule in standing if rule.formed_at == trade.closed_at]
    for rule in rules.formed((*before, newest), standing, trade.closed_at, on.settings.memory):
        entry = await on.ledger.record(Entry(RuleFormed(rule.id, rule.formed_at), rule))
        if isinstance(entry.subject, SemanticRule):
            await on.memory.learn(entry.subject)
        told.append(entry.fact)
    return tuple(dict.fromkeys(told))


async def experiences(on: Sockets) -> list[Experience]:
    """Everything lived, in the order in which it was learned."""
    found: list[Experience] = []
    after = 0
    while True:
        page = await on.ledger.entries(kinds=("LessonLearned",), after=after, limit=PAGE)
        found += [entry.subject.experience for entry in page if isinstance(entry.subject, Learned)]
        if len(page) < PAGE:
            return found
        after = page[-1].seq
