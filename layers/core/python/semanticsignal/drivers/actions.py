"""What the keys of `semsig run` do, whether there is a screen or a log: one set of actions, two faces."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .host import Host

# What was said stands so long, and so long a second q counts.
SAID_S, QUIT_S = 8.0, 10.0
# To the question whether to quit.
ANSWERS = ("y", "q", "n", "esc")
Browse = Callable[[str], object]


class Face(Protocol):
    """How whoever pressed a key hears of it."""

    def say(self, text: str, for_s: float) -> None: ...

    def chose(self, pair: str) -> None: ...

    def help(self) -> None: ...


class Actions:
    """`yes`: never asks. `browse`: opens an address in a browser; None where there is no display for one."""

    def __init__(self, room: "Host", address: str, face: Face, *, yes: bool, browse: Browse | None = None) -> None:
        self._room, self._address, self._face = room, address, face
        self._yes, self._browse = yes, browse
        self._pair, self._quit_until_s = 0, 0.0

    @property
    def chosen(self) -> str:
        pairs = self._room.settings.symbols
        return pairs[self._pair % len(pairs)]

    async def press(self, key: str) -> None:
        if time.monotonic() < self._quit_until_s and key in ANSWERS:  # whatever else is pressed is done
            self._answered(key)
            return
        match key:
            case "up":
                self._choose(-1)
            case "down":
                self._choose(1)
            case "a":
                await self._analyse()
            case "h" | "?":
                self._face.help()
            case "d":
                self._look()
            case "q":
                await self._quit()

    def _choose(self, by: int) -> None:
        self._pair += by
        self._face.chose(self.chosen)

    def _look(self) -> None:
        self._face.say(f"the dashboard is at {self._address}", SAID_S)
        if self._browse:
            self._browse(self._address)

    async def _analyse(self) -> None:
        chosen = self._room.settings.pairs[self._pair % len(self._room.settings.pairs)]
        queued = await self._room.request_analysis(chosen)
        waits = "queued behind the one that runs" if queued.waits else "started"
        self._face.say(f"analysis of {chosen} {waits}", SAID_S)

    async def _quit(self) -> None:
        many = len((await self._room.on.ledger.portfolio()).positions)
        if not many or self._yes:
            self._room.stop.set()
            return
        self._quit_until_s = time.monotonic() + QUIT_S
        stays = "position is open and stays" if many == 1 else "positions are open and stay"
        asked = f"Quit? y or q within {QUIT_S:g} s, n or Esc stays"
        self._face.say(f"{many} {stays} so until the next start. {asked}", QUIT_S)

    def _answered(self, key: str) -> None:
        if key in ("y", "q"):
            self._room.stop.set()
        else:
            self._quit_until_s = 0.0
            self._face.say("going on", SAID_S)
