"""One contract, three memories: the most similar, nothing from the future, the same from any order, bit for bit."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest
from chroma_server import ChromaServer, behind_lambda, chroma_server, emptied
from world import BTC, ETH, MONDAY, d

from semanticsignal.adapters.inmemory import InMemoryMemory
from semanticsignal.domain.learning import (
    Conditions,
    End,
    Experience,
    Hindsight,
    PostMortem,
    RefusedEntry,
    RuleKind,
    RuleStatus,
    SemanticRule,
    Which,
)
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.ports import MemoryStore
from tests.functions.aws import IDENTITY

Made = Callable[[], AbstractAsyncContextManager[MemoryStore]]

HOUR = timedelta(hours=1)


def lived(name: str, hours: int = 0, **numbers: float | None) -> Experience:
    return Experience(
        id=name,
        trade_id=name,
        symbol=BTC,
        side=Side.LONG,
        opened_at=MONDAY,
        closed_at=MONDAY + hours * HOUR,
        conditions=Conditions({}, numbers),
        regime="",
        confidence_ratio=0.7,
        insight="",
        return_ratio=0.0,
        r_multiple=None,
        is_win=True,
        exit_reason=ExitReason.STOP,
        mae_ratio=0.0,
        mfe_ratio=0.0,
    )


def refused(name: str, hours: int = 0, **numbers: float | None) -> Hindsight:
    entry = RefusedEntry(
        id=name,
        symbol=BTC,
        timeframe=Timeframe.H4,
        side=Side.LONG,
        refused_at=MONDAY,
        price=d(100),
        stop_price=d(95),
        target_price=d(110),
        confidence_ratio=0.6,
        guards=("reward_risk",),
        conditions=Conditions({}, numbers),
        regime="",
    )
    return Hindsight(entry, MONDAY + hours * HOUR, End.TARGET, 3, 0.1, 2.0)


def reviewed(one: Experience) -> PostMortem:
    at = one.closed_at + HOUR
    return PostMortem(f"{one.trade_id}#post-mortem", one.trade_id, BTC, at, "verdict", "up", "down", "wait", "analyst")


def edition(count: int, hours: int = 0, pattern: str = "p") -> SemanticRule:
    trades = tuple(map(str, range(count)))
    return SemanticRule(
        f"{pattern}#{count}",
        pattern,
        RuleKind.AVOID,
        RuleStatus.ACTIVE,
        "",
        0,
        count,
        0.0,
        MONDAY + hours * HOUR,
        trades,
    )


NOW = Conditions({}, {"rsi": 62.4, "adx": 36.0})  # one spread above the center each


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@asynccontextmanager
async def in_memory() -> AsyncIterator[MemoryStore]:
    yield InMemoryMemory()


@pytest.fixture(params=["memory", "chroma", "function"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Makes a memory that holds nothing."""
    if request.param == "memory":
        return in_memory
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    return partial(emptied if request.param == "chroma" else behind_lambda, request.getfixturevalue("server"))


@pytest.fixture
async def memory(made: Made) -> AsyncIterator[MemoryStore]:
    async with made() as empty:
        yield empty


async def test_the_most_similar_come_first_with_their_likeness(memory: MemoryStore) -> None:
    for one in (
        lived("opposite", rsi=37.6, adx=14.0),
        lived("alike", rsi=74.8, adx=47.0),
        lived("across", rsi=62.4, adx=14.0),
    ):
        await memory.remember(one)

    found = await memory.similar(NOW, until=MONDAY, limit=9)

    # the same direction, at a right angle, and the other way round
    assert [(one.id, pytest.approx(likeness)) for one, likeness in found] == [
        ("alike", 1.0),
        ("across", 0.5),
        ("opposite", 0.0),
    ]


async def test_ties_go_by_id_and_the_limit_holds(memory: MemoryStore) -> None:
    for name in "cab":
        await memory.remember(lived(name, rsi=62.4))

    found = await memory.similar(NOW, until=MONDAY, limit=2)

    assert [one.id for one, _ in found] == ["a", "b"]
    assert await memory.similar(NOW, until=MONDAY, limit=0) == ()


async def test_nobody_recalls_what_had_not_ended(memory: MemoryStore) -> None:
    for hours, name in enumerate(("past", "now", "future")):
        await memory.remember(lived(name, hours, rsi=62.4))

    found = await memory.similar(NOW, until=MONDAY + HOUR, limit=9)

    assert {one.id for one, _ in found} == {"past", "now"}
    assert await memory.count(until=MONDAY + HOUR) == 2
    assert await memory.count(until=MONDAY - HOUR) == 0
    assert await memory.similar(NOW, until=MONDAY - HOUR, limit=9) == ()


async def test_the_same_experience_twice_is_one(memory: MemoryStore) -> None:
    for _ in range(2):
        await memory.remember(lived("a", rsi=62.4))

    assert await memory.count(until=MONDAY) == 1
    assert len(await memory.similar(NOW, until=MONDAY, limit=9)) == 1


async def test_in_whatever_order_things_are_remembered_they_are_recalled_alike(made: Made) -> None:
    ones = [lived("a", 0, rsi=70.0), lived("b", 1, adx=50.0), lived("c", 2, rsi=20.0, adx=33.0), lived("d", 3)]

    answers = set()
    for order in tuple(permutations(ones))[::5]:
        async with made() as memory:
            for one in order:
                await memory.remember(one)
            found = await memory.similar(NOW, until=MONDAY + 2 * HOUR, limit=9)
        answers.add(tuple((one.id, likeness) for one, likeness in found))

    assert len(answers) == 1


