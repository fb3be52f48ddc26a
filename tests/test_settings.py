"""Where a setting comes from, and what is said when it cannot stand."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from semanticsignal.domain.errors import InvalidSetting
from semanticsignal.domain.market import MarketKind, Symbol, Timeframe
from semanticsignal.domain.policy import Settings
from semanticsignal.settings import KEYS, Sourced, load, rows


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config.toml of this checkout is read."""
    monkeypatch.chdir(tmp_path)


def loaded(toml: str | None = None, environ: dict[str, str] | None = None, **flags: Any) -> Sourced:
    file = None
    if toml is not None:
        file = Path("config.toml")
        file.write_text(toml, encoding="utf-8")
    return load({key.replace("__", "."): value for key, value in flags.items()}, environ or {}, file)


def refusal(toml: str | None = None, environ: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(InvalidSetting) as refused:
        loaded(toml, environ, **flags)
    return str(refused.value)


def leaves(noun: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(noun):
        value = getattr(noun, field.name)
        found |= leaves(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
    return found


def test_every_key_is_a_setting_and_every_setting_has_its_key() -> None:
    assert set(KEYS) == set(leaves(Settings()))


def test_every_key_says_what_it_is() -> None:
    assert [key for key, (meaning, _) in KEYS.items() if not meaning] == []


def test_without_anything_the_defaults_are_in_force() -> None:
    found = loaded()

    assert found.settings == Settings()
    assert found.origins == {}
    assert {key: value for key, value, _ in rows(found.settings)} == leaves(Settings())


def test_file_beats_default_variable_beats_file_and_flag_beats_all() -> None:
    toml = "port = 1111\n[risk]\ncooldown_bars = 3\nlosing_streak = 4\n[memory]\nk = 6\n"
    environ = {"SEMSIG_PORT": "2222", "SEMSIG_RISK__COOLDOWN_BARS": "5"}

    found = loaded(toml, environ, port=3333)

    assert (found.settings.port, found.settings.risk.cooldown_bars) == (3333, 5)
    assert (found.settings.risk.losing_streak, found.settings.memory.k) == (4, 6)
    assert found.settings.risk.pause_bars == Settings().risk.pause_bars
    assert found.origins == {
        "port": "flag",
        "risk.cooldown_bars": "SEMSIG_RISK__COOLDOWN_BARS",
        "risk.losing_streak": "config.toml",
        "memory.k": "config.toml",
    }


def test_a_flag_not_given_changes_nothing() -> None:
    found = loaded("port = 1111", port=None)

    assert (found.settings.port, dict(found.origins)) == (1111, {"port": "config.toml"})


def test_config_toml_beside_us_is_read_unasked() -> None:
    Path("config.toml").write_text("port = 1234")

    assert load({}, {}).settings.port == 1234


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("port = 4321")

    found = load({}, {"SEMSIG_CONFIG": str(tmp_path / "mine.toml")})

    assert (found.settings.port, dict(found.origins)) == (4321, {"port": "mine.toml"})


def test_a_named_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"nowhere\.toml"):
        load({}, {"SEMSIG_CONFIG": "nowhere.toml"})
    with pytest.raises(InvalidSetting, match=r"other\.toml"):
        load({}, {}, Path("other.toml"))


def test_a_file_that_is_no_toml_is_refused() -> None:
    assert "config.toml" in refusal("port = ")


def test_variables_of_others_are_left_alone() -> None:
    assert loaded(environ={"PATH": "/bin", "PORT": "1", "semsig_port": "2"}).settings == Settings()


def test_words_become_the_kinds_they_name() -> None:
    found = loaded(
        'timeframe = "1h"\nmarket_kind = "perp"\n[paper]\nstart_quote = "2500.50"\n',
        {"SEMSIG_SYMBOLS": "BTC/USDC, eth/usdc ,", "SEMSIG_PAPER__FEE_RATIO": "0.001"},
    ).settings

    assert (found.timeframe, found.market_kind) == (Timeframe.H1, MarketKind.PERP)
    assert (found.paper.start_quote, found.paper.fee_ratio) == (Decimal("2500.50"), Decimal("0.001"))
    assert found.pairs == (Symbol("BTC", "USDC"), Symbol("ETH", "USDC"))


def test_a_ratio_written_as_a_number_is_the_ratio_as_written() -> None:
    assert loaded("[risk]\nposition_cap_ratio = 0.1").settings.risk.position_cap_ratio == Decimal("0.1")


@pytest.mark.parametrize(
    ("toml", "environ", "key"),
    [
        ("prot = 1", {}, "prot"),
        ("[risk]\ncooldown = 1", {}, "risk.cooldown"),
        (None, {"SEMSIG_PROT": "1"}, "prot"),
        (None, {"SEMSIG_RISK__COOLDOWN": "1"}, "risk.cooldown"),
        ("[nothing]\nx = 1", {}, "nothing"),
    ],
)
def test_an_unknown_key_is_refused_by_name(toml: str | None, environ: dict[str, str], key: str) -> None:
    said = refusal(toml, environ)

    assert said.startswith(f"{key} is no setting")
    assert next(iter(environ), "config.toml") in said


@pytest.mark.parametrize(
    ("toml", "key", "value"),
    [
        ('port = "many"', "port", "many"),
        ("port = 80.5", "port", "80.5"),
        ("symbols = 5", "symbols", "5"),
        ('timeframe = "3h"', "timeframe", "3h"),
        ('market_kind = "margin"', "market_kind", "margin"),
        ("risk = 5", "risk", "5"),
        ("[risk]\ncooldown_bars = []", "risk.cooldown_bars", "[]"),
        ('[paper]\nstart_quote = "rich"', "paper.start_quote", "rich"),
        ("exchange = 5", "exchange", "5"),
    ],
)
def test_a_wrong_type_is_refused_by_key_and_value(toml: str, key: str, value: str) -> None:
    said = refusal(toml)

    assert said.startswith(f"{key}: ")
    assert f"was {value}" in said or f"was '{value}'" in said


NUMERIC = [
    (key, name, bound)
    for key, (_, bounds) in KEYS.items()
    for name, bound in bounds.items()
    if name in ("ge", "gt", "le", "lt")
]


@pytest.mark.parametrize(("key", "name", "bound"), NUMERIC, ids=str)
def test_beyond_each_bound_is_refused_by_key_value_and_range(key: str, name: str, bound: Any) -> None:
    default = dict(leaves(Settings()))[key]
    step = 1 if isinstance(default, int) else Decimal("0.000001")
    beyond = {"ge": bound - step, "gt": bound, "le": bound + step, "lt": bound}[name]

    said = refusal(None, None, **{key.replace(".", "__"): beyond})

    assert said.startswith(f"{key}: ")
    assert "flag" in said
    assert str(beyond) in said
    # the range, in whatever digits: 1e12 may be said as 1000000000000
    numbers = [word.strip(",") for word in said.split("(from")[0].split()]
    assert any(
        number.replace(".", "", 1).lstrip("-").replace("E+", "").isdigit() and Decimal(number) == bound
        for number in numbers
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["risk.min_reward_risk", "paper.start_quote", "simulation.speed", "model.timeout_s"])
def test_what_is_no_number_is_refused(key: str, value: str) -> None:
    assert refusal(None, {"SEMSIG_" + key.upper().replace(".", "__"): value}).startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("zone", "Mars/Olympus"),
        ("zone", "../etc"),
        ("quiet_hours", "22-7"),
        ("quiet_hours", "25:00-07:00"),
        ("quiet_hours", "07:00-07:00"),
        ("exit", "loud"),
    ],
)
def test_hours_zones_and_levels_that_are_none_are_refused_by_their_key(key: str, value: str) -> None:
    said = refusal(f'[discord]\n{key} = "{value}"')

    assert said.startswith(f"discord.{key}") and value in said


