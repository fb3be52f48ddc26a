"""`python -m bench.retrieval`: which likeness finds moments of the past like the present, and what age adds to it.

Writes docs/memory.md; the same candles on the same machine give the same page."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.aging import HALF_LIFE_DAYS, RESCALES, WEIGHT, Search, band, candidates, ranked
from bench.measures import ROOT
from bench.moments import COINS, NAMES, SPLIT_MS, Lives, Moments, Rows, data, recorded
from bench.neighbors import (
    DRAWS,
    OVER_FETCH,
    SEED,
    Estimate,
    K,
    Marks,
    Months,
    Scale,
    Way,
    atr_alone,
    by_chance,
    even,
    fitted,
    found,
    held_out,
    marks,
    newest,
    numbers,
    one_hot,
    product,
)
from bench.sentences import HOW, PACKAGES, Said, minilm, sentences, wordllama
from semanticsignal.domain.market import epoch_ms
from semanticsignal.logic.decide.recall import SCALE

PAGE = ROOT / "docs" / "memory.md"
ASKING = 1000
SCOPES = {True: "of the same coin", False: "of all coins"}
OURS, FITTED, EVEN_FITTED, EVEN_OURS = "ours", "fitted", "fitted, ATR% × 1", "ours, ATR% × 1"
FAR_OURS, FAR_FITTED, WORDS, ATR = "ours, distance", "fitted, distance", "nine words, one-hot", "ATR% alone"
MINILM, WORDLLAMA = "sentence, MiniLM", "sentence, wordllama"
CHANCE, NEWEST = "by chance", "the newest"
PAST_MS = epoch_ms(datetime(2022, 1, 1, tzinfo=UTC))
# Whom age is mixed with, and those whose memory is made smaller.
AGED, SHRUNK = (OURS, FITTED, WORDS, MINILM), FITTED
SIZES: tuple[int | None, ...] = (50, 200, 1000, None)
POOLED_BY = ("likeness alone", "as it is", "min to max")


class Setting(NamedTuple):
    """Who is remembered, who asks, and the months they are drawn by."""

    remembered: Moments
    asked: Moments
    months: Months


def setting(lives: Lives) -> Setting:
    """Nothing after 2022 is remembered; who asks, asks from 2023 on."""
    return Setting(lives.grid.at(lives.grid.told_ms <= SPLIT_MS), lives.asked, Months(lives.asked.month))


def before(lives: Lives) -> Setting:
    """The same a year earlier: what a choice may be made by."""
    grid = lives.grid
    asked = grid.at((grid.closed_ms >= PAST_MS) & (grid.told_ms <= SPLIT_MS))
    return Setting(grid.at(grid.told_ms <= PAST_MS), asked, Months(asked.month))


def plain_ways(remembered: Moments) -> dict[str, Way]:
    """Those that need no text model. All that is fitted is fitted on what is remembered."""
    fit = fitted(remembered)
    ways = (
        product(OURS),
        product(FAR_OURS, is_distance=True),
        numbers(EVEN_OURS, even(SCALE)),
        numbers(FITTED, fit),
        numbers(FAR_FITTED, fit)._replace(is_distance=True),
        numbers(EVEN_FITTED, even(fit)),
        one_hot(WORDS),
        atr_alone(ATR),
    )
    return {way.name: way for way in ways}


def text_ways() -> dict[str, Way]:
    return {name: _spoken(name, Said(make())) for name, make in ((WORDLLAMA, wordllama), (MINILM, minilm))}


def _spoken(name: str, said: Said) -> Way:
    return Way(name, lambda moments, family: said.points(sentences(moments.words, family)), is_tied=True)


def tried(way: Way, on: Setting, *, is_own: bool) -> Marks:
    """With what is found when conditions are left out."""

    def finds(family: str | None) -> Rows:
        return found(way, on.asked, on.remembered, is_own=is_own, without=family)

    held = None if way.name == ATR else held_out(on.asked, on.remembered, finds, is_own=is_own)
    return marks(on.asked, on.remembered, finds(None), held)


def floors(on: Setting, *, is_own: bool) -> dict[str, Marks]:
    ways = {CHANCE: by_chance, NEWEST: newest}
    return {
        name: marks(on.asked, on.remembered, way(on.asked, on.remembered, is_own=is_own)) for name, way in ways.items()
    }


def line(name: str, told: Marks, months: Months) -> str:
    held = "" if told.held is None else months.mean(told.held).told()
    cells = (
        name, months.mean(told.swing).told(), held, months.mean(told.regime).told(),
        months.auc(told.rises, told.rose).told(), months.mean(told.brier).told("+"), f"{told.age.mean():,.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


TABLE = """
## Neighbors {scope}

