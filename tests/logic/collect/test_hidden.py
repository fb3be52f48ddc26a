"""What is not drawn is not read: whoever looks at the page never saw it."""

import time

import pytest

from semanticsignal.logic.collect.articles import plain

STYLES = [
    "display:none",
    "DISPLAY : None !important",
    "visibility: hidden",
    "font-size:0",
    "font-size: 0px;",
    "opacity:0",
    "opacity: .0",
    "color:#fff",
    "color: #FFFFFF; x:y",
    "color:white",
    "color: transparent",
    "color:rgba(0,0,0,0)",
    "position:absolute; left: -9999px",
    "text-indent:-5000px",
    "height:0;overflow:hidden",
    "max-height: 0",
    "width:0",
    "dis/**/play:none",
    "clip:rect(0,0,0,0)",
    "transform: scale(0)",
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tag", ["span", "p", "div"])
def test_what_its_style_hides_is_not_said(style: str, tag: str) -> None:
    assert plain(
        f"seen <{tag} class='a' style=\"{style}\">no <b>no</b> <{tag}>no</{tag}> no</{tag}> too", 99
    ).split() == ["seen", "too"]


@pytest.mark.parametrize(
    "attribute", ["hidden", "hidden=''", "HIDDEN", "hidden=until-found", "aria-hidden=true", "aria-hidden=' True '"]
)
def test_what_its_attribute_hides_is_not_said(attribute: str) -> None:
    assert plain(f"seen <p {attribute}>no</p>too", 99).split() == ["seen", "too"]


@pytest.mark.parametrize(
    "style",
    [
        "",
        "color:#fffaaa",
        "background-color:white",
        "font-size:0.9em",
        "opacity:0.8",
        "height:10px",
        "left:-1px",
        "border-width:0;",
        "display:block",
        "line-height:1.0",
    ],
)
def test_what_is_drawn_is_said(style: str) -> None:
    assert plain(f"<p style='{style}' aria-hidden=false>said</p>", 99) == "said"


def test_what_is_hidden_ends_where_its_element_ends() -> None:
    assert plain(
        "a<span hidden>no<br>no<img hidden>no</span>b<img hidden>c<br style='display:none'/>d", 99
    ).split() == ["abc", "d"]
    assert plain("a<span hidden/>no</span>b</span>c", 99) == "abc"
    assert plain("a<p hidden>no", 99) == "a"


def test_a_style_is_looked_at_in_a_time_that_grows_with_its_length() -> None:
    began = time.perf_counter()
    for scrap in ("/*", "display ", "color:rgba(", "left:-", "font-size:0", "0."):
        plain(f"<p style='{scrap * 4_000}'>", 99)

    assert time.perf_counter() - began < 5
