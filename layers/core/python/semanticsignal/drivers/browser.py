"""A page in a browser of this machine, where it has a display; whatever becomes of that, nobody waits for it."""

import logging
import threading
import webbrowser

from ..settings import has_display
from .actions import Browse

log = logging.getLogger("semsig")
# These would take over the terminal.
WITHOUT_WINDOW = ("www-browser", "links", "elinks", "lynx", "w3m")


def browser() -> Browse | None:
    return _begun if has_display() else None


def _begun(address: str) -> None:
    threading.Thread(target=_opened, args=(address,), daemon=True).start()


def _opened(address: str) -> None:
    try:
        found = webbrowser.get()
        is_own = isinstance(found, webbrowser.GenericBrowser) and not isinstance(found, webbrowser.BackgroundBrowser)
        if is_own or getattr(found, "name", "") in WITHOUT_WINDOW:
            log.info("no browser with a window is known here")
        else:
            found.open(address)
    except (webbrowser.Error, OSError) as wrong:
        log.info("no browser could be opened: %s", wrong)
