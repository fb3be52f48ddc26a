"""What trades of one pattern did, held against the others of their side → rules, with their evidence for and against.

Found in the past, a rule is tested on trades that closed after it was found, and on no other. It is looked at again and
again, so its evidence is an e-value (Turner, Ly and Grünwald 2021); many are looked at, so they are judged together, by
e-BH (Wang and Ramdas 2022). docs/adr/0027 has the reasons, bench/rules.py the proof."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import sqrt

from ...domain.learning import Experience, Reflection, RuleKind, RuleStatus, SemanticRule, Statistics, Tally
from ...domain.policy import Memory
from .patterns import patterns

# A pattern is worth a test when this share of its trades agrees, so many standard errors more of them than of the
# others, and by so much.
AGREEMENT, SURPRISE, LEAD, EVEN = 0.6, 1.3, 0.05, 2
# Of the rules that are active, the share that is expected to be none.
LEVEL = 0.1
# What a pattern of more than so many traits weighs among all that are asked: there are so many more of them. More
# trades than these add no weight.
BROAD, FINER, WEIGHED = 3, 0.125, 30
# A bet begins with so many trades' worth of faith in a lead of `PROMISE`; a trade of those it was found in counts half,
# because they were picked. No bet is on a lead below `LEAST`, none holds a share for certain.
FAITH, PROMISE, PICKED, LEAST, SURE = 10.0, 0.4, 0.5, 0.05, 0.02
# A candidate is given up at this e-value. An active one is doubted, then given up, at these against `KEPT` of its lead.
REFUTED, DOUBTED, GIVEN_UP, KEPT = 0.1, 8.0, 32.0, 0.6
# e-values are told up to here: beyond, nothing changes any more.
CERTAIN = 1e9
# Living rules, given up ones that are remembered, and trades that a rule names.
LIVING, REMEMBERED, SHOWN = 40, 120, 20
NOTHING = Tally()
SPEAKING = (RuleStatus.ACTIVE, RuleStatus.PROBATION)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Trades that share a pattern, and the others of their side."""

    shared: Tally
    others: Tally

    def __sub__(self, earlier: "_Seen") -> "_Seen":
        return _Seen(self.shared - earlier.shared, self.others - earlier.others)


@dataclass(frozen=True, slots=True)
class _Bet:
    """That a share of `shared` does what a rule says, and only one of `others` of the others."""

    shared: float
    others: float


@dataclass(frozen=True, slots=True)
class _New:
    """A pattern that trades since the last reflection share: its traits, and whose they are."""

    pattern: str
    traits: Mapping[str, str]
    trade_ids: tuple[str, ...]


def is_due(closed_trades: int, memory: Memory) -> bool:
    """Every so many closed trades, counted over all pairs."""
    return closed_trades > 0 and closed_trades % memory.reflect_every == 0


def formed(
    now: Statistics, before: Reflection | None, newest: Sequence[Experience], at: datetime, memory: Memory
) -> tuple[tuple[SemanticRule, ...], tuple[SemanticRule, ...]]:
    """Every rule as it stands after this reflection, by pattern; and those of them that are a new edition: with new
    trades of their own, or of another status. Until the next edition the others go on being counted.

    `now`: of all trades, with a tally for each pattern ("pattern …") and side ("side …"). `newest`: the trades since
    `before`, oldest first."""
    earlier = before.statistics if before else Statistics()
    known = {rule.pattern: rule for rule in before.rules} if before else {}
    new = _shared(newest)
    standing = {name: _tested(rule, earlier, now, new.get(name)) for name, rule in known.items()}
    standing = _judged(standing)
    found = [
        candidate
        for name, one in new.items()
        if (candidate := _found(one, now, known.get(name), at, memory)) is not None
    ]
    standing |= {rule.pattern: rule for rule in _best(found, standing.values())}
    told = [_told(rule, known.get(name), now, at) for name, rule in sorted(standing.items())]
    whole = _remembered(told)
    return whole, tuple(rule for rule in whole if rule.formed_at == at and rule != known.get(rule.pattern))