| likeness | volatility, error | what was left out, error | same regime | direction, AUC | Brier less base | age, days |
|---|---|---|---|---|---|---|
"""
LESS = """
Less `{ours}`, paired; in bold what is not luck:

| likeness | volatility, error | what was left out, error | same regime |
|---|---|---|---|
"""


def table(every: Mapping[str, Marks], months: Months, *, is_own: bool) -> str:
    rows = "".join(line(name, told, months) for name, told in every.items())
    ours = every[OURS]
    less = "".join(_less(name, told, ours, months) for name, told in every.items() if name != OURS)
    return TABLE.format(scope=SCOPES[is_own]) + rows + LESS.format(ours=OURS) + less


def _less(name: str, one: Marks, ours: Marks, months: Months) -> str:
    held = "" if one.held is None or ours.held is None else bold(months.mean(one.held - ours.held))
    cells = (name, bold(months.mean(one.swing - ours.swing)), held, bold(months.mean(one.regime - ours.regime)))
    return f"| {' | '.join(cells)} |\n"


def bold(difference: Estimate) -> str:
    told = difference.told("+")
    return f"**{told}**" if difference.side() else told


EARLIER = """
## Would it have been chosen without seeing the test?

The same with memory to 2021 and all {count:,} remembered moments of 2022 asking; fitted on before 2022.

| likeness | same coin: volatility, error | same regime | all coins: volatility, error | same regime |
|---|---|---|---|---|
"""


def earlier(on: Setting) -> str:
    rows = []
    for way in plain_ways(on.remembered).values():
        cells = [way.name]
        for is_own in SCOPES:
            rows_found = found(way, on.asked, on.remembered, is_own=is_own)
            told = marks(on.asked, on.remembered, rows_found)
            cells += [on.months.mean(told.swing).told(), on.months.mean(told.regime).told()]
        rows.append(f"| {' | '.join(cells)} |\n")
    return EARLIER.format(count=on.asked.size) + "".join(rows)


AGES = """
## What age adds

Memory grows: each asks among all that was told by then, up to {count:,} moments. Of the {fetched} most alike the {k}
with the highest {weight:g} · likeness + {rest:g} · 2^(−age / {half_life:g} days). `as it is`: the cosine moved to 0…1.
`p1 to p99`: 0 and 1 where 1 % of pairs of before 2023 are less and more alike. `min to max`, `rank`: 0 the least and 1
the most alike of the {fetched}, by value or by place. `z-scores`: both in standard deviations of the {fetched}.
`all, as it is`: of everything, not of the {fetched}. The change is against `likeness alone`.

Cosines stand in a band, and in another for each likeness: as they are, 0.3 of age outweighs nearly all that the
{fetched} differ by, and finds the newest of them. From the least to the most alike of the {fetched}, 0.3 has one
meaning: what is new is worth {worth:.0%} of that way more. Ranks and z-scores do as well; `min to max` leaves a score
of 0…1, and what is equally alike stays so.

| likeness | whose | mixed | volatility, error | its change | same regime | its change | age, days |
|---|---|---|---|---|---|---|---|
"""


def ages(ways: Mapping[str, Way], lives: Lives, on: Setting) -> str:
    rows = []
    for is_own in SCOPES:
        for name, floor in floors(on._replace(remembered=lives.grid), is_own=is_own).items():
            rows.append(_age(f"{name} | {'same' if is_own else 'all'} | ", floor, None, on.months))
    for name in AGED:
        way = ways[name]
        within = band(way, on.remembered)
        for is_own in SCOPES:
            told = aged(way, lives, Search(is_own), within)
            if is_own and name in (OURS, MINILM):
                told["all, as it is"] = aged(way, lives, Search(is_own, fetched=None), within, ("as it is",))[
                    "as it is"
                ]
            rows += [_age(f"{name} | {'same' if is_own else 'all'} | {mixed}", one, told["likeness alone"], on.months)
                     for mixed, one in told.items()]  # fmt: skip
    return AGES.format(
        count=lives.grid.size,
        fetched=K * OVER_FETCH,
        k=K,
        weight=WEIGHT,
        rest=1 - WEIGHT,
        half_life=HALF_LIFE_DAYS,
        worth=(1 - WEIGHT) / WEIGHT,
    ) + "".join(rows)


def aged(
    way: Way, lives: Lives, search: Search, within: tuple[float, float], mixes: tuple[str, ...] = tuple(RESCALES)
) -> dict[str, Marks]:
    """A distance has no 0…1 as it is."""
    some = candidates(way, lives.asked, lives.grid, search)
    return {
        name: marks(lives.asked, lives.grid, ranked(some, RESCALES[name], within))
        for name in mixes
        if not (way.is_distance and name == "as it is")
    }


def _age(head: str, one: Marks, alone: Marks | None, months: Months) -> str:
    change = (
        (bold(months.mean(one.swing - alone.swing)), bold(months.mean(one.regime - alone.regime)))
        if alone and alone is not one
        else ("", "")
    )
    cells = (
        head, months.mean(one.swing).told(), change[0], months.mean(one.regime).told(), change[1],
        f"{one.age.mean():,.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


POOLING = """
## How long other coins help

