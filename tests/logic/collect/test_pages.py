"""The text of an article out of its page, and no page that takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.logic.collect.pages import DEEPEST, LONGEST, MOST_TAGS, main_text

WORDS = [f"Paragraph {n} of the story says at some length what happened on that day." for n in range(6)]
STORY = "".join(f"<p>{words}</p>" for words in WORDS)
# As publishers write them: menus, scripts with data, teasers and a footer around the text.
PAGES = {
    "semantic": "<nav><ul><li><a href='/'>Menu</a></li></ul></nav><main><article class='post'><h1>Headline</h1>{}"
    "<figure><img alt='Alternative'><figcaption>Caption</figcaption></figure></article></main>"
    "<aside>Teaser</aside><footer>Imprint</footer>",
    "by class": "<header class='site-header'><div class='menu'>Menu</div></header><div id='content'>"
    "<div class='article-body'>{}</div></div><div class='sidebar'>Teaser</div>"
    "<div class='footer' id='footer'>Imprint</div>",
    "by script": "<div id='__next'><div class='main-content' role='main'><script>{{\"Menu\":\"</p>\"}}</script>{}"
    "<form><button>Subscribe</button></form></div></div><script type='application/json'>\"Imprint\"</script>",
}


def page(body: str) -> str:
    head = "<head><title>Headline</title><style>p{}</style></head>"
    return f"<!DOCTYPE html><html lang='en'>{head}<body>{body}</body></html>"


@pytest.mark.parametrize("around", PAGES.values(), ids=PAGES.keys())
def test_the_text_is_found_among_the_rest(around: str) -> None:
    found = main_text(page(around.format(STORY)))

    assert found is not None
    assert found.split("\n\n") == WORDS
    assert main_text(page(around.format(STORY)).encode()) == found


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>no</p>",
        "<div style='display:none'><p>no</p><div>no</div>no</div>",
        "<!-- no -->",
        '<span aria-hidden="true">no</span>',
        "<template>no</template>",
        "<noscript><p>no</noscript>",
        "<p style=font-size:0>no</p>",
        "<svg><text>no</text></svg>",
        "<script>no<p>no</script>",
        "<SCRIPT>no</SCRIPT>",
        "<textarea><p>no</textarea>",
        "<p style='&#100;isplay:none'>no</p>",
    ],
)
def test_what_is_not_drawn_is_not_found(hidden: str) -> None:
    found = main_text(page(f"<article>{STORY}{hidden}<p>The end of it.</p></article>"))

    assert found is not None and "no" not in found.split() and found.endswith("The end of it.")


@pytest.mark.parametrize(
    "told",
    [
        "",
        "<html>",
        "<p>Just a moment...</p>",
        "<!--",
        "<script>" + STORY,
        "<div>" * (DEEPEST + 1) + STORY,
        "<p>x</p>" * MOST_TAGS + STORY,
        STORY + " " * LONGEST,
    ],
)
def test_what_is_no_article_is_none(told: str) -> None:
    assert main_text(told) is None


HOSTILE = [
    "<div>",
    "<b>",
    "<a ",
    "<",
    "&",
    "<!--",
    "<p>",
    "<table>x",
    "<p><font color=1>x",
    "<script>",
    "<script></scrip",
    '<p class="',
    "<p " + "a " * 1_900 + ">x",
    "<p style='" + "color:" * 600 + "'>",
    "<p " + 'a="' * 900 + ">",
    "<p>x</p>",
    "<li><ul>",
    "\0",
    "é",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_no_page_takes_long(part: str) -> None:
    began = time.perf_counter()

    main_text(part * (LONGEST // len(part.encode())))

    # a parser that starts anew from each tag would take hours; this machine may be busy
    assert time.perf_counter() - began < 10


PARTS = [
    "<p>",
    "</p>",
    "<div hidden>",
    "</div>",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<",
    ">",
    "&lt;",
    "<a href=",
    "'",
    '"',
    "\ud800",
    "word " * 50,
]


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=5)).map("".join))
def test_whatever_comes_reads_as_text_or_none(told: str) -> None:
    found = main_text(told)

    assert found is None or found.strip()


@given(st.binary())
def test_bytes_are_read_whatever_they_are(told: bytes) -> None:
    assert main_text(told) is None or main_text(told + b"<p>")