def _shared(newest: Iterable[Experience]) -> dict[str, _New]:
    found: dict[str, _New] = {}
    for experience in newest:
        for name, traits in patterns(experience).items():
            ids = found[name].trade_ids if name in found else ()
            found[name] = _New(name, traits, (*ids, experience.trade_id))
    return found


def _seen(name: str, side: str, statistics: Statistics) -> _Seen:
    shared = statistics.by_trait.get(f"pattern {name}", NOTHING)
    return _Seen(shared, statistics.by_trait.get(f"side {side}", NOTHING) - shared)


def _hits(tally: Tally, kind: RuleKind) -> int:
    """Those that did what the rule says: won, or lost."""
    return tally.wins if kind is RuleKind.FAVOR else tally.losses


def _share(hits: float, trades: float, toward: float, faith: float) -> float:
    return min(max((hits + faith * toward) / (trades + faith), SURE), 1 - SURE)


def _tested(rule: SemanticRule, earlier: Statistics, now: Statistics, new: _New | None) -> SemanticRule:
    """With what came since the last reflection. Bets are made from what was known before it."""
    if rule.status is RuleStatus.RETIRED:
        return rule
    before = _seen(rule.pattern, rule.traits["side"], earlier)
    block = _seen(rule.pattern, rule.traits["side"], now) - before
    others = _share(_hits(before.others, rule.kind), before.others.trades, 0.5, 2)
    others = _share(_hits(rule.others, rule.kind), rule.others.trades, others, FAITH)
    shared = _share(
        PICKED * _hits(rule.found, rule.kind) + _hits(rule.tested, rule.kind),
        PICKED * rule.found.trades + rule.tested.trades, others + PROMISE, FAITH,
    )  # fmt: skip
    lead = max(shared - others, LEAST)
    paid = _paid(block, rule.kind, _Bet(min(others + lead, 1 - SURE / 2), others))
    return replace(
        rule,
        tested=rule.tested + block.shared,
        others=rule.others + block.others,
        e_value=_rounded(rule.e_value * paid),
        doubt=_rounded(max(1.0, rule.doubt * _doubted(block, rule.kind, others, lead))),
        trade_ids=(*rule.trade_ids, *(new.trade_ids if new else ()))[-SHOWN:],
    )


def _rounded(value: float) -> float:
    """To six digits: powers differ in their last from one processor to another."""
    return float(f"{min(value, CERTAIN):.6g}")


def _paid(block: _Seen, kind: RuleKind, bet: _Bet, margin: float = 0.0) -> float:
    """What a stake of 1 against "the pattern hits no more often than the others and `margin`" has become.

    Each trade of the pattern pays 1 + λ(hit − mean), each other 1 − κ(hit + margin − mean), with λ times the trades of
    the pattern = κ times the others = c. Its expectation is then exp(c · (share − other share − margin)) at most, so 1
    where the claim is true, whatever the shares. Without a margin it is the likelihood ratio of Turner et al."""
    a, b = block.shared.trades, block.others.trades
    if not a or not b:
        return 1.0
    mean = (a * bet.shared + b * (bet.others + margin)) / (a + b)
    spread = mean * (1 - mean)
    stake, against = (bet.shared - mean) / spread, (mean - bet.others - margin) / spread
    hits, others = _hits(block.shared, kind), _hits(block.others, kind)
    return float(
        (1 + stake * (1 - mean)) ** hits
        * (1 - stake * mean) ** (a - hits)
        * (1 - against * (1 + margin - mean)) ** others
        * (1 - against * (margin - mean)) ** (b - others)
    )


