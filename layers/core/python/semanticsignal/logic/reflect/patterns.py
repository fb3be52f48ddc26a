"""Experience → what a rule may be about: traits that were known when it was entered, never what came of it."""

from collections.abc import Mapping

from ...domain.learning import Experience

Bands = tuple[tuple[float, str], ...]
# Few and wide: each more is another question asked of the same trades. Below the bound: that word; `WIDEST` beyond.
STOP: Bands = ((0.02, "under 2 %"), (0.04, "2 to 4 %"))
REWARD_RISK: Bands = ((2.0, "under 2"), (3.0, "2 to 3"))
WIDEST = {"stop": "4 % and more", "reward/risk": "3 and more"}


def patterns(experience: Experience) -> Mapping[str, Mapping[str, str]]:
    """Name → traits: direction in a regime; there, by the strength of trend; and there, by the distance of the stop or
    by reward over risk. Of what is not known nothing is said."""
    traits = {"side": str(experience.side), "regime": experience.regime}
    if not experience.regime:
        return {}
    name = f"{experience.side} in {experience.regime}"
    found = {name: traits}
    adx = experience.conditions.labels.get("adx")
    if not adx:
        return found
    name, traits = f"{name}, ADX {adx}", {**traits, "adx": adx}
    found[name] = traits
    for trait, value, bands in (
        ("stop", experience.stop_ratio, STOP),
        ("reward/risk", experience.reward_risk, REWARD_RISK),
    ):
        if value is not None:
            word = next((word for below, word in bands if value < below), WIDEST[trait])
            found[f"{name}, {trait} {word}"] = {**traits, trait: word}
    return found
