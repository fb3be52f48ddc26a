"""Memory on a real Chroma server: exact, never behind the ledger, and loud when the server is not there."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from operator import ne
from random import Random
from time import monotonic
from typing import Any

import httpx
import pytest
from chroma_server import ChromaServer, chroma_server, emptied, formed, lesson, written
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import serve
from world import BTC, ETH, MONDAY, d

from semanticsignal.adapters.chroma import ChromaMemory, FollowingMemory, records, store
from semanticsignal.adapters.inmemory import InMemoryLedger, InMemoryMemory
from semanticsignal.domain.errors import BadInput, InvalidSetting, LedgerUnavailable, MemoryUnavailable
from semanticsignal.domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.recall import SCALE, likeness, vector
from tests.adapters.test_memory import HOUR, edition, lived, refused, reviewed

EVER = MONDAY + timedelta(days=10_000)
COLLECTIONS = store.COLLECTIONS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@pytest.fixture
async def memory(server: ChromaServer) -> AsyncIterator[ChromaMemory]:
    async with emptied(server) as empty:
        yield empty


class ReadLedger(InMemoryLedger):
    """Counts what is read of it; refuses to be read beyond `readable`."""

    def __init__(self) -> None:
        super().__init__(d(10_000))
        self.read: list[int] = []
        self.readable = 10**9

    async def entries(self, **asked: Any) -> tuple[Entry, ...]:
        found = await super().entries(**asked)
        if found and found[-1].seq > self.readable:
            raise LedgerUnavailable(f"no answer beyond {self.readable}")
        self.read += [entry.seq for entry in found]
        return found


async def filled(*ones: Experience | Hindsight | PostMortem) -> ReadLedger:
    ledger = ReadLedger()
    for one in ones:
        await ledger.record(written(one))
    return ledger


def some(count: int, name: str = "e") -> list[Experience]:
    return [lived(f"{name}{number}", number, rsi=50.0 + number) for number in range(count)]


def random_numbers(dice: Random) -> dict[str, float | None]:
    return {name: None if dice.random() < 0.1 else dice.gauss(*of) for name, of in SCALE.items()}


# --- The same as comparing everything --------------------------------------------------------------------------------


async def test_of_two_thousand_the_same_are_recalled_as_by_comparing_them_all(memory: ChromaMemory) -> None:
    dice, exact = Random(7), InMemoryMemory()
    ones = [lived(f"BTC/USDC#{number}", number, **random_numbers(dice)) for number in range(2000)]
    for one in ones:
        await exact.remember(one)
    await memory.follow(await filled(*ones))

    for until, limit in (
        [(EVER, 10)] * 20
        + [(EVER, 50), (EVER, 1), (EVER, 1999), (MONDAY + 1000 * HOUR, 10)] * 3
        + [
            (MONDAY + 15 * HOUR, 10),
            (MONDAY + 1990 * HOUR, 10),
        ]
    ):
        now = Conditions({}, random_numbers(dice))
        found = await memory.similar(now, until=until, limit=limit)
        assert found == await exact.similar(now, until=until, limit=limit)
        assert len(found) == limit


PAIRS, REGIMES = (BTC, ETH, Symbol("1INCH", "USDC"), Symbol("币", "USDC")), ("bull", "bear", "rare")


def varied(count: int) -> list[Experience | Hindsight]:
    """Of several pairs, sides and regimes, closed in an order of their own; every third was refused."""
    dice = Random(11)
    found: list[Experience | Hindsight] = []
    for number in range(count):
        hours, numbers = dice.randrange(count), random_numbers(dice)
        told: dict[str, Any] = {"symbol": dice.choice(PAIRS), "side": dice.choice(list(Side))}
        told["regime"] = "rare" if dice.random() < 0.01 else dice.choice(REGIMES[:2])
        if number % 3:
            found.append(replace(lived(f"{told['symbol']}#{number}", hours, **numbers), **told))
        else:
            one = refused(f"{told['symbol']}#{number}", hours, **numbers)
            found.append(replace(one, refused=replace(one.refused, **told)))
    return found


SPAN = 900
WHICH = st.builds(
    Which,
    symbol=st.sampled_from([None, *PAIRS, Symbol("NEVER", "HELD")]),
    side=st.sampled_from([None, *Side]),
    regime=st.sampled_from([None, *REGIMES, ""]),
    since=st.none() | st.integers(0, SPAN).map(lambda hours: MONDAY + hours * HOUR),
)


async def test_whatever_is_meant_the_same_is_recalled_as_by_comparing_all_that_is(
    memory: ChromaMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WIDE", 150)  # so that the server's own filter has its turn
    exact, ones, dice = InMemoryMemory(), varied(SPAN), Random(5)
    for one in ones:
        await exact.remember(one)
    await memory.follow(await filled(*ones))
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None)
    @given(WHICH, st.integers(0, SPAN), st.integers(1, 60))
    def same(which: Which, hours: int, limit: int) -> None:
        now = Conditions({}, random_numbers(dice))
        asked: dict[str, Any] = {"until": MONDAY + hours * HOUR, "which": which}

        async def both() -> None:
            for ask in ("similar", "refused"):
                found = await getattr(memory, ask)(now, limit=limit, **asked)
                assert found == await getattr(exact, ask)(now, limit=limit, **asked)
            assert await memory.count(**asked) == await exact.count(**asked)

        asyncio.run_coroutine_threadsafe(both(), loop).result(60)

    await asyncio.to_thread(same)


async def test_what_is_told_of_an_experience_is_there_to_be_asked_for(memory: ChromaMemory) -> None:
    one = replace(
        lived("a", rsi=63.0, adx=31.0, sentiment=None), factors={"trend": 80.0, "news": 20.0}, stop_ratio=0.02,
        reward_risk=2.5, model="m", prompt_version="v", stated_ratio=0.8,
    )  # fmt: skip

    told = records.row(one).metadata
    await memory.remember(one)

    expected = {
        "closed_us": 1767571200000000, "side": "long", "symbol": "BTC/USDC", "is_win": True, "rsi": 63.0, "adx": 31.0,
        "factor_trend": 80.0, "factor_news": 20.0, "confluences": 1, "stop_ratio": 0.02, "reward_risk": 2.5,
        "exit_reason": "stop", "model": "m", "prompt_version": "v", "confidence_ratio": 0.7,
        "stated_ratio": 0.8,
    }  # fmt: skip
    assert expected.items() <= told.items() and len(told) >= 24
    assert not {"sentiment", "target_ratio"} & set(told)
    kept = await memory._on(f"{records.LIVED}_BTC-USDC", "get", {"include": ["metadatas"]})
    assert kept["metadatas"] == [told]


def test_how_it_ended_has_no_part_in_what_is_compared() -> None:
    won = lived("a", rsi=63.0)
    lost = replace(won, is_win=False, return_ratio=-0.1, r_multiple=-1.0, mae_ratio=-0.2, mfe_ratio=0.0)

    assert records.row(won).point == records.row(lost).point
    assert records.row(won).id == records.row(lost).id


LEVELS = st.sampled_from([None, -1.0, 0.0, 1.0, 2.0])
FEW = st.fixed_dictionaries({"di_difference": LEVELS, "sma_50_atr": LEVELS, "macd_atr": LEVELS})


@settings(max_examples=25)
@given(st.lists(FEW, max_size=120), FEW, st.integers(1, 9), st.integers(0, 120))
def test_ties_and_blanks_are_settled_as_by_comparing_them_all(
    server: ChromaServer, numbers: list[dict[str, float | None]], now: dict[str, float | None], limit: int, hours: int
) -> None:
    async def both() -> None:
        exact = InMemoryMemory()
        asked: dict[str, Any] = {"until": MONDAY + hours * HOUR, "limit": limit}
        async with emptied(server) as memory:
            ones = [lived(f"e{row}", row, **known) for row, known in enumerate(numbers)]
            for one in ones:
                await exact.remember(one)
            await memory.follow(await filled(*ones))
            assert await memory.similar(Conditions({}, now), **asked) == await exact.similar(
                Conditions({}, now), **asked
            )
            assert await memory.count(until=asked["until"]) == await exact.count(until=asked["until"])

    asyncio.run(both())


@given(FEW, FEW)
def test_likeness_is_the_same_from_both_sides_and_one_of_itself(
    one: dict[str, float | None], other: dict[str, float | None]
) -> None:
    first, second = vector(Conditions({}, one)), vector(Conditions({}, other))

    assert likeness(first, second) == likeness(second, first)
    assert 0 <= likeness(first, second) <= 1
    assert likeness(first, first) == (1.0 if any(first) else 0.5)


def test_another_vector_needs_another_name() -> None:
    values = (None, -1000.0, -1.0, 0.0, 0.5, 30.0, 1000.0)
    made = [vector(Conditions({}, {name: value})) for name in sorted(SCALE) for value in values]

    # When this fails, what Chroma holds was made otherwise: give EMBEDDING its next name, and this its seal.
    assert (records.EMBEDDING, sha256(repr(made).encode()).hexdigest()[:8]) == ("v3", "d03e35fe")


async def test_a_rule_of_many_trades_is_fetched_only_while_it_stands(memory: ChromaMemory) -> None:
    ledger = ReadLedger()
    long = [
        replace(edition(count, count), trade_ids=tuple(f"BTC/USDC#4h#{trade:080}" for trade in range(1000 + count)))
        for count in range(1, 60)
    ]
    for rule in (*long, edition(3, 1, "another")):
        await ledger.record(formed(rule))

    assert await memory.follow(ledger) == 60
    assert await memory.rules(until=EVER) == (edition(3, 1, "another"), long[-1])
    assert await memory.rules(until=MONDAY + 30 * HOUR) == (edition(3, 1, "another"), long[29])


# --- Behind the ledger ------------------------------------------------------------------------------------------------


async def test_what_the_ledger_learned_is_taken_in_once(memory: ChromaMemory) -> None:
    ledger = await filled(*some(3))

    assert await memory.follow(ledger) == 3
    ledger.read.clear()
    assert await memory.follow(ledger) == 0
    # the last one, to see that it is the same ledger
    assert ledger.read == [3]
    await ledger.record(lesson(lived("new", 9)))
    await ledger.record(formed(edition(4)))
    assert await memory.follow(ledger) == 2

    assert await memory.count(until=EVER) == 4
    assert await memory.rules(until=EVER) == (edition(4),)


async def test_another_container_goes_on_where_one_stopped(memory: ChromaMemory, server: ChromaServer) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)

    other = ChromaMemory(server.url)
    assert await other.follow(ledger) == 0
    await other.close()


async def test_a_follower_that_breaks_off_keeps_what_it_took(
    memory: ChromaMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAGE", 2)
    ledger = await filled(*some(7))
    ledger.readable = 4

    with pytest.raises(LedgerUnavailable):
        await memory.follow(ledger)
    ledger.readable = 10**9

    assert await memory.follow(ledger) == 3
    assert await memory.count(until=EVER) == 7


async def test_followers_at_the_same_time_do_no_harm(
    memory: ChromaMemory, server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAGE", 10)
    ledger = await filled(*some(60))
    for number in range(20):
        await ledger.record(formed(edition(number + 1, number)))
    others = [ChromaMemory(server.url) for _ in range(4)]

    await asyncio.gather(*(each.follow(ledger) for each in others))

    assert await memory.follow(ledger) == 0
    assert await memory.count(until=EVER) == 60
    assert [rule.id for rule in await memory.rules(until=EVER)] == ["p#20"]
    for each in others:
        await each.close()


async def test_an_emptied_server_is_filled_from_the_ledger(memory: ChromaMemory, server: ChromaServer) -> None:
    ledger = await filled(*some(5))
    await ledger.record(formed(edition(4)))
    await memory.follow(ledger)

    server.wipe()

    assert await memory.follow(ledger) == 6
    assert await memory.count(until=EVER) == 5
    assert await memory.rules(until=EVER) == (edition(4),)


OURS = [f"{records.LIVED}_BTC-USDC", records.RULES]


@pytest.mark.parametrize("name", OURS)
async def test_a_lost_collection_is_filled_from_the_ledger(name: str, memory: ChromaMemory) -> None:
    ledger = await filled(*some(5))
    await ledger.record(formed(edition(4)))
    await memory.follow(ledger)

    await memory._ask("DELETE", f"{COLLECTIONS}/{name}")

    assert await memory.follow(ledger) == 6
    assert await memory.count(until=EVER) == 5
    assert await memory.rules(until=EVER) == (edition(4),)


@pytest.mark.parametrize("name", OURS)
async def test_lost_records_are_filled_from_the_ledger(name: str, memory: ChromaMemory) -> None:
    ledger = await filled(*some(5))
    await ledger.record(formed(edition(4)))
    await memory.follow(ledger)

    await memory._on(name, "delete", {"ids": [records.row(some(4)[3]).id, "p#4"]})

    assert await memory.follow(ledger) == 6
    assert await memory.count(until=EVER) == 5
    assert await memory.rules(until=EVER) == (edition(4),)
    assert await memory.follow(ledger) == 0


async def test_what_another_ledger_had_learned_is_forgotten(memory: ChromaMemory) -> None:
    await memory.follow(await filled(*some(9, "theirs")))

    assert await memory.follow(await filled(*some(2, "ours"))) == 2

    found = await memory.similar(Conditions({}, {}), until=EVER, limit=9)
    assert [one.id for one, _ in found] == ["ours0", "ours1"]


async def test_a_rebuild_forgets_what_the_ledger_never_learned(memory: ChromaMemory) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)
    await memory.remember(lived("stray"))
    await memory.learn(edition(9))

    assert await memory.rebuild(ledger) == 3

    assert await memory.rules(until=EVER) == ()
    assert await memory.holds(Experience, "e1") and not await memory.holds(Experience, "stray")


async def test_who_knew_a_collection_that_was_rebuilt_says_so_and_finds_the_new_one(
    memory: ChromaMemory, server: ChromaServer
) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)
    other = ChromaMemory(server.url)
    await other.rebuild(ledger)
    await other.close()

    with pytest.raises(MemoryUnavailable, match="ask again"):
        await memory.count(until=EVER)
    assert await memory.count(until=EVER) == 3


async def test_what_was_acknowledged_outlives_the_server(memory: ChromaMemory, server: ChromaServer) -> None:
    exact = InMemoryMemory()
    for one in some(30):
        await memory.remember(one)
        await exact.remember(one)
    await memory.learn(edition(5))

    server.restart()

    now = Conditions({}, {"rsi": 60.0})
    assert await memory.count(until=EVER) == 30
    assert await memory.similar(now, until=EVER, limit=9) == await exact.similar(now, until=EVER, limit=9)
    assert await memory.rules(until=EVER) == (edition(5),)


async def test_a_lost_index_is_no_lost_memory(memory: ChromaMemory, server: ChromaServer) -> None:
    exact = InMemoryMemory()
    for one in some(40):
        await exact.remember(one)
    await memory.follow(await filled(*some(40)))

    server.kill()
    for index in server.folder.glob("*-*/*.bin"):
        index.unlink()
    server.start()

    now = Conditions({}, {"rsi": 60.0})
    assert await memory.similar(now, until=EVER, limit=9) == await exact.similar(now, until=EVER, limit=9)


async def test_what_an_older_version_kept_stays(memory: ChromaMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)
    new = {"LIVED": "experiences_v9", "REFUSED": "refusals_v9", "RULES": "rules_v9", "WRITTEN": "postmortems_v9"}

    with monkeypatch.context() as patch:
        for name, value in new.items():
            patch.setattr(records, name, value)
        newer = ChromaMemory(memory._url)
        assert await newer.follow(ledger) == 3
        assert await newer.rebuild(ledger) == 3
        await newer._drop()
        await newer.close()

    assert await memory.follow(ledger) == 0
    assert await memory.count(until=EVER) == 3


async def test_everything_that_is_learned_is_followed(memory: ChromaMemory) -> None:
    one, other = lived("a", rsi=63.0), refused("b", rsi=63.0)
    ledger = await filled(one, other, reviewed(one))

    assert await memory.follow(ledger) == 3

    assert [await memory.holds(kind, id) for kind, id in (
        (Experience, "a"), (Hindsight, other.id), (PostMortem, reviewed(one).id), (Experience, other.id),
        (Hindsight, "a"), (PostMortem, "a"),
    )] == [True, True, True, False, False, False]  # fmt: skip
    assert await memory.follow(ledger) == 0


@pytest.mark.parametrize("stray", [lived("stray"), replace(lived("stray"), symbol=ETH), refused("stray"), edition(9)])
async def test_what_the_ledger_never_learned_is_found_out_and_forgotten(
    memory: ChromaMemory, stray: Experience | Hindsight | SemanticRule
) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)
    await (memory.learn(stray) if isinstance(stray, SemanticRule) else memory.remember(stray))

    assert await memory.follow(ledger) == 3

    assert not await memory.holds(type(stray), stray.id)
    assert await memory.count(until=EVER) == 3
    assert await memory.follow(ledger) == 0


async def test_what_was_remembered_before_it_was_followed_is_no_stray(memory: ChromaMemory) -> None:
    ledger = await filled(*some(3))
    await memory.follow(ledger)
    await ledger.record(lesson(lived("new", 9)))
    await memory.remember(lived("new", 9))

    assert await memory.follow(ledger) == 1
    assert await memory.follow(ledger) == 0


# --- A memory that follows by itself ----------------------------------------------------------------------------------


@pytest.fixture
async def following(memory: ChromaMemory) -> tuple[FollowingMemory, ReadLedger]:
    ledger = await filled(*some(3))
    return FollowingMemory(memory, ledger), ledger


async def test_before_it_is_filled_it_has_no_answer_and_holds_up_nobody(
    following: tuple[FollowingMemory, ReadLedger],
) -> None:
    memory, ledger = following

    with pytest.raises(MemoryUnavailable, match="being filled"):
        await memory.count(until=EVER)
    await ledger.record(lesson(lived("new")))
    await memory.remember(lived("new"))

    assert await memory.mend() == 4
    assert await memory.count(until=EVER) == 4


async def test_what_somebody_else_wrote_into_the_server_is_no_memory(
    following: tuple[FollowingMemory, ReadLedger], server: ChromaServer
) -> None:
    """The port has no key: documents are changed under their own ids before anybody has asked for them."""
    memory, ledger = following
    await memory.mend()
    changed = 0
    async with httpx.AsyncClient(base_url=server.url, verify=False) as stranger:
        for collection in (await stranger.get(store.COLLECTIONS)).json():
            held = (await stranger.post(f"{store.COLLECTIONS}/{collection['id']}/get", json={})).json()
            forged = [re.sub(r'"return_ratio":[-0-9.]+', '"return_ratio":0.9', told) for told in held["documents"]]
            if held["ids"]:
                body = {"ids": held["ids"], "documents": forged}
                (await stranger.post(f"{store.COLLECTIONS}/{collection['id']}/update", json=body)).raise_for_status()
            changed += sum(map(ne, forged, held["documents"]))

    found = await memory.similar(Conditions({}, {"rsi": 60.0}), until=EVER, limit=9)

    entries = await ledger.entries()
    lived_through = {one.id: one for entry in entries if isinstance(one := entry.memorable, Experience)}
    assert changed == len(found) == 3
    assert {one.id: one for one, _ in found} == lived_through


async def test_what_a_stranger_dates_back_is_not_seen_before_it_had_closed(
    following: tuple[FollowingMemory, ReadLedger],
) -> None:
    memory, _ = following
    await memory.mend()
    early, _, late = some(3)
    await memory.memory.remember(replace(late, closed_at=early.closed_at, regime="another"))
    now = Conditions({}, {"rsi": 60.0})

    before = await memory.similar(now, until=early.closed_at, limit=9)
    another = await memory.similar(now, until=EVER, limit=9, which=Which(regime="another"))

    assert [one.id for one, _ in before] == [early.id]
    assert another == ()


async def test_what_was_written_down_is_in_every_answer(following: tuple[FollowingMemory, ReadLedger]) -> None:
    memory, ledger = following
    await memory.mend()

    for noun in (lived("e9", 9, rsi=80.0), refused("r", rsi=63.0)):
        await ledger.record(written(noun))
    await ledger.record(formed(edition(4)))

    assert await memory.count(until=EVER, which=Which(since=MONDAY + 9 * HOUR)) == 1
    assert len(await memory.similar(Conditions({}, {"rsi": 60.0}), until=EVER, limit=9)) == 4
    assert len(await memory.refused(Conditions({}, {"rsi": 60.0}), until=EVER, limit=9)) == 1
    assert await memory.rules(until=EVER) == (edition(4),)
    assert await memory.mend() == 0


async def test_what_is_taken_in_between_two_looks_is_noted_with_the_next(
    following: tuple[FollowingMemory, ReadLedger], server: ChromaServer
) -> None:
    memory, ledger = following
    await memory.mend()
    await ledger.record(lesson(lived("new")))
    await memory.remember(lived("new"))

    await memory.mend()

    other = ChromaMemory(server.url)
    assert await other.follow(ledger) == 0
    await other.close()


async def test_how_much_there_is_and_which_rules_stand_is_known_without_asking_again(
    following: tuple[FollowingMemory, ReadLedger], server: ChromaServer
) -> None:
    memory, ledger = following
    await ledger.record(lesson(replace(lived("eth", 1), symbol=ETH)))
    await ledger.record(formed(edition(4, 1)))
    await memory.mend()
    assert await memory.rules(until=EVER) == (edition(4, 1),)

    server.kill()
    try:
        assert await memory.rules(until=EVER) == (edition(4, 1),)
        of = (ANY, Which(symbol=BTC), Which(symbol=ETH))
        assert [await memory.count(until=EVER, which=which) for which in of] == [
            4, 3, 1,
        ]  # fmt: skip
        assert await memory.count(until=MONDAY + 2 * HOUR, which=Which(symbol=PAIRS[2])) == 0
    finally:
        server.start()
    # what was known earlier has to be asked
    assert await memory.rules(until=MONDAY) == ()
    assert await memory.count(until=MONDAY) == 1
    await ledger.record(formed(edition(5, 2)))
    await memory.learn(edition(5, 2))
    assert await memory.rules(until=EVER) == (edition(5, 2),)


async def test_what_was_recalled_once_is_not_fetched_again(
    memory: ChromaMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones = [lived(f"e{number}", rsi=50.0 + number, adx=35.0 - number) for number in range(9)]
    await memory.follow(await filled(*ones))
    asked: list[str] = []
    ask = memory._ask

    async def heard(method: str, path: str, *more: Any) -> Any:
        asked.append(path.rpartition("/")[2])
        return await ask(method, path, *more)

    monkeypatch.setattr(memory, "_ask", heard)
    now = Conditions({}, {"rsi": 60.0})
    answers = [await memory.similar(now, until=EVER, limit=2) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2] and len(answers[0]) == 2
    assert asked.count("get") == 1

    monkeypatch.setattr(store, "AT_HAND", 3)
    assert len(await memory.similar(now, until=EVER, limit=9)) == 9
    assert len(memory._seen) == 3


@pytest.mark.parametrize("what", ["lost", "stray"])
async def test_a_drift_is_found_and_mended(following: tuple[FollowingMemory, ReadLedger], what: str) -> None:
    memory, _ = following
    await memory.mend()
    store = memory.memory
    if what == "lost":
        await store._on(f"{records.LIVED}_BTC-USDC", "delete", {"ids": [records.row(some(3)[1]).id]})
    else:
        await store.remember(lived("stray"))

    assert await memory.mend() == 3

    assert await memory.count(until=EVER) == 3
    assert await store.holds(Experience, "e1") and not await store.holds(Experience, "stray")


async def test_a_server_that_went_away_is_said_until_it_is_mended(
    following: tuple[FollowingMemory, ReadLedger], server: ChromaServer
) -> None:
    memory, ledger = following
    await memory.mend()
    server.kill()

    with pytest.raises(MemoryUnavailable):
        await memory.similar(Conditions({}, {}), until=EVER, limit=9)
    await ledger.record(lesson(lived("new")))
    await memory.remember(lived("new"))  # trading goes on
    assert not memory.is_whole
    with pytest.raises(MemoryUnavailable):
        await memory.mend()
    server.start()

    await memory.mend()
    assert await memory.count(until=EVER) == 4


# --- When the server is not there -------------------------------------------------------------------------------------


async def test_an_answer_that_never_ends_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps a connection alive for ever; decisions wait for no such server."""
    monkeypatch.setattr(store, "READ_S", 0.3)

    async def dripping(scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.ensure_future(gone())
        while not (await asyncio.wait({leaving}, timeout=0.05))[0]:
            await send({"type": "http.response.body", "body": b" ", "more_body": True})

    async with serve(dripping) as url:
        began = monotonic()
        memory = ChromaMemory(url)
        with pytest.raises(MemoryUnavailable, match=r"did not answer GET .*not within 0\.3 s"):
            await memory.heartbeat()
        await memory.close()
        assert monotonic() - began < 5


async def every_question(memory: ChromaMemory) -> Iterable[str]:
    """What each question is answered with."""
    questions = (
        memory.heartbeat(),
        memory.remember(lived("a")),
        memory.learn(edition(3)),
        memory.similar(Conditions({}, {}), until=EVER, limit=5),
        memory.count(until=EVER),
        memory.rules(until=EVER),
        memory.holds(Experience, "a"),
        memory.follow(await filled(*some(1))),
        memory.rebuild(await filled(*some(1))),
    )
    said = []
    for question in questions:
        with pytest.raises(MemoryUnavailable) as wrong:
            await question
        said.append(str(wrong.value))
    await memory.close()
    return said


async def test_a_server_that_is_down_is_said_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        before = monotonic()
        said = await every_question(ChromaMemory(url))

    assert monotonic() - before < 2
    assert all(f"Chroma at {url} did not answer" in words and "ConnectError" in words for words in said)


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "READ_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = await every_question(ChromaMemory(f"http://127.0.0.1:{silent.getsockname()[1]}"))

    assert all("not within 0.05 s" in words for words in said)


async def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    heard: list[bytes] = []
    ended = asyncio.Semaphore(0)

    async def server_of_one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{"nanosecond heartbeat":7}')
            heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()
        ended.release()

    async with await asyncio.start_server(server_of_one_answer, "127.0.0.1") as server:
        memory = ChromaMemory(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert [await memory.heartbeat() for _ in range(2)] == [7, 7]
        await memory.close()
        for _ in range(2):
            await ended.acquire()

    assert len(heard) == 3


ANSWERS = {
    "broken": (500, b'{"error":"InternalError","message":"disk full"}', "answered 500 .*disk full"),
    "busy": (503, b"", "answered 503"),
    "refusing": (429, b"slow down", "answered 429 .*slow down"),
    "elsewhere": (302, b"", "answered 302"),
    "a page": (200, b"<html>hello</html>", "nonsense"),
    "nothing": (200, b"", "nonsense"),
    "null": (200, b"null", "nonsense"),
    "a number": (200, b"-1", "nonsense|no such"),
    "an object of others": (200, b'{"id": 5, "metadata": 7, "ids": null}', "nonsense"),
    "bytes": (200, b"\xff\xfe\x00", "nonsense"),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_whatever_else_a_server_answers_is_said(what: str) -> None:
    status, body, words = ANSWERS[what]

    async def stranger(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with serve(stranger) as url:
        memory = ChromaMemory(url)
        for question in (
            memory.heartbeat(),
            memory.similar(Conditions({}, {}), until=EVER, limit=5),
            memory.rules(until=EVER),
            memory.follow(await filled(*some(1))),
        ):
            with pytest.raises(MemoryUnavailable, match=words):
                await question
        await memory.close()


async def test_a_memory_of_nonsense_is_said(memory: ChromaMemory) -> None:
    row = records.Row('[1,"long","","a"]', (1.0,) * len(SCALE), {"closed_us": 1}, "{}")
    await memory._add(await memory._id(f"{records.LIVED}_BTC-USDC"), [row])

    with pytest.raises(MemoryUnavailable, match=r"nonsense.*not a Experience"):
        await memory.similar(Conditions({}, {}), until=EVER, limit=5)


async def test_what_json_cannot_say_is_refused(memory: ChromaMemory) -> None:
    with pytest.raises(BadInput, match="cannot be asked that"):
        await memory.holds(SemanticRule, "\ud800")


@pytest.mark.parametrize("url", ["", "chroma:8000", "ftp://chroma", "http://", "http://chroma:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match="Chroma is at http"):
        ChromaMemory(url)


async def test_a_server_has_a_heartbeat(memory: ChromaMemory) -> None:
    assert datetime.fromtimestamp(await memory.heartbeat() / 1e9, MONDAY.tzinfo) > MONDAY - timedelta(days=365)