def _doubted(block: _Seen, kind: RuleKind, others: float, lead: float) -> float:
    """The same against "it leads by most of what was seen", in misses: who bets says that it does not lead at all."""
    contrary = RuleKind.AVOID if kind is RuleKind.FAVOR else RuleKind.FAVOR
    kept = min(KEPT * lead, (1 - others) / 2)
    return _paid(block, contrary, _Bet(1 - others, 1 - others), -kept)


def _weight(rule: SemanticRule) -> float:
    """What a rule counts for among all that are asked; by what was known when it was found, nothing that came since.

    What came often will come often, so it can be proved; of the finer there are many."""
    return min(rule.found.trades, WEIGHED) * (1.0 if len(rule.traits) <= BROAD else FINER)


def _passing(rules: Iterable[SemanticRule]) -> float:
    """The weighted e-value from which a rule holds: e-BH over every pattern that was found, given up or not,
    as long as it is remembered."""
    every = list(rules)
    asked = sum(map(_weight, every)) / LEVEL
    living = (_weight(rule) * rule.e_value for rule in every if rule.status is not RuleStatus.RETIRED)
    passed = [n for n, value in enumerate(sorted(living, reverse=True), 1) if value * n >= asked]
    return asked / max(passed, default=1)


def _judged(standing: Mapping[str, SemanticRule]) -> dict[str, SemanticRule]:
    """Status by evidence; of rules that say the same of nested patterns only that with most evidence speaks."""
    needed = _passing(standing.values())
    after = {name: replace(rule, status=_status(rule, needed)) for name, rule in standing.items()}
    speaking: list[SemanticRule] = []
    for rule in sorted(after.values(), key=lambda r: (-r.e_value, len(r.traits), r.pattern)):
        if rule.status in SPEAKING:
            if any(_is_nested(rule, other) for other in speaking):
                after[rule.pattern] = replace(rule, status=RuleStatus.CANDIDATE)
            else:
                speaking.append(rule)
    return after


def _is_nested(rule: SemanticRule, other: SemanticRule) -> bool:
    return rule.kind is other.kind and (
        rule.traits.items() <= other.traits.items() or rule.traits.items() >= other.traits.items()
    )


def _status(rule: SemanticRule, needed: float) -> RuleStatus:
    match rule.status:
        case RuleStatus.CANDIDATE if rule.e_value <= REFUTED or rule.doubt >= GIVEN_UP:
            return RuleStatus.RETIRED
        case RuleStatus.CANDIDATE if _weight(rule) * rule.e_value >= needed and rule.doubt < DOUBTED:
            return RuleStatus.ACTIVE if _is_paid(rule.tested, rule.kind) else rule.status
        case RuleStatus.ACTIVE | RuleStatus.PROBATION if rule.doubt >= GIVEN_UP:
            return RuleStatus.RETIRED
        case RuleStatus.ACTIVE if rule.doubt >= DOUBTED:
            return RuleStatus.PROBATION
        case RuleStatus.PROBATION if rule.doubt <= 1:
            return RuleStatus.ACTIVE
    return rule.status


def _is_paid(tally: Tally, kind: RuleKind) -> bool:
    """Money points where the counts do."""
    return tally.returns > 0 if kind is RuleKind.FAVOR else tally.returns < 0


def _found(
    new: _New, now: Statistics, before: SemanticRule | None, at: datetime, memory: Memory
) -> SemanticRule | None:
    """A candidate, where the past agrees enough to be worth a test; after one was given up, only what came since.

    What the last test left of its stake is what the next begins with: a pattern has one e-value, however often it is
    found."""
    if before and before.status is not RuleStatus.RETIRED:
        return None
    seen = _seen(new.pattern, new.traits["side"], now)
    shared = seen.shared - _all(before) if before else seen.shared
    for kind, fewest in ((RuleKind.FAVOR, memory.min_wins), (RuleKind.AVOID, memory.min_losses)):
        if _is_agreed(shared, kind, fewest) and _surprise(shared, seen.others, kind) >= SURPRISE:
            return SemanticRule(
                id="", pattern=new.pattern, kind=kind, status=RuleStatus.CANDIDATE, text="", wins=0, losses=0,
                mean_return_ratio=0.0, formed_at=at, trade_ids=new.trade_ids[-SHOWN:], traits=new.traits,
                found=shared, e_value=min(1.0, before.e_value) if before else 1.0,
            )  # fmt: skip
    return None


