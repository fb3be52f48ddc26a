"""The rules analyst: reads the same prompt as any model and answers with the same JSON. Trend, momentum, volatility.

It is the default offline and the baseline a language model must beat. It sees the words, not the objects, so
whatever the prompt hides from a model is hidden from it too."""

import re
from collections.abc import Mapping
from math import tanh
from typing import Any

import orjson

LINE = re.compile(r"^([a-z0-9_]+): (.*)$", re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
VERDICT = re.compile(r"(\d+) of (\d+) (long|short)s won")

SECTIONS = ("[market]", "[indicators]", "[position]", "[memory]")
STOP_ATR, TARGET_ATR = 2.0, 4.0
PRECEDENTS = 4
BREAK_EVEN_R, TRAIL_R, TRAIL_ATR = 1.0, 1.5, 2.5


def answer(system: str, user: str) -> str:
    """One JSON object of the reply schema, always: with figures missing it holds and says so."""
    del system  # it keeps the rules by construction; the guards check it like anybody
    return orjson.dumps({"schema": 1} | _decide(_facts(user))).decode()


def _facts(user: str) -> dict[str, str]:
    """Of the sections that it reads, each name as it first stands: what others wrote below is none of them."""
    found: dict[str, str] = {}
    for section in user.split("\n\n"):
        head, _, lines = section.partition("\n")
        if head in SECTIONS:
            found |= dict(reversed(LINE.findall(lines))) | found
    return found


def _decide(facts: Mapping[str, str]) -> dict[str, Any]:
    price, atr = _first(facts, "price"), _first(facts, "atr_14")
    needed = ("sma_20", "sma_50", "sma_200", "adx_14", "rsi_14", "macd_histogram")
    missing = [name for name in needed if _first(facts, name) is None]
    if price is None or not atr or missing:
        return _hold(50, 0.0, f"Not enough history: {', '.join(missing) or 'price or ATR'} unknown.")
    score = _score(facts, price, atr)
    side = facts.get("side", "none")
    if side != "none":
        return _manage(facts, side, price, atr, score)
    return _enter(facts, price, atr, score)


def _score(facts: Mapping[str, str], price: float, atr: float) -> float:
    """−1 (down) … 1 (up): trend half, momentum a third, volume the rest."""
    sma_20, sma_50, sma_200 = (_known(facts, f"sma_{n}") for n in (20, 50, 200))
    trend = (
        tanh((price - sma_50) / (3 * atr)) + tanh((sma_20 - sma_50) / (2 * atr)) + tanh((sma_50 - sma_200) / (5 * atr))
    )
    momentum = tanh((_known(facts, "rsi_14") - 50) / 12) + tanh(4 * _known(facts, "macd_histogram") / atr)
    flow = _first(facts, "obv_change_10_ratio") or 0.0
    return 0.5 * trend / 3 + 0.35 * momentum / 2 + 0.15 * tanh(2 * flow)


def _enter(facts: Mapping[str, str], price: float, atr: float, score: float) -> dict[str, Any]:
    adx, rsi, histogram = (_known(facts, name) for name in ("adx_14", "rsi_14", "macd_histogram"))
    before = _second(facts, "macd_histogram")
    rising = before is None or abs(histogram) > abs(before) or histogram * score < 0
    sign = 1 if score > 0 else -1
    stretched = (price - _known(facts, "sma_20")) * sign > 2.5 * atr
    exhausted = rsi > 74 if sign > 0 else rsi < 26
    chop = adx < 20
    if abs(score) < 0.38 or chop or stretched or exhausted or histogram * sign <= 0 or not rising:
        reason = (
            "chop"
            if chop
            else "stretched or exhausted"
            if stretched or exhausted
            else "trend and momentum do not agree"
        )
        return _hold(55, score, f"Flat: {reason} (score {score:+.2f}, ADX {adx:.0f}, RSI {rsi:.0f}).")
    if sign < 0 and "long only" in facts.get("pair", ""):
        return _hold(60, score, f"Down (score {score:+.2f}), and this pair cannot be sold short.")
    if STOP_ATR * atr >= price:
        return _hold(55, score, f"It swings by {atr / price:.0%} a bar: no stop can be set.")
    confidence = 55 + 25 * abs(score) + min(10.0, (adx - 20) / 3)
    won, of = _verdict(facts, "long" if sign > 0 else "short")
    if of >= PRECEDENTS:
        # A little more or less sure, never a veto: what is not traded any more could never teach again.
        confidence += 6 * (won / of - 0.5)
    return {
        "action": "BUY" if sign > 0 else "SELL",
        "confidence": round(confidence),
        "stop_price": price - sign * STOP_ATR * atr,
        "target_price": price + sign * TARGET_ATR * atr,
        "size_ratio": None,
        "p_target": round(0.36 + 0.06 * abs(score), 3),
        "invalidation": f"a close beyond the SMA 50 at {_known(facts, 'sma_50'):g}",
        **_common(facts, score),
        "reasoning": (
            f"Trend, momentum and volume agree (score {score:+.2f}); ADX {adx:.0f} says it trends, "
            f"RSI {rsi:.0f} leaves room. "
            f"Stop {STOP_ATR:g} ATR, target {TARGET_ATR:g} ATR. Precedents: {won} of {of} won."
        ),
    }


def _manage(facts: Mapping[str, str], side: str, price: float, atr: float, score: float) -> dict[str, Any]:
    sign = 1 if side == "long" else -1
    r_now, stop, entry = _known(facts, "r_now"), _known(facts, "stop_price"), _known(facts, "entry_price")
    if score * sign < -0.25:
        return _plain("CLOSE", 70, facts, score, f"The trend has turned against the {side} (score {score:+.2f}).")
    wanted = stop
    if r_now >= TRAIL_R:
        wanted = price - sign * TRAIL_ATR * atr
    elif r_now >= BREAK_EVEN_R:
        wanted = entry
    if (wanted - stop) * sign > 0.25 * atr:
        moved = _plain("UPDATE", 65, facts, score, f"{r_now:.1f} R ahead: the stop follows to {wanted:g}.")
        return moved | {"stop_price": wanted}
    return _plain("HOLD", 60, facts, score, f"The {side} runs ({r_now:+.1f} R, score {score:+.2f}).")


def _hold(confidence: float, score: float, why: str) -> dict[str, Any]:
    return _plain("HOLD", confidence, {}, score, why)


def _plain(action: str, confidence: float, facts: Mapping[str, str], score: float, why: str) -> dict[str, Any]:
    return {"action": action, "confidence": confidence, "stop_price": None, "target_price": None,
            **_common(facts, score), "reasoning": why}  # fmt: skip


def _common(facts: Mapping[str, str], score: float) -> dict[str, Any]:
    """Forecasts lean a little with the score: over one bar hardly anything is known."""
    return {
        "p_up": round(0.5 + 0.02 * score, 4),
        "p_up_24h": round(0.5 + 0.04 * score, 4),
        "trend": "bull" if score > 0.2 else "bear" if score < -0.2 else "neutral",
        "factors": {"trend": round(50 + 50 * score)} if facts else {},
    }


def _verdict(facts: Mapping[str, str], side: str) -> tuple[int, int]:
    """How many of the precedents of this side won."""
    told = VERDICT.findall(facts.get("verdict", ""))
    return next(((int(won), int(of)) for won, of, which in told if which == side), (0, 0))


def _numbers(facts: Mapping[str, str], name: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(facts.get(name, ""))]


def _first(facts: Mapping[str, str], name: str) -> float | None:
    numbers = _numbers(facts, name)
    return numbers[0] if numbers and not facts[name].startswith("unknown") else None


def _second(facts: Mapping[str, str], name: str) -> float | None:
    numbers = _numbers(facts, name)
    return numbers[1] if len(numbers) > 1 else None


def _known(facts: Mapping[str, str], name: str) -> float:
    return _first(facts, name) or 0.0