@pytest.mark.parametrize("symbols", ["BTCUSDC", "BTC/", "/USDC", "BTC-USDC", "BTC/USDC/X", "B T/C"])
@pytest.mark.parametrize("key", ["symbols", "simulation.symbols"])
def test_a_pair_that_is_none_is_refused_by_its_key(key: str, symbols: str) -> None:
    said = refusal(None, {"SEMSIG_" + key.upper().replace(".", "__"): symbols})

    assert said.startswith(f"{key}: ")
    assert symbols in said


@pytest.mark.parametrize("key", ["symbols", "simulation.symbols"])
def test_no_pair_and_the_same_pair_twice_are_refused(key: str) -> None:
    variable = "SEMSIG_" + key.upper().replace(".", "__")

    assert refusal(None, {variable: " , "}).startswith(f"{key}: ")
    assert refusal(None, {variable: "BTC/USDC,btc/usdc"}).startswith(f"{key}: each pair once")


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert refusal("candle_limit = 300\nmin_bars = 301") == "min_bars must be at most candle_limit 300, was 301"
    assert loaded("candle_limit = 300\nmin_bars = 300").settings.min_bars == 300
    assert refusal("[risk]\nmin_stop_ratio = 0.2\nmax_stop_ratio = 0.1") == (
        "risk.min_stop_ratio must be at most risk.max_stop_ratio 0.1, was 0.2"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exchange", "Binance!"),
        ("model.provider", "oracle"),
        ("model.base_url", "ftp://x"),
        ("model.name", ""),
        ("home", ""),
    ],
)
def test_a_word_of_the_wrong_shape_is_refused(key: str, value: str) -> None:
    said = refusal(None, None, **{key.replace(".", "__"): value})

    assert said.startswith(f"{key}: ")
    assert repr(value) in said