async def test_where_nothing_is_known_everything_is_half_alike(memory: MemoryStore) -> None:
    await memory.remember(lived("blank"))
    await memory.remember(lived("full", rsi=62.4))

    blind = await memory.similar(Conditions({}, {}), until=MONDAY, limit=9)
    seeing = await memory.similar(NOW, until=MONDAY, limit=9)

    assert [likeness for _, likeness in blind] == [0.5, 0.5]
    assert [(one.id, likeness) for one, likeness in seeing][-1] == ("blank", 0.5)


async def test_the_newest_edition_of_each_rule_stands(memory: MemoryStore) -> None:
    for rule in (edition(5, 2), edition(3, 1), edition(9, 9), edition(4, 1, "another")):
        await memory.learn(rule)

    standing = await memory.rules(until=MONDAY + 2 * HOUR)

    assert [rule.id for rule in standing] == ["another#4", "p#5"]
    assert await memory.rules(until=MONDAY) == ()


async def test_the_edition_of_the_most_trades_stands_however_many_it_names(memory: MemoryStore) -> None:
    many = replace(edition(9, 1), id="many", wins=4, losses=5, trade_ids=("1",))
    few = replace(edition(3, 2), id="few", wins=3, losses=0)
    for rule in (many, few):
        await memory.learn(rule)

    assert await memory.rules(until=MONDAY + HOUR) == (many,)
    assert await memory.rules(until=MONDAY + 2 * HOUR) == (many,)


async def test_of_editions_of_as_many_trades_the_last_formed_stands(memory: MemoryStore) -> None:
    first, second = replace(edition(5, 1), id="z"), replace(edition(5, 2), id="a", status=RuleStatus.RETIRED)
    for rule in (second, first):
        await memory.learn(rule)

    assert await memory.rules(until=MONDAY + HOUR) == (first,)
    assert await memory.rules(until=MONDAY + 2 * HOUR) == (second,)


async def test_the_first_wording_of_an_edition_stands(memory: MemoryStore) -> None:
    await memory.learn(edition(3, 1))
    await memory.learn(edition(3, 5))

    assert [rule.formed_at for rule in await memory.rules(until=MONDAY + 9 * HOUR)] == [MONDAY + HOUR]


KNOWN = {"a": {}, "b": {"symbol": ETH}, "c": {"side": Side.SHORT}, "d": {"regime": "bull trending"}}


@pytest.mark.parametrize(
    ("which", "names"),
    [
        (Which(), "abcd"),
        (Which(symbol=BTC), "acd"),
        (Which(symbol=ETH), "b"),
        (Which(side=Side.LONG), "abd"),
        (Which(side=Side.SHORT), "c"),
        (Which(regime="bull trending"), "d"),
        (Which(regime="unheard of"), ""),
        (Which(since=MONDAY + 2 * HOUR), "cd"),
        (Which(symbol=BTC, side=Side.LONG, since=MONDAY + HOUR), "d"),
    ],
)
async def test_only_what_is_meant_is_recalled_and_counted(memory: MemoryStore, which: Which, names: str) -> None:
    for hours, (name, what) in enumerate(KNOWN.items()):
        await memory.remember(replace(lived(name, hours, rsi=62.4), **what))

    found = await memory.similar(NOW, until=MONDAY + 9 * HOUR, limit=9, which=which)

    assert "".join(one.id for one, _ in found) == names
    assert await memory.count(until=MONDAY + 9 * HOUR, which=which) == len(names)
    assert await memory.count(until=MONDAY, which=which) == len(set(names) & {"a"}) * (which.since is None)


async def test_what_was_refused_is_recalled_apart_once_it_is_known_what_it_would_have_come_to(
    memory: MemoryStore,
) -> None:
    await memory.remember(lived("taken", rsi=62.4))
    far, near = refused("far", 1, rsi=37.6), refused("near", 2, rsi=62.4)
    short = replace(near, refused=replace(near.refused, id="short", side=Side.SHORT))
    for one in (far, near, short, near):
        await memory.remember(one)

    async def found(hours: int, which: Which) -> list[tuple[str, float]]:
        told = await memory.refused(NOW, until=MONDAY + hours * HOUR, limit=9, which=which)
        return [(one.refused.id, round(likeness, 3)) for one, likeness in told]

    # rsi alone is one of the two numbers asked about: the cosine is 1 over the root of 2, or its opposite
    assert await found(2, Which(side=Side.LONG)) == [("near", 0.854), ("far", 0.146)]
    assert await found(2, Which(side=Side.SHORT)) == [("short", 0.854)]
    assert await found(1, Which()) == [("far", 0.146)]
    assert await found(0, Which()) == []
    assert await memory.count(until=MONDAY + 9 * HOUR) == 1


async def test_a_post_mortem_changes_nothing_of_what_is_recalled(memory: MemoryStore) -> None:
    one = lived("a", rsi=62.4)
    await memory.remember(one)
    before = await memory.similar(NOW, until=MONDAY, limit=9)

    for _ in range(2):
        await memory.remember(reviewed(one))

    assert await memory.similar(NOW, until=MONDAY, limit=9) == before
    assert await memory.count(until=MONDAY + 9 * HOUR) == 1