`{way}`. Of each coin only so many moments, evenly over what was told by then; all coins together know six times as
many. What asking all coins changes against asking one's own:

| remembered of a coin | mixed | same coin: volatility, error | all coins: its change | same regime: its change |
|---|---|---|---|---|
"""


def pooling(ways: Mapping[str, Way], lives: Lives, on: Setting) -> str:
    way, rows = ways[SHRUNK], []
    within = band(way, on.remembered)
    for size in SIZES:
        own, every = (aged(way, lives, Search(is_own, size), within, POOLED_BY) for is_own in SCOPES)
        rows += [
            f"| {size or 'all'} | {mixed} | {on.months.mean(own[mixed].swing).told()} "
            f"| {bold(on.months.mean(every[mixed].swing - own[mixed].swing))} "
            f"| {bold(on.months.mean(every[mixed].regime - own[mixed].regime))} |\n"
            for mixed in own
        ]
    return POOLING.format(way=SHRUNK) + "".join(rows)


CONSTANTS = """
## The constants

Center and spread of each number in the product (`SCALE`), and fitted on the remembered moments up to three ends: median
and interquartile range / 1.349; of weekend mean and standard deviation; of ATR% half the spread, so that it counts
four times. The order book was not recorded.

| number | product | to 2020 | to 2021 | to 2022 |
|---|---|---|---|---|
"""


def constants(lives: Lives) -> str:
    ends = [epoch_ms(datetime(year, 1, 1, tzinfo=UTC)) for year in (2021, 2022, 2023)]
    fits: list[Scale] = [SCALE, *(fitted(lives.grid.at(lives.grid.told_ms <= end)) for end in ends)]
    rows = (" | ".join([name, *(f"{fit[name][0]:.2f}, {fit[name][1]:.2f}" for fit in fits)]) for name in NAMES[:-1])
    return CONSTANTS + "".join(f"| {row} |\n" for row in rows)


HEAD = """# Memory

Made by `{how}` (`python -m bench.retrieval`) on {machine}; not edited by hand. The text models are files of
three packages that nothing else here needs: {packages}.

**Question.** Memory shows a decision the moments most like the present. Do its neighbors share what the present is
like, and what comes next, more than moments found in another way?

**Protocol.** BTC, ETH, SOL, LINK, DOT, XTZ against USDT, 4h, with the Fear & Greed Index stamped at or before the bar's
open. Remembered: every 6th bar whose outcome, 42 bars later, was told before 2023: {remembered:,}. Asking: {asking:,}
bars a coin from 2023-01 to 2025-06, drawn by chance; each finds {k}. Medians, spreads and bands are of before 2023.

* *volatility, error*: |log of the realized volatility of the next 42 bars over the mean of the neighbors'|
* *what was left out, error*: each of nine conditions in turn is no part of likeness; how far it is off in the
  neighbors, as a share of how far it is off in everybody. 1: as good as anybody
* *same regime*: share of neighbors of the same trend (±DI 5 apart), ADX (20, 25) and ATR% (1.5, 3): one of 27
* *direction, AUC*: whether more neighbors rose before a rise, 0.5: no. *Brier less base*: the error of their share as a
  forecast, less that of always saying the base rate; above 0 it is worse
* Brackets: 95 % by drawing whole calendar months {draws:,} times, all coins together, the same draws for all; seed
  {seed}

`ours` is what the product does: `vector` of `conditions`, cosine, ATR% counted four times. `distance`: Euclid in the
cosine's place. `fitted`: the same with center and spread measured before 2023. `sentence`: nine
words, read by a text model; the same words are the same point, and ties are broken by chance:

