"""How nouns stand in Chroma: a record each, in the collection of its kind and pair."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import orjson

from ...codec import dumps
from ...domain.learning import Experience, Hindsight, PostMortem, RefusedEntry, SemanticRule
from ...domain.ledger import Memorable
from ...domain.market import Symbol, epoch_us
from ...logic.decide.recall import vector

# Names what `logic.decide.recall.vector` makes and how it is kept. Another one is another name: its collections fill
# from the ledger beside the old ones, which stay.
EMBEDDING = "v3"
LIVED, REFUSED = f"experiences_{EMBEDDING}", f"refusals_{EMBEDDING}"
RULES, WRITTEN = f"rules_{EMBEDDING}", f"postmortems_{EMBEDDING}"
# What one request to the server may hold: it refuses more than 40 MB.
MOST, MOST_BYTES = 200, 4_000_000


class Row(NamedTuple):
    """One record: what is compared, what is asked for, and the noun itself."""

    id: str
    point: Sequence[float]
    metadata: dict[str, Any]
    document: str


class Key(NamedTuple):
    """What the filters ask of a record, read from its id."""

    closed_us: int
    side: str
    regime: str
    id: str


def place(one: Memorable) -> str:
    """The name of its collection."""
    match one:
        case Experience():
            return pair(LIVED, one.symbol)
        case Hindsight():
            return pair(REFUSED, one.symbol)
        case PostMortem():
            return WRITTEN
        case SemanticRule():
            return RULES


def since_us(one: Memorable) -> int:
    """When it was known."""
    match one:
        case Experience() | Hindsight():
            return epoch_us(one.closed_at)
        case PostMortem():
            return epoch_us(one.written_at)
        case SemanticRule():
            return epoch_us(one.formed_at)


def pair(kind: str, symbol: Symbol) -> str:
    """A name may hold letters, digits and a few signs: what else a pair holds is written as its number."""
    return f"{kind}_{_spelled(symbol.base)}-{_spelled(symbol.quote)}"


def _spelled(coin: str) -> str:
    return re.sub(r"[^A-Z0-9]", lambda found: f"x{ord(found[0]):x}z", coin)


def is_ours(name: str) -> bool:
    return name in (RULES, WRITTEN) or name.startswith((f"{LIVED}_", f"{REFUSED}_"))


def row(one: Memorable) -> Row:
    """Rules and post-mortems are found by name, never by likeness: their point says nothing."""
    document = dumps(one).decode()
    match one:
        case Experience() | Hindsight():
            key = Key(epoch_us(one.closed_at), str(one.side), one.regime, one.id)
            return Row(orjson.dumps([*key]).decode(), vector(one.conditions), _scalars(_of_lived(one)), document)
        case PostMortem():
            told = {"written_us": epoch_us(one.written_at), "trade_id": one.trade_id, "symbol": str(one.symbol)}
            return Row(one.id, (1.0,), told | {"verdict": one.verdict, "by": one.by}, document)
        case SemanticRule():
            told = {"formed_us": epoch_us(one.formed_at), "pattern": one.pattern, "trades": one.wins + one.losses}
            return Row(one.id, (1.0,), told | {"kind": str(one.kind), "status": str(one.status)}, document)


def _of_lived(one: Experience | Hindsight) -> dict[str, Any]:
    """All that is known of it, for whoever asks the server himself; filters ask for no more than the first few."""
    told: dict[str, Any] = {
        "id": one.id,
        "closed_us": epoch_us(one.closed_at),
        "symbol": str(one.symbol),
        "side": str(one.side),
        "regime": one.regime,
        "is_win": one.is_win,
        "return_ratio": one.return_ratio,
        "r_multiple": one.r_multiple,
    }
    words, numbers = one.conditions.labels, one.conditions.numbers
    told |= {name: numbers[name] for name in numbers}
    told |= {f"{name}_word": words[name] for name in words}
    return told | (_of_refused(one.refused, one) if isinstance(one, Hindsight) else _of_experience(one))


def _of_refused(one: RefusedEntry, known: Hindsight) -> dict[str, Any]:
    return {
        "refused_us": epoch_us(one.refused_at),
        "timeframe": str(one.timeframe),
        "confidence_ratio": one.confidence_ratio,
        "guards": ", ".join(one.guards),
        "end": str(known.end),
        "bars": known.bars,
    }


def _of_experience(one: Experience) -> dict[str, Any]:
    return {
        "opened_us": epoch_us(one.opened_at),
        "trade_id": one.trade_id,
        "decision_id": one.decision_id,
        "timeframe": None if one.timeframe is None else str(one.timeframe),
        "confidence_ratio": one.confidence_ratio,
        "stated_ratio": one.stated_ratio,
        "exit_reason": str(one.exit_reason),
        "stop_ratio": one.stop_ratio,
        "target_ratio": one.target_ratio,
        "reward_risk": one.reward_risk,
        "size_ratio": one.size_ratio,
        "mae_ratio": one.mae_ratio,
        "mfe_ratio": one.mfe_ratio,
        "confluences": sum(score > 50 for score in one.factors.values()),
        "changes": len(one.changes),
        "model": one.model,
        "prompt_version": one.prompt_version,
        "is_simulated": one.is_simulated,
    } | {f"factor_{name}": score for name, score in one.factors.items()}


def _scalars(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known, and what no JSON number can say."""
    return {
        name: value
        for name, value in told.items()
        if value is not None and not (isinstance(value, float) and not isfinite(value))
    }


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    filled = 0
    for row in rows:
        size = len(row.document.encode())
        if batch and (filled + size > MOST_BYTES or len(batch) == MOST):
            yield batch
            batch, filled = [], 0
        batch.append(row)
        filled += size
    if batch:
        yield batch


def key(id: str) -> Key:
    closed_us, side, regime, name = orjson.loads(id)
    return Key(int(closed_us), side, regime, name)
