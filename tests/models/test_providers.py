"""Who is asked, said once: whoever is made is looked at, in the order in which all are asked."""

import pytest

from semanticsignal.domain.policy import Model, Provider, Settings
from semanticsignal.drivers.doctor_models import LOOKS
from semanticsignal.wiring.models import KEYS, MADE, keyless, providers


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all", ("google", "openrouter", "blockrun", "local")),
        ("google", ("google",)),
        ("local", ("local",)),
        ("openai_compatible", ("local",)),
    ],
)
def test_who_is_asked_and_in_which_order(asked: Provider, expected: tuple[str, ...]) -> None:
    assert providers(Settings(model=Model(asked))) == expected


def test_whoever_is_made_is_looked_at_and_only_they_have_keys() -> None:
    assert tuple(MADE) == tuple(LOOKS) == providers(Settings(model=Model("all")))
    assert KEYS.keys() < MADE.keys()


def test_without_any_key_all_but_the_local_one_cannot_be_asked() -> None:
    lacking = keyless(Settings(model=Model("all")), lambda _: "")

    assert [one.provider for one in lacking] == ["google", "openrouter", "blockrun"]
