"""Every key of every provider, with servers that say it back: in no log, error, ledger, archive, purse or page."""

import gzip
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from semanticsignal import wiring
from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.adapters.websocket import WebSocketNotifier
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.policy import BlockRun as BlockRunSettings
from semanticsignal.domain.policy import Google, Model, OpenRouter, Settings
from semanticsignal.drivers import web
from semanticsignal.drivers.figures import Figures
from semanticsignal.ports import LanguageModel
from tests.drivers.test_costs import House
from tests.loopback import serve
from tests.models.blockrun_server import PAYEE, BlockRun
from tests.models.played import HOLD
from tests.world import H4, MONDAY, bars, live, path, subjects, world

KEYS = {
    "GOOGLE_STUDIO_API_KEY": "AIza-planted-free-0123456789",
    "GOOGLE_STUDIO_PAID_API_KEY": "AIza-planted-paid-9876543210",
    "OPENROUTER_API_KEY": "planted-openrouter-abcdefghij",
    "BLOCKRUN_WALLET_KEY": "0x" + "5eed" * 16,
    "MODEL_API_KEY": "planted-local-klmnopqrst",
}
PAGES = ("events", "decisions", "costs", "refusals", "statistics", "calibration")


def parrot() -> FastAPI:
    """Refuses everything with all that it was told, headers and all."""
    api = FastAPI()

    async def refuse(request: Request) -> JSONResponse:
        said = f"who are you, {dict(request.headers)} at {request.url}?"
        error = {"code": 401, "message": said, "status": "UNAUTHENTICATED", "metadata": dict(request.headers)}
        return JSONResponse({"error": error}, 401)

    api.add_api_route("/{path:path}", refuse, methods=["GET", "POST"], response_model=None)
    return api


@asynccontextmanager
async def minds(home: Path, *, is_paid: bool) -> AsyncIterator[tuple[Settings, LanguageModel]]:
    """All providers on loopback, saying the keys back; BlockRun is paid and answers, or says it back too."""
    async with AsyncExitStack() as stack:
        wrong = await stack.enter_async_context(serve(parrot()))
        sold = (
            await stack.enter_async_context(serve(BlockRun(says=HOLD, now=datetime.now(UTC)).api)) if is_paid else wrong
        )
        settings = Settings(
            model=Model(provider="all", base_url=f"{wrong}/v1", timeout_s=5, has_chart=False),
            google=Google(base_url=wrong), openrouter=OpenRouter(base_url=f"{wrong}/api/v1"),
            blockrun=BlockRunSettings(base_url=f"{sold}/v1", payees=(PAYEE,)),
        )  # fmt: skip
        purse = wiring.purse(home)
        stack.callback(purse.close)
        mind = wiring.model(settings, home, lambda name: KEYS.get(name, ""), spending=purse)
        stack.push_async_callback(mind.close)
        yield settings, mind


def leaked(text: str) -> set[str]:
    """The keys of which twelve characters in a row occur, however written."""
    bare = text.lower()
    found = set()
    for name, key in KEYS.items():
        pieces = {key.lower()[i : i + 12] for i in range(len(key) - 11)} - {"planted-", "aiza-planted"}
        if any(piece in bare for piece in pieces):
            found.add(name)
    return found


def contents(folder: Path) -> bytes:
    """Of every file in it, unpacked where it is packed."""
    kept = [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]
    return b"".join(gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one for one in kept)


@pytest.mark.parametrize("is_paid", [True, False])
async def test_no_key_is_in_anything_that_is_kept_shown_or_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], is_paid: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    ledger = SqliteLedger(tmp_path / "ledger.db", Decimal(10_000))
    async with minds(tmp_path, is_paid=is_paid) as (settings, mind):
        on = world(bars(path([100] * 6, wick=0.5)), model=mind, risk__stale_ratio=100)
        on = replace(
            on, ledger=ledger, archive=FolderArchive(tmp_path / "archive"),
            settings=replace(on.settings, model=settings.model),
        )  # fmt: skip
        await live(on, MONDAY + H4, MONDAY + 5 * H4)
        decisions = await subjects(on, "DecisionMade")
        notifier = WebSocketNotifier()
        page = web.site(House(on, Figures(ledger, Timeframe.H4), notifier), notifier)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://127.0.0.1") as browser:
            shown = [(await browser.get(f"/api/{name}")).text for name in PAGES]
            shown += [(await browser.get(f"/api/decisions/{one.id.replace('#', '%23')}")).text for one in decisions]
        said = f"{mind!r} {vars(mind)!r}"
    ledger.close()

    kept = contents(tmp_path)
    printed = "".join(capfd.readouterr())
    faults = {one.provider: one.fault for decision in decisions for one in decision.attempts}
    assert faults == {
        "google": Fault.CIRCUIT, "google-paid": Fault.CIRCUIT, "openrouter": Fault.CIRCUIT,
        "blockrun": faults["blockrun"],
    } | ({} if is_paid else {"local": Fault.CIRCUIT})  # fmt: skip
    paid = [one.usage.cost_usd for decision in decisions for one in decision.attempts if one.served == "sold"]
    assert paid == ([Decimal("0.003")] * 5 if is_paid else [])
    assert len(decisions) == 5 and len(kept) > 10_000
    for where, text in {
        "files": kept.decode("utf-8", "replace"), "log": caplog.text, "print": printed, "pages": "".join(shown),
        "repr": said,
    }.items():  # fmt: skip
        assert leaked(text) == set(), where
    assert re.search(r"auth refused", "".join(shown))
    assert leaked("x" + KEYS["OPENROUTER_API_KEY"][3:]) == {"OPENROUTER_API_KEY"}, "it would be seen"
