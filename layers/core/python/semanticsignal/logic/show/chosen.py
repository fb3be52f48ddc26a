"""Which decisions are meant: by what became of them, and by words. The page chooses among new ones the same way."""

from dataclasses import dataclass
from typing import Literal

from ...domain.decision import Action, Decision

# Acted: anything but HOLD. Refused: a guard spoke against it. Forced: somebody asked for it.
Kind = Literal["acted", "refused", "forced", "BUY", "SELL", "HOLD", "CLOSE", "UPDATE"]


@dataclass(frozen=True, slots=True)
class Chosen:
    kind: Kind | None = None
    words: tuple[str, ...] = ()
    # Guards whose reasons are not searched: what is not shown must not be found either.
    unsearched: frozenset[str] = frozenset()

    def is_met(self, made: Decision) -> bool:
        return self._is_kind(made) and (
            not self.words or all(word in _text(made, self.unsearched) for word in self.words)
        )

    def _is_kind(self, made: Decision) -> bool:
        match self.kind:
            case None:
                return True
            case "acted":
                return made.action is not Action.HOLD
            case "refused":
                return bool(made.refusals)
            case "forced":
                return made.is_forced
        return made.action == self.kind


def _text(made: Decision, unsearched: frozenset[str]) -> str:
    signal = made.signal
    refused = (one.guard if one.guard in unsearched else f"{one.guard} {one.reason}" for one in made.refusals)
    words = (made.symbol, made.action, made.regime, made.model or "", *refused, *made.notes)
    stated = (signal.action, signal.reasoning, signal.invalidation or "") if signal else ()
    return " ".join(map(str, (*words, *stated))).lower()
