"""What a model says of the figures against what was computed: a figure that is another is a mismatch.

In its words only what can hardly mean anything else is taken for a claim: a figure right after the name of an
indicator, as of now, of this pair and timeframe. A level, a percentage, a count, a condition or a memory is none."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from math import isfinite

from ...domain.analysis import Snapshot
from ...domain.context import Unit
from ...domain.decision import Mismatch, Signal
from ...domain.market import exact
from .measured import SPELLED

MOST = 10
# Beside what rounding to the digits stated allows: of the figure computed.
SLACK_RATIO = 0.01
# And what "around" allows beside.
ABOUT_RATIO = 0.03
# Around a price or beside it, so many times the last or so small a part of it is a distance or a count.
FARTHEST = 10
REWARD_RISK, PRICE = "reward_risk", "price"
Claim = tuple[str, Decimal]

# --- Figures by name ------------------------------------------------------------------------------------------------

ALIASES = {
    "rsi": "rsi_14", "adx": "adx_14", "atr": "atr_14", "mfi": "mfi_14", "cci": "cci_20", "cmf": "cmf_20",
    "vwap": "vwap_20", "twap": "twap_20", "choppiness": "choppiness_14", "williams_r": "williams_r_14",
    "plus_di": "plus_di_14", "minus_di": "minus_di_14", "stoch_k": "stochastic_k", "stoch_d": "stochastic_d",
    "macd_hist": "macd_histogram", "macd_line": "macd", "macd_signal_line": "macd_signal",
    "bollinger_upper": "bb_upper", "bollinger_middle": "bb_middle", "bollinger_lower": "bb_lower",
    "upper_bollinger_band": "bb_upper", "lower_bollinger_band": "bb_lower", "supertrend": "supertrend_10",
    "zscore": "zscore_20", "hurst": "hurst_256", "close": PRICE, "current_price": PRICE, "last_price": PRICE,
    "risk_reward": REWARD_RISK, "reward_risk_ratio": REWARD_RISK, "risk_reward_ratio": REWARD_RISK,
    "fear_and_greed": "fear_greed", "fear_greed_index": "fear_greed",
}  # fmt: skip
# What the model sets itself, and what it is shown of its account: no figures of the market.
ITS_OWN = frozenset({
    "stop_price", "target_price", "entry_price", "size_ratio", "confidence", "p_up", "p_up_24h", "p_target", "r_now",
    "held_bars", "equity", "start", "exposure",
})  # fmt: skip


def mismatches(signal: Signal, snapshot: Snapshot) -> tuple[Mismatch, ...]:
    """The figures stated first, then those in the words; each once, and no more than ten."""
    found: dict[tuple[str, Decimal], Mismatch] = {}
    for name, stated in (*_stated(signal, snapshot), *_told(signal, snapshot)):
        truths = _truths(name, signal, snapshot)
        if not _is_among(stated, truths, name):
            known = next((truth for truth in truths if truth is not None), None)
            found.setdefault((name, stated), Mismatch(name, float(stated), known))
    return tuple(found.values())[:MOST]


def _stated(signal: Signal, seen: Snapshot) -> Iterator[Claim]:
    """A float has lost how many digits it was written with: a whole one counts as written without any."""
    for name, value in signal.figures.items():
        key = _key(name, seen)
        is_weighed = key != REWARD_RISK or _reward_risk(signal, seen.price) is not None
        if isfinite(value) and is_weighed and key not in ITS_OWN:
            stated = Decimal(int(value)) if value == int(value) else exact(value)
            if not _is_among(stated, _upside_down(key, name, _truths(key, signal, seen)), key):
                yield key, stated


def _key(name: str, seen: Snapshot) -> str:
    """The name as the data has it, of one that may be spelled `RSI(14)`, `SMA50`, `+DI` or `atr_percent`."""
    if name in seen.indicators or any(True for _ in _besides(name, seen)):
        return name
    spelled = re.sub(r"[+-]\s?di", lambda sign: "plus_di" if sign[0][0] == "+" else "minus_di", name.lower())
    words = re.sub(r"(?<=[a-z])(?=\d)", "_", re.sub(r"[^a-z0-9]+", "_", spelled).strip("_"))
    ratio = re.sub(r"_(?:percent|pct)$", "_ratio", words)
    return next((key for key in (words, ratio) if key in seen.indicators), ALIASES.get(words, words))


def _truths(name: str, signal: Signal, seen: Snapshot) -> tuple[float | None, ...]:
    """Every figure that goes by that name, the one of now first: whoever states an earlier one has read it too."""
    if name in seen.indicators:
        return (seen.indicators[name], seen.earlier.get(name))
    if name == PRICE:
        return (float(seen.price), *map(float, seen.closes))
    if name == REWARD_RISK:
        return (_reward_risk(signal, seen.price),)
    return tuple(_besides(name, seen))


def _reward_risk(signal: Signal, price: Decimal) -> float | None:
    stop, target = signal.stop_price, signal.target_price
    return None if stop is None or target is None or stop == price else float(abs(target - price) / abs(price - stop))


def _upside_down(key: str, spelled: str, truths: Iterable[float | None]) -> list[float | None]:
    """The reward over the risk, where it is spelled `risk/reward` or `R/R`: the other way round."""
    is_turned = key == REWARD_RISK and not spelled.lower().startswith("reward")
    return [1 / truth for truth in truths if truth] if is_turned else []


def _besides(name: str, seen: Snapshot) -> Iterator[float]:
    """What else the model is shown that has a name; shares as percent too."""
    for reading in (one for one in reversed(seen.readings) if one.name == name):
        yield float(reading.value)
        if reading.unit is Unit.RATIO:
            yield float(reading.value) * 100
    marks = (*seen.pivots, *(seen.retracement.marks if seen.retracement else ()))
    yield from (one.price for one in (*seen.levels, *marks) if one.kind == name)  # type: ignore[attr-defined]
    for longer in seen.macro:
        spelled, _, key = name.partition("_")
        if spelled == SPELLED.get(longer.timeframe):
            known = {"close": longer.close, **longer.means, **longer.numbers}
            yield from (value for value in (known.get(key), known.get(ALIASES.get(key, key))) if value is not None)
    yield from _over_days(name, seen)
    yield from _microstructure(name, seen)


def _over_days(name: str, seen: Snapshot) -> Iterator[float]:
    """`last_7d_high`, `last_7d_rsi_14`: of [periods]; shares as percent, as they are shown, and as they are."""
    for one in seen.periods:
        key = name.removeprefix(f"last_{one.days}d_")
        shares = {"change": one.change_ratio, "range": one.range_ratio}
        known = {"high": one.high, "low": one.low, "mean": one.mean_close, "volume": one.volume, **one.changes}
        if key != name:
            yield from (share * scale for share in (shares.get(key),) if share is not None for scale in (100, 1))
            yield from (value for value in (known.get(key),) if value is not None)


def _microstructure(name: str, seen: Snapshot) -> Iterator[float]:
    if seen.book is not None and name == "spread_bps":
        yield seen.book.spread_bps
    if seen.flow is not None and seen.flow.buy_ratio is not None and name == "taker_buy_ratio":
        yield seen.flow.buy_ratio
    if seen.funding is not None and name in ("funding", "funding_rate"):
        yield from (float(seen.funding.rate_ratio), float(seen.funding.rate_ratio) * 100)


def _is_among(stated: Decimal, truths: Iterable[float | None], name: str, slack_ratio: float = SLACK_RATIO) -> bool:
    """Within what rounding to its digits and the slack allow; a ratio may be stated as percent."""
    exponent = stated.as_tuple().exponent
    rounding = 10.0 ** (exponent if isinstance(exponent, int) else 0) / 2
    known = [truth for truth in truths if truth is not None]
    scales = (1, 100) if name.endswith("_ratio") else (1,)
    return any(
        abs(float(stated) - truth * scale) <= (rounding + slack_ratio * abs(truth) * scale) * (1 + 1e-9)
        for truth in known
        for scale in scales
    )


# --- Figures in words -----------------------------------------------------------------------------------------------

# Names as they are written, in small letters and each beginning with one: so most words are passed over at once.
NAMES = (
    (REWARD_RISK, r"reward\s?[/:-]?\s?(?:to[\s-])?risk(?: ratio)?|risk\s?[/:-]?\s?(?:to[\s-])?reward(?: ratio)?"
                  r"|r\s?[/:]\s?r(?: ratio)?"),
    ("fear_greed", r"fear\s?(?:&|and)\s?greed(?: index)?"),
    ("macd_histogram", r"macd[\s-]hist(?:ogram)?"),
    ("macd_signal", r"macd[\s-]signal(?: line)?"),
    ("macd", r"macd(?: line)?(?:\s?\(12,\s?26,\s?9\))?"),
    *((f"{name}_{bars}", rf"{name}(?:[\s-]?\(?{bars}\)?)?")
      for name, bars in (("rsi", 14), ("adx", 14), ("mfi", 14), ("cci", 20), ("cmf", 20), ("vwap", 20))),
    # 2 ATR (824) is a distance
    ("atr_14", r"atr(?<![0-9x×*] atr)(?<![0-9x×*-]atr)(?:[\s-]?\(?14\)?)?"),
    ("plus_di_14", r"\+\s?di(?:[\s-]?\(?14\)?)?"),
    ("minus_di_14", r"-\s?di(?:[\s-]?\(?14\)?)?|−\s?di(?:[\s-]?\(?14\)?)?"),
    ("choppiness_14", r"choppiness(?: index)?(?:\s?\(14\))?"),
    ("stochastic_k", r"%k|stochastic %?k|stoch %?k"),
    ("stochastic_d", r"%d|stochastic %?d|stoch %?d"),
    ("williams_r_14", r"williams\s?%?\s?r(?:\s?\(14\))?"),
    *((f"bb_{side}", rf"{side} (?:bollinger(?: band)?|bb)|bollinger (?:bands? )?{side}(?: band)?|bb {side}(?: band)?")
      for side in ("upper", "middle", "lower")),
    *((f"{mean}_{bars}", rf"{mean}[\s-]?\(?{bars}\)?|{bars}[\s-](?:(?:period|bar)[\s-])?{mean}")
      for mean, bars in (("sma", 20), ("sma", 50), ("sma", 200), ("ema", 20), ("ema", 50))),
    (PRICE, "price"),
)  # fmt: skip
# What may stand between a name and its figure of now.
STATE = (
    "neutral|strong|weak|bullish|bearish|oversold|overbought|elevated|positive|negative|healthy|moderate"
    "|deeply|very|extremely|slightly|mildly|highly|strongly|firmly|clearly"
)
ABOUT = "around|near|nearly|roughly|about|approximately|approx[.]?|circa|almost|close to"
LINK = (
    r"(?P<link>(?:\s?\(|\s?[:=]\s?|,\s(?=(?:now|currently|still|at)\s)|\s)"
    r"(?:(?:is|at|of|reads?|reading|stands|standing|sits|sitting|value|currently|now|a|only|just|still|trades|trading"
    rf"|hovers|hovering|{ABOUT}|{STATE})\s){{0,6}}(?:[~≈]\s?)?"
    r"|\s(?:has\s)?(?:rose|risen|climbed|fell|fallen|dropped|recovered|moved|declined|slipped|increased"
    r"|decreased)\s(?:from\s\$?[0-9.,]{1,12}\s)?to\s)"
)
# By which a figure is told more or less.
ROUGH = re.compile(rf"[~≈]|\b(?:{ABOUT})\s")
NUMBER = r"[+−-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})(?:\.[0-9]{1,12})?"
# What makes something else of a number: a share, a range, a count, a multiple, a level.
NO_END = (
    r"(?![0-9a-z%+]|[.,][0-9]|\s?%|\s?[-–—/:]\s?[0-9]|\s[0-9]|\s(?:to|or|and)\s[0-9]|\)\s?(?:[=:]|is\b|at\b|[0-9])"
    r"|\s?(?:[=:]|is|at|of)\s[$+−-]?[0-9]|\s?\([0-9]{1,3}[\s-](?:period|bar)"
    r"|[\s-](?:percent|per\s?cent|pct|bps|basis|points?|bars?|candles?|days?|weeks?|months?|years?|hours?|minutes?"
    r"|periods?|sessions?|times|x|×|atrs?|r|supports?|resistances?|levels?|targets?|stops?|zone|area|region|territory"
    r"|thresholds?|line|midline|midpoint|mark|handle|[sed]?ma|fib[a-z]*|retracements?|standard|sigma|std)\b)"
)


def _claim(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![a-z0-9_])(?P<name>{name}){LINK}[$€£]?(?:1\s?:\s?)?(?P<number>{NUMBER})(?P<thousand>k\b)?(?:\s?:\s?1\b)?"
        + NO_END
    )


CLAIM = _claim("|".join(pattern for _, pattern in NAMES))
# Who names an indicator as the data does needs no pattern.
VERBATIM = _claim(r"[a-z]+(?:_[a-z0-9]+)+")
# A line of [macro] or [periods] as it stands there: its name, then figures, "name value" after "name value".
LINE = re.compile(
    rf"(?<![a-z0-9_])(?:(last_[0-9]{{1,2}}d)|({'|'.join(SPELLED.values())})_(?:numbers|means)): "
    r"(?:[^:;\n]{1,400}, )?$"
)
REACH = 450
PIECE = rf"(?P<name>[a-z][a-z0-9_]{{0,40}}) (?P<number>{NUMBER})"
PIECE_BEFORE, PIECE_AFTER = (
    re.compile(rf"(?<![a-z0-9_]){PIECE}, $"),
    re.compile(rf", {PIECE}(?![0-9a-z%]|[.,][0-9]|\s?%)"),
)
# Names in a row before figures in a row: which is whose takes more than reading on.
ROW = r"\s?(?:[,;/|&+]|and\b)\s?"
ROW_AFTER = re.compile(rf"{ROW}[$€£]?{NUMBER}", re.IGNORECASE)
ROW_BEFORE = re.compile(rf"(?<![a-z0-9_])(?:{'|'.join(pattern for _, pattern in NAMES)}|[a-z]+(?:_[a-z0-9]+)+){ROW}$")
CLAUSE = re.compile(r"[;!?\n]|\.(?![0-9])")
# In the same clause: it is wished for, feared or over; or it is of other bars.
DOUBT = re.compile(
    r"\b(?:if|when|once|until|till|unless|wait(?:ing)?|should|would|could|may|might|needs?|must|requires?|required"
    r"|wants?|expect(?:ed|s|ing)?|towards?|yesterday|ago|previous(?:ly)?|prior|earlier|before|was|were|had"
    r"|minimum|maximum|objective|usually|typically|generally|normally|prefer(?:red|ably)?|ideal(?:ly)?|looking\sfor"
    r"|daily|weekly|monthly|hourly|yearly|(?:higher|lower)[\s-]timeframes?)\b|小时|分钟|日线|周线",
    re.IGNORECASE,
)
OVER = re.compile(r"\b(?:yesterday|ago|previously|prior|earlier|before|last|would|could)\b", re.IGNORECASE)
# Right after a figure: it is a rule, a goal or a limit, or it is over.
RULE = re.compile(
    r"\)?(?:\s?=|\s(?:separates?|divides?|distinguish(?:es)?|defines?|denotes?|marks|means?|was|were|had|has\sbeen|must"
    r"|should|needs?|away|short|(?:or|and)\s(?:better|higher|more|greater|lower|less|above|below|up|over|under)"
    r"|(?:(?:is|are|as|being|remains|becomes|(?:acts|serves)\sas|looks\slike)\s)?"
    r"(?:(?:a|an|the|our|my|its|next|first|main|key|final|usual|classic|common|bare)\s){0,3}"
    r"(?:required|requirement|needed|necessary|met|exceeded|satisfied|reached|hit|touched|tested|min(?:imum)?|max(?:imum)?"
    r"|objective|goal|aim|target|stop|entry|exit|trigger|invalidation|threshold|boundary|limit|floor|ceiling|cut-?off"
    r"|rule|support|resistance|level|line))\b)",
    re.IGNORECASE,
)
# Right after a distance from a price.
BESIDE = re.compile(r"\s(?:above|below|over|under|from|off|away|higher|lower|more|less|short)\b")
BARS = re.compile(r"\b([0-9]{1,3})[\s-]?(m|h|d|w)(?:in|inutes?|ours?|ays?|eeks?)?\b", re.IGNORECASE)
PERIOD = re.compile(r"([0-9]{1,3})[\s-](?:period|bar)\s$", re.IGNORECASE)
# Right before a name: whose it is, where it is another pair's or of other bars.
WHOSE = re.compile(r"\b([A-Z]{2,6})(?:['’]s)?\s$|[A-Za-z]['’]s\s$|\b[Ii]ntraday\s$")
# Another price than the last.
OTHER_PRICE = re.compile(
    r"\b(?:target|stop|entry|limit|profit|loss|average|mean|fill|exit|liquidation|high|low|open(?:ing)?|index|mark"
    r"|trigger|strike|break-?even|realized|purchase|execution|cost|bid|ask|initial|reference|fair|oracle)\s$"
    r"|\b(?:target|stop|profit|exit|goal|aim)(?:s|ing)?:?(?:\s(?:is|at|of|for|to|an?|the)){1,3}\s$",
    re.IGNORECASE,
)
MACD = ("macd", "macd_histogram", "macd_signal")


def _told(signal: Signal, seen: Snapshot) -> Iterator[Claim]:
    text = signal.reasoning.replace("**", "").replace("`", "")
    small = text.lower()
    if len(small) != len(text):
        return  # letters of which one becomes two: no place in the one is a place in the other
    for claim in (*CLAIM.finditer(small), *(VERBATIM.finditer(small) if "_" in small else ())):
        key, digits = _named(small, claim), claim["number"]
        if (claim["link"] == "(" and digits.isdigit()) or key.endswith(f"_{digits}"):
            continue  # the period, not the figure: RSI(7), SMA 50
        stated = _number(digits).scaleb(3 if claim["thousand"] else 0)
        # which of its three lines MACD means, nobody says
        truths = [truth for line in (MACD if key == "macd" else (key,)) for truth in _truths(line, signal, seen)]
        truths += _upside_down(key, claim["name"], truths)
        slack_ratio = SLACK_RATIO + (ABOUT_RATIO if ROUGH.search(claim["link"]) else 0)
        is_wrong = any(truth is not None for truth in truths) and not _is_among(stated, truths, key, slack_ratio)
        if (
            is_wrong
            and not _is_quoted(small, claim, stated, seen)
            and _is_such(claim, key, stated, seen.price)
            and _is_of_now(text, claim, key, seen)
        ):
            yield key, stated


def _is_such(claim: re.Match[str], key: str, stated: Decimal, price: Decimal) -> bool:
    """Whether the number can be meant for that figure: near 0 says no more than small, and 300 above is no price."""
    is_rough = ROUGH.search(claim["link"]) is not None
    if key == PRICE and (is_rough or BESIDE.match(claim.string, claim.end())):
        return price / FARTHEST < stated < price * FARTHEST
    return bool(stated) or not is_rough


def _number(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "").replace("−", "-"))


def _named(small: str, claim: re.Match[str]) -> str:
    """In a line that is quoted with its name, whose figure it is: `daily_rsi_14`, `last_7d_rsi_14`."""
    key = _meant(claim["name"])
    line = LINE.search(small, max(0, claim.start() - REACH), claim.start()) if claim["link"] == " " else None
    return f"{line[1] or line[2]}_{key}" if line else key


def _is_quoted(small: str, claim: re.Match[str], stated: Decimal, seen: Snapshot) -> bool:
    """Whether it is of a line of [macro] or [periods], without the name of that line: what stands beside it is too."""
    if claim["link"] != " ":
        return False
    beside = (
        PIECE_BEFORE.search(small, max(0, claim.start() - REACH), claim.start()),
        PIECE_AFTER.match(small, claim.end()),
    )
    pieces = [(piece["name"], _number(piece["number"])) for piece in beside if piece]
    return any(
        _is_of(line, claim["name"], stated) and any(_is_of(line, *piece) for piece in pieces) for line in _lines(seen)
    )


def _lines(seen: Snapshot) -> Iterator[Mapping[str, float | None]]:
    for longer in seen.macro:
        yield {"close": longer.close, **longer.means}
        yield longer.numbers
    for period in seen.periods:
        yield {"volume": period.volume, **period.changes}


def _is_of(line: Mapping[str, float | None], name: str, stated: Decimal) -> bool:
    """To the digits stated: a quote is exact."""
    return _is_among(stated, (line.get(name),), name, 0)


@lru_cache(maxsize=256)
def _meant(name: str) -> str:
    return next((key for key, pattern in NAMES if re.fullmatch(pattern, name)), name)


def _is_of_now(text: str, claim: re.Match[str], key: str, seen: Snapshot) -> bool:
    """Of this pair, these bars and this moment, as far as its clause says."""
    before = CLAUSE.split(text[max(0, claim.start() - 120) : claim.start()])[-1]
    after = CLAUSE.split(text[claim.end() : claim.end() + 40])[0]
    if RULE.match(after) or (ROW_AFTER.match(text, claim.end()) and ROW_BEFORE.search(before.lower())):
        return False
    if DOUBT.search(before) or OVER.search(after) or (key == PRICE and OTHER_PRICE.search(before)):
        return False
    if any(f"{count}{unit}".lower() != seen.timeframe for count, unit in BARS.findall(before)):
        return False
    whose, period = WHOSE.search(before), PERIOD.search(before)
    if period is not None and not key.endswith(f"_{period[1]}"):
        return False
    return whose is None or whose[1] == seen.symbol.base