> {sentence}
"""
FOUND = """
## What was found

Which comes nearer to the next week's volatility, the difference of the errors in brackets:

{claims}{kept}
**It shows no future.** Neighbors are precedents, not predictions: of {aucs} intervals of direction, floors aside,
{above} lie above 0.5 and {below} below, and the neighbors' share of rises is a worse forecast than the base rate in
{worse} of {aucs}. That volatility goes on can be had without a memory: saying that last week's stays has an error of
{stays}, and ATR% alone does as well as the best, or better. These are bars, evenly taken, not trades chosen by a
strategy; one venue, 4h, six coins that move together; no order book.
"""
KEPT = """
**What is kept, and why.** Numbers, not a sentence: they need no model, cost nothing, and find both conditions they were
told of and conditions they were not. ATR% counts four times: alone it tells as much of the next week as all together.
Words agree on the regime because regimes are made of the same words; they lose what lies between two edges. Age is
there to tell the newer of two that are as alike; mixed in as it is it brings the newest instead: see what age adds.
{constants}"""
BEHIND = """
**What is behind.** The constants in use are not those that the past before 2023 has: fitted ones change the error by
{own} in the same coin and by {every} in all coins. A cosine hangs on where the center is, a distance does not.
"""


def claims(own: Mapping[str, Marks], every: Mapping[str, Marks], months: Months) -> str:
    """Each pair in both scopes, said as the interval has it."""
    pairs = (
        (OURS, MINILM), (OURS, WORDLLAMA), (OURS, CHANCE), (OURS, EVEN_OURS), (OURS, FITTED), (OURS, FAR_OURS),
        (FITTED, FAR_FITTED), (FITTED, MINILM), (FITTED, WORDLLAMA), (WORDS, MINILM), (MINILM, CHANCE),
    )  # fmt: skip
    said = []
    for one, other in pairs:
        parts = [verdict(months.mean(told[one].swing - told[other].swing)) for told in (own, every)]
        said.append(f"* `{one}` against `{other}`: same coin {parts[0]}, all coins {parts[1]}\n")
    return "".join(said)


def behind(own: Mapping[str, Marks], every: Mapping[str, Marks], months: Months) -> str:
    """Said as long as it is so."""
    fits = [months.mean(told[FITTED].swing - told[OURS].swing) for told in (own, every)]
    return BEHIND.format(own=fits[0].told("+"), every=fits[1].told("+")) if any(fit.side() < 0 for fit in fits) else ""


def verdict(difference: Estimate) -> str:
    word = "no difference" if not difference.side() else "better" if difference.value < 0 else "worse"
    return f"{word} ({difference.told('+')})"


def direction(every: list[Marks], months: Months) -> dict[str, int]:
    sides = [months.auc(told.rises, told.rose).side(0.5) for told in every]
    worse = sum(months.mean(told.brier).side() == 1 for told in every)
    return {"aucs": len(sides), "above": sides.count(1), "below": sides.count(-1), "worse": worse}


def page(lives: Lives, machine: str) -> str:
    on = setting(lives)
    ways = plain_ways(on.remembered) | text_ways()
    found_in = {
        is_own: {name: tried(way, on, is_own=is_own) for name, way in ways.items()} | floors(on, is_own=is_own)
        for is_own in SCOPES
    }
    own, every = found_in[True], found_in[False]
    example = sentences(on.asked.words[:1])[0]
    stays = on.months.mean(np.abs(on.asked.swing - on.asked.swing_before)).told()
    kept = KEPT.format(constants=behind(own, every, on.months))
    return "".join((
        HEAD.format(machine=machine, how=HOW, packages=PACKAGES,
                    remembered=on.remembered.size, asking=on.asked.size // len(COINS), k=K,
                    draws=DRAWS, seed=SEED, sentence=example),
        FOUND.format(claims=claims(own, every, on.months), kept=kept, stays=stays,
                     **direction([one[name] for one in found_in.values() for name in ways], on.months)),
        *(table(told, on.months, is_own=is_own) for is_own, told in found_in.items()),
        earlier(before(lives)),
        ages(ways, lives, on),
        pooling(ways, lives, on),
        constants(lives),
    ))  # fmt: skip


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return f"{f'{len(names)} x {names[0]}' if names else platform.processor()}, Python {platform.python_version()}"


if __name__ == "__main__":
    PAGE.write_text(page(recorded(data(), SEED, ASKING), machine()), encoding="utf-8")
