"""The site is built without a warning, no link of it is broken, and no page of it asks anybody else for anything."""

from pathlib import Path

import pytest

from manual.__main__ import SITE, main
from manual.checks import complaints


def test_the_site_is_built_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().err
    assert "links and anchors checked" in capsys.readouterr().out
    for page in ("index", "start", "settings", "commands", "facts", "api", "adr/index", "changelog", "security"):
        assert (SITE / f"{page}.html").stat().st_size > 3_000
    assert (SITE / "search.json").exists()


def test_what_is_no_way_to_call_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish"]) == 2
    assert capsys.readouterr().err == "docs: ARGS is nothing, serve or pictures, was publish\n"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<a href="gone.html">', "index.html: gone.html leads to nothing"),
        ('<a href="other.html#nowhere">', "index.html: other.html#nowhere leads to a page without that heading"),
        ('<a href="#nowhere">', "index.html: #nowhere leads to a page without that heading"),
        ('<a href="https://exa mple">', "index.html: https://exa mple is no address"),
        ('<a href="javascript:x()">', "index.html: javascript:x() leads out by javascript"),
        ('<img src="gone.png">', "index.html: gone.png is not there"),
        ('<script src="https://unpkg.com/x"></script>', "index.html asks unpkg.com for something"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "index.html asks fonts.example for something"),
        ('<link rel="preconnect" href="https://fonts.example">', "index.html asks fonts.example for something"),
    ],
)
def test_what_is_wrong_with_a_page_is_said(tmp_path: Path, body: str, complaint: str) -> None:
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>', encoding="utf-8")
    (tmp_path / "index.html").write_text(f'<a href="other.html#here">x</a>{body}', encoding="utf-8")

    assert complaints(tmp_path) == [complaint]


def test_a_style_that_fetches_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.css").write_text("@font-face { src: url(https://fonts.example/x.woff2) }", encoding="utf-8")

    assert complaints(tmp_path) == ["x.css fetches from elsewhere"]