def _is_agreed(tally: Tally, kind: RuleKind, fewest: int) -> bool:
    hits = _hits(tally, kind)
    return hits >= fewest and hits >= AGREEMENT * tally.trades and _is_paid(tally, kind)


def _all(rule: SemanticRule) -> Tally:
    trades = rule.wins + rule.losses
    return Tally(trades, rule.wins, rule.mean_return_ratio * trades)


def _surprise(shared: Tally, others: Tally, kind: RuleKind) -> float:
    """By how many standard errors more of the pattern's trades agree than of the others, of whom there are always a
    few, half and half; 0 for a lead not worth a test."""
    a, b = shared.trades + EVEN, others.trades + 2 * EVEN
    hits, other_hits = _hits(shared, kind) + EVEN / 2, _hits(others, kind) + EVEN
    lead, mean = hits / a - other_hits / b, (hits + other_hits) / (a + b)
    return lead / sqrt(mean * (1 - mean) * (1 / a + 1 / b)) if lead >= LEAD else 0.0


def _best(found: Iterable[SemanticRule], standing: Iterable[SemanticRule]) -> list[SemanticRule]:
    """Those with most trades behind them, as many as there is room for."""
    room = LIVING - sum(rule.status is not RuleStatus.RETIRED for rule in standing)
    return sorted(found, key=lambda rule: (-_weight(rule), rule.pattern))[: max(room, 0)]


def _told(rule: SemanticRule, known: SemanticRule | None, now: Statistics, at: datetime) -> SemanticRule:
    """With all its evidence in numbers and words; a new edition where it has trades of its own or another status."""
    if known and known.status is rule.status is RuleStatus.RETIRED:
        return rule
    whole = now.by_trait.get(f"pattern {rule.pattern}", NOTHING)
    rule = replace(
        rule,
        wins=whole.wins,
        losses=whole.losses,
        mean_return_ratio=whole.mean_return_ratio or 0.0,
        text=_text(rule),
    )
    if known and known.status is rule.status and known.tested.trades == rule.tested.trades:
        return rule
    return replace(rule, id=f"rule#{rule.pattern}#{now.whole.trades}", formed_at=at)


def _text(rule: SemanticRule) -> str:
    said = {
        RuleStatus.CANDIDATE: "not proved yet: ",
        RuleStatus.ACTIVE: "",
        RuleStatus.PROBATION: "in doubt, the newest speak against it: ",
        RuleStatus.RETIRED: "given up: ",
    }[rule.status]
    since = f"since it was found {_record(rule.tested)}" if rule.tested.trades else "not one since it was found"
    side, count = rule.traits["side"], rule.others.trades
    others = f"the {count} other {side}s since: {_record(rule.others)}" if count else f"no other {side} yet"
    return f"{said}{since}, held against {others}; found in {_record(rule.found)}"


def _record(tally: Tally) -> str:
    counts = f"{tally.wins} won, {tally.losses} lost"
    return f"{counts}, mean {tally.returns / tally.trades * 100:+.2f} %" if tally.trades else counts


def _remembered(told: Sequence[SemanticRule]) -> tuple[SemanticRule, ...]:
    """All that live, and the newest of those that were given up."""
    retired = sorted((rule for rule in told if rule.status is RuleStatus.RETIRED), key=lambda rule: rule.formed_at)
    forgotten = {rule.pattern for rule in retired[: max(len(retired) - REMEMBERED, 0)]}
    return tuple(rule for rule in told if rule.pattern not in forgotten)
