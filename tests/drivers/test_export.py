"""One decision as one file: whole, checkable by a stranger, and the same bytes for the same ledger."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx
from drivers.test_news_api import Site, at_home, both
from world import BTC, MONDAY, CycleModel, bars, cycle, d, live, path, says, world

from semanticsignal.adapters.inmemory import InMemoryArchive, SplitArchive
from semanticsignal.ports import Sockets

H4 = timedelta(hours=4)
ENTRY, MOVE, EXIT = (MONDAY + n * H4 for n in (2, 3, 5))
PRICES = [100, 100, 100, 101, 104, 106, 107, 107]
PNG = b"\x89PNG as it was shown"


async def lived(**model: Any) -> Sockets:
    """Bought at 100 (the next bar opens there), stop moved at 101, sold by its own word at 106."""
    script = {
        cycle(BTC, ENTRY): says("BUY", 95, 115),
        cycle(BTC, MOVE): says("UPDATE", 97, 115),
        cycle(BTC, EXIT): says("CLOSE"),
    }
    risk = {"risk__cooldown_bars": 0, "risk__tighten_progress_ratio": 0.0}
    on = world(bars(path(PRICES, wick=0.5)), model=CycleModel(script), **risk, **model)
    await live(on, MONDAY + H4, MONDAY + 7 * H4)
    return on


async def file_of(on: Sockets, id: str, site: Site = at_home) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site(on)), base_url="http://127.0.0.1") as client:
        return await client.get(f"/api/decisions/{quote(id, safe='')}/export.json")


def seal(of: str, told: Any) -> Any:
    return next(one for one in told["seals"] if one["of"] == of)


def digest(content: str | bytes) -> str:
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@both
async def test_the_file_of_an_entry_adds_up_to_the_last_digit(site: Site) -> None:
    on = await lived()

    answer = await file_of(on, cycle(BTC, ENTRY), site)

    assert answer.headers["content-disposition"] == (
        'attachment; filename="semantic-signal-BTC-USDC-4h-2026-01-05T08-00-00-00-00.json"'
    )
    why = answer.json()["why"]
    kinds = [event["kind"] for event in why["events"]]
    assert kinds[:4] == ["OrderPlaced", "PositionOpened", "PositionUpdated", "PositionClosed"]
    trade = why["events"][3]["trade"]
    paid_in, paid_out = why["fills"]
    sums = {name: Decimal(value) for name, value in trade.items() if name.endswith("_quote")}
    assert sums["gross_pnl_quote"] - sums["fees_quote"] - sums["funding_quote"] == sums["realized_pnl_quote"]
    assert Decimal(paid_in["fee_quote"]) + Decimal(paid_out["fee_quote"]) == sums["fees_quote"]
    moved = (Decimal(paid_out["price"]) - Decimal(paid_in["price"])) * Decimal(paid_in["quantity"])
    assert moved == sums["gross_pnl_quote"]


async def test_a_fill_says_how_much_worse_it_was_than_the_close_that_decided_it() -> None:
    on = await lived()

    paid_in, paid_out = (await file_of(on, cycle(BTC, ENTRY))).json()["why"]["fills"]

    for paid, seen, sign in ((paid_in, d(100), 1), (paid_out, d(106), -1)):
        assert (paid["expected"], Decimal(paid["expected_price"])) == ("decision", seen)
        worse = (Decimal(paid["price"]) - seen) * sign
        assert worse > 0
        assert Decimal(paid["worse_quote"]) == worse * Decimal(paid["quantity"])
        assert paid["worse_ratio"] == float(worse) / float(seen)


async def test_the_decision_that_closes_tells_of_the_trade_that_another_opened() -> None:
    on = await lived()

    why = (await file_of(on, cycle(BTC, EXIT))).json()["why"]

    assert [event["kind"] for event in why["events"]] == ["OrderPlaced", "PositionClosed"]
    assert why["events"][1]["trade"]["decision_id"] == cycle(BTC, ENTRY)
    assert [fill["purpose"] for fill in why["fills"]] == ["close"]


async def test_a_stranger_can_check_each_seal_by_the_file_alone() -> None:
    on = await lived()
    await on.archive.put(f"chart/{cycle(BTC, ENTRY)}", PNG)

    answer = await file_of(on, cycle(BTC, ENTRY))

    told = answer.json()
    assert digest(told["why"]["snapshot"]) == told["why"]["snapshot_sha256"] == seal("snapshot", told)["stated"]
    assert digest(told["why"]["reply"]) == told["why"]["reply_sha256"] == seal("reply", told)["stated"]
    assert seal("prompt", told)["stated"] == told["why"]["prompt_sha256"]
    assert all(seal(of, told)["is_intact"] is True for of in ("snapshot", "prompt", "reply"))
    market = json.dumps(told["market"], separators=(",", ":"), ensure_ascii=False)
    assert market in answer.text
    assert digest(market) == seal("market", told)["computed"]
    assert [bar["close"] for bar in told["market"]["candles"]] == PRICES[:2]
    assert base64.b64decode(told["chart_png"]) == PNG
    assert told["why"]["saw_chart"] is False
    assert digest(PNG) == seal("chart", told)["computed"]


async def test_words_that_were_changed_in_the_archive_break_their_seal() -> None:
    on, id = await lived(), cycle(BTC, ENTRY)
    forged = InMemoryArchive()
    for key in ("prompt", "reply"):
        noun = await on.archive.get(f"{key}/{id}", object)
        await forged.put(f"{key}/{id}", replace(noun, **({"user": "?"} if key == "prompt" else {"text": "?"})))

    told = (await file_of(replace(on, archive=forged), id)).json()

    assert [seal(of, told)["is_intact"] for of in ("snapshot", "prompt", "reply")] == [None, False, False]


async def test_what_the_archive_no_longer_has_is_absent_and_what_the_ledger_states_stays() -> None:
    on = await lived()
    gone = replace(on, archive=InMemoryArchive())

    told = (await file_of(gone, cycle(BTC, ENTRY))).json()

    assert (told["market"], told["chart_png"], told["why"]["snapshot"], told["why"]["reply"]) == (None,) * 4
    assert {(one["computed"], one["is_intact"]) for one in told["seals"]} == {(None, None)}
    assert seal("snapshot", told)["stated"] == told["why"]["snapshot_sha256"]
    assert len(told["why"]["fills"]) == 2


async def test_a_picture_that_was_shown_and_is_gone_leaves_its_prompt_unsealed() -> None:
    on, id = await lived(), cycle(BTC, ENTRY)
    captioned = InMemoryArchive()
    await captioned.put(f"prompt/{id}", replace(await on.archive.get(f"prompt/{id}", object), caption="A chart"))

    told = (await file_of(replace(on, archive=SplitArchive({"prompt": captioned}, InMemoryArchive())), id)).json()

    assert seal("prompt", told)["is_intact"] is None
    assert told["why"]["saw_chart"] is True


async def test_the_same_ledger_gives_the_same_bytes() -> None:
    first, second = await lived(), await lived()

    assert (await file_of(first, cycle(BTC, ENTRY))).content == (await file_of(second, cycle(BTC, ENTRY))).content


async def test_of_a_decision_that_nobody_made_there_is_no_file() -> None:
    answer = await file_of(await lived(), "nonsense")

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("no such decision")