@pytest.mark.parametrize("key", ["symbols", "simulation.symbols", "news.feeds", "collect.fallbacks"])
def test_a_list_in_a_variable_is_written_in_each_way_that_people_know(key: str) -> None:
    one, two = ("BTC/USDC", "ETH/USDC") if key.endswith("symbols") else ("decrypt", "coindesk")
    variable = "SEMSIG_" + key.upper().replace(".", "__")

    for text in (f"{one},{two}", f'["{one}", "{two}"]', f' ["{one}","{two}"] '):
        assert dict(leaves(loaded(environ={variable: text}).settings))[key] == (one, two)
    for text in ("[]", "none", ""):
        if key.endswith("symbols"):
            assert refusal(environ={variable: text}).startswith(f"{key}: ")
        else:
            assert dict(leaves(loaded(environ={variable: text}).settings))[key] == ()


@pytest.mark.parametrize("text", ["[kraken]", '["kraken"', "[1]", '[["kraken"]]'])
def test_what_only_begins_like_a_list_is_refused(text: str) -> None:
    assert "fallbacks" in refusal(environ={"SEMSIG_COLLECT__FALLBACKS": text})


@pytest.mark.parametrize("address", ["http://user:s3cret@127.0.0.1:9/v1", "ftp://s3cret@x", "http://u:s3/cret@h"])
def test_a_password_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    for told in (refusal(environ={"SEMSIG_MODEL__BASE_URL": address}), refusal(f'[model]\nbase_url = "{address}"')):
        assert told.startswith("model.base_url holds no name and password")
        assert "s3" not in told


@pytest.mark.parametrize("address", ["http://[x", "http://x:y/v1", "http://:80", "https:///v1", "http://x:0"])
@pytest.mark.parametrize("section", ["MODEL", "OPENROUTER", "BLOCKRUN", "GOOGLE"])
def test_an_address_that_nobody_can_be_at_is_refused_and_not_repeated(section: str, address: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"^{section.lower()}\.base_url is http") as caught:
        load({}, {f"SEMSIG_{section}__BASE_URL": address})

    assert address not in str(caught.value)


def test_a_wallet_key_among_the_payees_is_refused_and_not_repeated() -> None:
    key = "0x" + "ab12" * 16

    with pytest.raises(InvalidSetting, match=r"0x and 40 hex digits, was one of 66 characters") as caught:
        load({}, {"SEMSIG_BLOCKRUN__PAYEES": key})

    assert "ab12" not in str(caught.value)


def test_a_secret_under_a_name_that_is_no_setting_is_not_repeated() -> None:
    with pytest.raises(InvalidSetting, match=r"google\.api_key is no setting") as caught:
        load({}, {"SEMSIG_GOOGLE__API_KEY": "s3cret"})

    assert "s3cret" not in str(caught.value)
