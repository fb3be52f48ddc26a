/** A model's words as Markdown. What they write as HTML stays words; what is drawn of them is sanitized last of all. */
import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";
import { safeHref } from "./surroundings";

/** Beyond these it is read raw: no reply needs it, and a page would halt over it. Marks are counted in a paragraph. */
const LONGEST = 200_000;
const MARKS = 600;
const BLANKS = /[ \t]{1000}/;
const DEEP = /^(?:[ \t]*(?:[>*+-]|\d+[.)])){40}/m;
const TAGS = ["p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "h3", "a", "table", "thead", "tbody", "tr", "th", "td"];
const ALLOWED = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "rel", "start"], ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false };

const written = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ raw }) => escaped(raw),
    checkbox: ({ checked }) => (checked ? "[x] " : "[ ] "),
    // One depth: whatever a model thinks of its headings, here they stand below that of a panel.
    heading({ tokens }: Tokens.Heading) {
      return `<h3>${this.parser.parseInline(tokens)}</h3>\n`;
    },
    link({ href, raw, tokens }: Tokens.Link) {
      const address = safeHref(href);
      return address === null ? escaped(raw) : `<a href="${escaped(address)}">${this.parser.parseInline(tokens)}</a>`;
    },
  },
});

/** Not to be put on a page as it is: `markdown` sanitizes it first. */
export function unsanitized(text: string): string {
  return isTame(text) ? written.parse(asCode(text), { async: false }) : `<pre><code>${escaped(text.slice(0, LONGEST))}</code></pre>`;
}

/** Parsers of Markdown take the square of the time for some texts, and the depth of the stack for others. */
function isTame(text: string): boolean {
  if (text.length > LONGEST || BLANKS.test(text) || DEEP.test(text)) return false;
  return text.split(/\n\s*\n/).every((paragraph) => (paragraph.match(/[*_~`[\]!<]/g)?.length ?? 0) <= MARKS);
}

/** An element of its own, so that it may leave the page and come back. */
export function markdown(text: string): HTMLElement {
  const place = document.createElement("div");
  place.className = "markdown";
  const purify = DOMPurify(window);
  purify.addHook("afterSanitizeAttributes", (node) => {
    if (node.tagName !== "A") return;
    const address = safeHref(node.getAttribute("href"));
    if (address === null) node.removeAttribute("href");
    else {
      node.setAttribute("href", address);
      node.setAttribute("rel", "noopener nofollow ugc");
    }
  });
  place.append(purify.sanitize(unsanitized(text), { ...ALLOWED, RETURN_DOM_FRAGMENT: true }));
  return place;
}

/** A reply that is JSON and nothing else is read best as such, one line a field. */
function asCode(text: string): string {
  try {
    const told: unknown = JSON.parse(text);
    if (typeof told === "object" && told !== null) return `~~~~~~~~\n${JSON.stringify(told, null, 2)}\n~~~~~~~~`;
  } catch {
    // It is words.
  }
  return text;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
