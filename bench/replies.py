"""How much of what models write is read, whole or damaged: shares, and the time it takes."""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from bench.measures import ROOT, Figure, timed
from semanticsignal.domain.decision import Reply, Signal
from semanticsignal.domain.errors import InvalidReply
from semanticsignal.domain.market import MarketKind
from semanticsignal.logic.decide.reply import signal

ROUNDS = 60
ORDERED = ("stop_price", "target_price", "size_ratio", "confidence")
STRUCTURE = '{}[]",:'
WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
STRANGE = ("\u00a0", "\u200b", "\ufeff", "\u0663", "\uff15", "😀", "\ud83d", "\x00", "\u2028", "\u2212")
# One of the numbers an order is made of, as JSON writes it.
NUMBER = re.compile(rf'("(?:{"|".join(ORDERED)})": )(-?[0-9.]+(?:e-?[0-9]+)?)')


class Whole(NamedTuple):
    """An undamaged reply, and the price it was given at."""

    text: str
    price: Decimal


def read(text: str, price: Decimal) -> Signal | None:
    """None where it is refused; whatever else goes wrong is let through."""
    try:
        return signal(Reply(text, "bench"), price, MarketKind.PERP)
    except InvalidReply:
        return None


# --- What real models wrote -----------------------------------------------------------------------------------------


def folder() -> Path:
    return Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data") / "llm_decisions"


def recorded(pattern: str = "*.jsonl.gz") -> Iterator[dict[str, Any]]:
    for file in sorted(folder().glob(pattern)):
        yield from map(json.loads, gzip.decompress(file.read_bytes()).decode().splitlines())


