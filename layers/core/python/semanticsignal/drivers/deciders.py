"""Who may decide, by the settings and the keys that there are: nobody is asked."""

from collections.abc import Callable

from .. import wiring
from ..domain.errors import InvalidSetting
from ..domain.policy import LOCAL, Settings
from ..settings import secret
from ..wiring.models import KEYS, Keyless, providers

ANALYST = 'model.provider = "analyst"'
ASK_ALL = 'model.provider = "all" (SEMSIG_MODEL__PROVIDER=all)'

Secret = Callable[[str], str]


def check(settings: Settings, *, is_live: bool) -> None:
    """Before anything is asked or made. Raises InvalidSetting for keys that are none or that are missing, of models
    and, of a live market, of sources too."""
    if settings.model.provider != "analyst":
        if nobody := _nobody(settings):
            raise InvalidSetting(nobody)
        _check_made(settings)
    if is_live:
        wiring.gathered(settings, with_pages=False)


def decides(settings: Settings) -> str:
    """A line on who decides where somebody else could, and how; empty when all that the settings ask for have keys.
    Raises InvalidSetting."""
    if settings.model.provider == "analyst":
        return f"the rules analyst decides; {instead(secret)}"
    lacking = wiring.keyless(settings)
    others = ", ".join(who for who in providers(settings) if who not in {one.provider for one in lacking})
    told = "; ".join(f"{one.provider}, {one.missing} ({one.mend})" for one in lacking)
    return f"{others} can be asked, others not: {told}" if lacking else ""


def instead(key: Secret) -> str:
    """What gives the analyst's place to a language model."""
    unused = [name for names, _ in KEYS.values() for name in names if key(name)]
    if unused:
        return f"for a language model set {ASK_ALL}; not used yet: {', '.join(unused)}"
    google, openrouter = (f"{KEYS[who][0][0]} ({KEYS[who][1]})" for who in ("google", "openrouter"))
    return f"for a language model set {ASK_ALL} and, in .env, {google} or {openrouter}"


def has_key(provider: str, key: Secret) -> bool:
    """Or it needs none."""
    return provider not in KEYS or any(map(key, KEYS[provider][0]))


def local_names(settings: Settings) -> list[str]:
    """The models that local is asked for."""
    return [name for name in map(str.strip, settings.model.name.split(",")) if name]


def _check_made(settings: Settings) -> None:
    try:
        wiring.model(settings)
    except InvalidSetting:
        raise
    except Exception as wrong:
        # an address that a library refuses; what it says may hold all of it
        said = f"nobody can be asked at model.base_url or another base_url, was {type(wrong).__name__}"
        raise InvalidSetting(said) from None


def _nobody(settings: Settings) -> str:
    """Why there is nobody to ask, and what to set; empty when there is somebody."""
    if settings.model.provider in LOCAL and not local_names(settings):
        return f"model.name is the name of a model, was {settings.model.name!r}"
    lacking = wiring.keyless(settings)
    if len(lacking) < len(providers(settings)):
        return ""
    told = "; ".join(_wanted(one) for one in lacking)
    return f"{told}, or {ANALYST}, was none"


def _wanted(one: Keyless) -> str:
    if has_key(one.provider, secret):
        return f"nobody may be paid for {one.provider}: set blockrun.payees to {one.mend}"
    names, where = KEYS[one.provider]
    return f"no key for {one.provider}: set {' or '.join(names)} in .env ({where})"
