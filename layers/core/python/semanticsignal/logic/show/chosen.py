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

    def is_met(self, made: Decision) -> bool:
        return self._is_kind(made) and (not self.words or all(word in _text(made) for word in self.words))

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


def _text(made: Decision) -> str:
    signal = made.signal
    refused = (f"{one.guard} {one.reason}" for one in made.refusals)
    words = (made.symbol, made.action, made.regime, made.model or "", *refused, *made.notes)
    stated = (signal.action, signal.reasoning, signal.invalidation or "") if signal else ()
    return " ".join(map(str, (*words, *stated))).lower()