def words(value: Any) -> Iterator[str]:
    """Every string in a record, and every object as the JSON it came as."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield json.dumps(value, ensure_ascii=False)
        for item in value.values():
            yield from words(item)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)


def decided() -> Iterator[Whole]:
    """What real models decided, in our schema: the entries whose levels are such, each with its own words."""
    actions = {"open_long": "BUY", "open_short": "SELL", "buy_to_enter": "BUY", "sell_to_enter": "SELL"}
    for one in _stated():
        action = actions.get(one.get("action") or one.get("signal") or "", "HOLD")
        stop, target = one.get("stop_loss"), one.get("take_profit") or one.get("profit_target")
        if not isinstance(stop, (int, float)) or not isinstance(target, (int, float)) or min(stop, target) <= 0:
            continue
        if (target > stop) != (action != "SELL") or target == stop:
            continue
        confidence = float(one.get("confidence") or 0)
        reply = {
            "schema": 1, "reasoning": one.get("reasoning") or one.get("justification") or "", "action": action,
            "confidence": round(confidence if confidence > 1 else confidence * 100, 2), "stop_price": stop,
            "target_price": target, "size_ratio": 0.05,
            "invalidation": one.get("invalidation_condition") or "",
        }  # fmt: skip
        yield Whole(json.dumps(reply, ensure_ascii=False), Decimal(str(stop)) / 2 + Decimal(str(target)) / 2)


def _stated() -> Iterator[dict[str, Any]]:
    for record in recorded("nofx_*.jsonl.gz"):
        yield from json.loads(record["decision_json"] or "[]") if record["json_ok"] else ()
    for record in recorded("nof1_*.jsonl.gz"):
        for one in record["llm_response"].values():
            if isinstance(one, dict):
                yield one.get("trade_signal_args", one)


def _full(action: str, levels: tuple[float | None, float | None], **more: Any) -> str:
    return json.dumps(
        {
            "schema": 1,
            "figures": [{"name": "rsi_14", "value": 54.2}, {"name": "atr_14", "value": 412}],
            "reasoning": "RSI 54.2 leaves room; the {trend} holds, [1] says. Stop < price, 价格接近106,000阻力.",
            "trend": "bull", "p_up": 0.55, "p_up_24h": 0.6, "action": action,
            "factors": {"trend": 80, "momentum": 70, "volume": None, "volatility": 40, "patterns": None, "levels": 60},
            "confidence": 71.5, "stop_price": levels[0], "target_price": levels[1], "p_target": 0.41,
            "reward_risk": 2.0, "size_ratio": 0.0525, "invalidation": "a close below the \"old\" low",
        } | more, ensure_ascii=False,
    )  # fmt: skip


# Written by hand: prices of every size, each action, keys in either order, with and without what may be missing.
HAND = (
    Whole(_full("BUY", (40512.25, 43107.75)), Decimal(41_250)),
    Whole(_full("SELL", (1.3355, 1.2105)), Decimal("1.2905")),
    Whole(_full("BUY", (0.00001125, 0.00001455)), Decimal("0.0000125")),
    Whole(_full("UPDATE", (41120.5, None), size_ratio=None), Decimal(41_250)),
    Whole(_full("HOLD", (None, None)), Decimal(100)),
    Whole(_full("CLOSE", (None, None), size_ratio=None), Decimal(100)),
    Whole(
        json.dumps({"action": "BUY", "confidence": 70, "stop_price": 95.55, "target_price": 110.25, "size_ratio": 0.05,
                    "reasoning": "it rises"}), Decimal(100)),
    Whole(json.dumps({"action": "SELL", "confidence": 65, "stop_price": 1250, "target_price": 1010.5}, indent=2),
          Decimal(1180)),
)  # fmt: skip


# --- What becomes of it on the way ----------------------------------------------------------------------------------


def cut(text: str, dice: Random) -> str:
    return text[: dice.randrange(len(text))]


def cut_fenced(text: str, dice: Random) -> str:
    return f"```json\n{text[: dice.randrange(len(text))]}{dice.choice(['', chr(10) + '```'])}"


def cut_number(text: str, dice: Random) -> str:
    """In the very middle of a number of the order, or right behind it."""
    found = list(NUMBER.finditer(text))
    if not found:
        return cut(text, dice)
    one = dice.choice(found)
    return text[: dice.randint(one.start(2), one.end(2))]


def fenced(text: str, dice: Random) -> str:
    before, kind, after = (dice.choice(some) for some in (["", "So: "], ["json", "", "JSON"], ["", " Good luck!"]))
    return f"{before}```{kind}\n{text}\n```{after}"


def chatty(text: str, dice: Random) -> str:
    before = dice.choice(
        ["", "Here is my decision:\n", "As [1] and {x} say, ", "## Decision\n\n", "\ufeff", "Confidence: 9\n"]
    )
    after = dice.choice(["", "\n\nI hope that this helps.", " (see [2])", "\n```", ";", " }", "\n**Risk**: high, 5 %."])
    return before + text + after


def thinking(text: str, dice: Random) -> str:
    tag = dice.choice(["think", "thinking", "thought", "THINK", "reasoning"])
    draft = dice.choice(['{"action": "CLOSE", "confidence": 5}', "stop 5, target 9", "{not sure", "{}}"])
    return dice.choice([f"<{tag}>{draft}</{tag}>\n{text}", f"{draft}</{tag}>{text}"])


def thinking_without_end(text: str, dice: Random) -> str:
    return f"{dice.choice(['', 'Well. '])}<think>{dice.choice(['', 'so '])}{text}"


def inserted(text: str, dice: Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(STRUCTURE + "\n \t'“”`/\\") + text[at:]


def deleted(text: str, dice: Random) -> str:
    at = dice.choice([at for at, letter in enumerate(text) if letter in STRUCTURE] or [0])
    return text[:at] + text[at + 1 :]


def doubled(text: str, dice: Random) -> str:
    at = dice.choice([at for at, letter in enumerate(text) if letter in STRUCTURE] or [0])
    return text[:at] + text[at : at + 1] + text[at:]


def other_quotes(text: str, dice: Random) -> str:
    if dice.random() < 0.5:
        return text.replace('"', "'")
    return re.sub(r'"([^"]*)"', r"“\1”", text)


def commas(text: str, dice: Random) -> str:
    at = dice.choice([at for at, letter in enumerate(text) if letter in ",}"] or [0])
    return text[:at] + ("," if text[at : at + 1] == "}" else "") + text[at + (text[at : at + 1] == ",") :]


def strange_letters(text: str, dice: Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(STRANGE) + text[at:]


def line_breaks(text: str, dice: Random) -> str:
    at = dice.choice([at for at, letter in enumerate(text) if letter == " "] or [0])
    return text[:at] + dice.choice(["\n", "\r\n", "\n\n  ", "\t"]) + text[at + 1 :]


def notes(text: str, dice: Random) -> str:
    at = dice.choice([at for at, letter in enumerate(text) if letter == ","] or [0])
    return text[: at + 1] + dice.choice([" // mind this\n", " /* or 5 */ ", " # note\n"]) + text[at + 1 :]


def key_twice(text: str, dice: Random) -> str:
    others = (
        ("action", '"SELL"'), ("action", '"BUY"'), ("stop_price", "5.5"), ("target_price", "7e5"), ("size_ratio", "1"),
        ("confidence", "99.5"),
    )  # fmt: skip
    key, value = dice.choice([one for one in others if f'"{one[0]}"' in text] or [("action", '"BUY"')])
    end = text.rfind("}")
    if dice.random() < 0.5:
        return f'{{"{key}": {value}, {text[1:]}'
    return f'{text[:end]}, "{key}": {value}{text[end:]}'


def written(text: str, dice: Random) -> str:
    """The numbers of the order in another notation: read as what they were, or not at all."""

    def other(found: re.Match[str]) -> str:
        plain = found[2]
        if "e" in plain:
            return f'{found[1]}"{plain}"'
        whole, _, rest = plain.partition(".")
        many, few = f"{int(whole):,}", rest or "0"
        ways = (
            f'"{plain}"', f'"${plain}"', f'" {plain} "', f'"{plain} USD"', f'"≈{plain}"', f"[{plain}]",
            f"{many}.{few}", f'"{many}.{few}"', f'"{many.replace(",", "_")}.{few}"',
            f'"{many.replace(",", ".")},{few}"', f'"{many.replace(",", " ")}.{few}"',
            f'"{float(plain) / 1000}k"', f"{plain}0" if rest else f"{plain}.0", f"{float(plain):e}",
            f'"{plain.translate(WIDE)}"',
        )  # fmt: skip
        return found[1] + dice.choice(ways)

    return NUMBER.sub(other, text)


WILD = (
    "1e400", "NaN", "-Infinity", "1e308", "9" * 400, "-5", "0", "null", "true", "[]", "{}", '"x"', '"NaN"', '"1e400"',
    '""', '"null"', "0x10", "1/2", "'5'", "1e-400", "--5", "5-", "5e",
)  # fmt: skip


def wild(text: str, dice: Random) -> str:
    """A number of the order is no such number any more."""
    found = list(NUMBER.finditer(text))
    if not found:
        return text
    one = dice.choice(found)
    return text[: one.start(2)] + dice.choice(WILD) + text[one.end(2) :]


def wrapped(text: str, dice: Random) -> str:
    before, after = dice.choice(
        [("[", "]"), ('{"analysis": ', "}"), ('{"analysis": ', ""), ("[", ""), ("", "]"), ("", "}}"), ("(", ")"),
         ("", f"\n\n{text}"), ("", ", {")]
    )  # fmt: skip
    return before + text + after


def letters(text: str, dice: Random) -> str:
    """Any three letters of it lost, but no digit and no point."""
    for _ in range(3):
        at = dice.choice([at for at, letter in enumerate(text) if letter not in "0123456789.-+"] or [0])
        text = text[:at] + text[at + 1 :]
    return text


MUTATIONS: Mapping[str, Callable[[str, Random], str]] = {
    one.__name__: one
    for one in (
        cut, cut_fenced, cut_number, fenced, chatty, thinking, thinking_without_end, inserted, deleted, doubled,
        other_quotes, commas, strange_letters, line_breaks, notes, key_twice, written, wild, wrapped, letters,
    )
}  # fmt: skip


def replies() -> list[Figure]:
    """Shares read: of what was recorded, none of it in our schema; of the same decisions in our schema; of damage."""
    seeds = [*HAND, *decided()]
    found = [Figure("replies read, written by hand or recorded and translated", "ratio", [_share(seeds)], ">= 1")]
    said = sorted({text for record in recorded() for text in words(record)})
    if said:
        foreign = sum(read(text, Decimal(100)) is not None for text in said) / len(said)
        found.append(Figure(f"recorded words read, {len(said)} of other schemas", "ratio", [foreign], "<= 0.01"))
    for name, mutate in MUTATIONS.items():
        dice = Random(7)
        damaged = [one._replace(text=mutate(one.text, dice)) for one in HAND for _ in range(ROUNDS)]
        found.append(Figure(f"replies read after: {name.replace('_', ' ')}", "ratio", [_share(damaged)]))
    good = HAND[0]
    for name, text in (("as asked", good.text), ("fenced", f"```json\n{good.text}\n```"),
                       ("to be repaired", good.text.replace('"', "'"))):  # fmt: skip
        found.append(Figure(f"one reply, {name}", "us", timed(lambda text=text: read(text, good.price), 200, 1e6)))  # type: ignore[misc]
    return found


def _share(some: list[Whole]) -> float:
    return sum(read(one.text, one.price) is not None for one in some) / len(some)
