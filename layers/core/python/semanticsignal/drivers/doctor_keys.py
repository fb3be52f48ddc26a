"""Which secrets are set, where, and whether each has the form of one; none is ever shown, nor how long it is."""

import re

from ..domain.errors import InvalidSetting
from ..domain.secrets import SECRETS
from ..settings import secret, secret_origin
from .findings import Finding, State


def examined() -> list[Finding]:
    """One line on all that are well, and one on each that is not; of a .env that cannot be read others tell."""
    try:
        told = {name: secret(name).strip() for name in SECRETS}
    except InvalidSetting:
        return []
    odd = [name for name, key in told.items() if key and not re.fullmatch(SECRETS[name].form, key, re.ASCII)]
    well = [f"{name} ({secret_origin(name)})" for name, key in told.items() if key and name not in odd]
    return [
        Finding("keys", State.OK, f"set: {', '.join(well) or 'none, and none is needed'}"),
        *(Finding("keys", State.WARNING, f"{name} ({secret_origin(name)}) does not look like one",
                  f"another {name}: {SECRETS[name].words}") for name in odd),
    ]  # fmt: skip
