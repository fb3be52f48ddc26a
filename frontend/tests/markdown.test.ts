import { describe, expect, test } from "vitest";
import { unsanitized } from "../src/markdown";

describe("a model's words before they are sanitized", () => {
  test("HTML stays words, in a line, in a block and in a comment", () => {
    const drawn = unsanitized("<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b <!-- c -->");
    expect(drawn).not.toMatch(/<(script|img|!--)/);
    expect(drawn).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });

  test("a picture is told, not asked for", () => {
    expect(unsanitized("![chart](https://evil.example/x.png)")).toBe("<p>![chart](https://evil.example/x.png)</p>\n");
  });

  test.each(["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x", "https://you:word@evil.example/"])(
    "no link leads to %s", (address) => expect(unsanitized(`[click](${address}) <${address}>`)).not.toContain("<a"));

  test("a link of the web stays one", () => {
    expect(unsanitized("[page](https://example.org/a?b=1&c=2)")).toContain('<a href="https://example.org/a?b=1&amp;c=2">page</a>');
  });

  test("a reply in JSON is read one line a field", () => {
    expect(unsanitized('{"action":"BUY","reasoning":"**up**"}')).toContain("{\n  &quot;action&quot;: &quot;BUY&quot;,\n");
  });

  test("headings of any depth stand below that of a panel", () => {
    expect(unsanitized("# One\n\n###### Six").match(/<h\d>/g)).toEqual(["<h3>", "<h3>"]);
  });
});

test.each([
  ["quotes in quotes", "> ".repeat(3000)], ["lists in lists", "- ".repeat(10_000)], ["marks that never close", "*a_".repeat(12_000)],
  ["blanks", `a${" ".repeat(40_000)}b`],
])("what would halt the page, %s, is read as it came", (_, text) => {
  expect(unsanitized(text)).toBe(`<pre><code>${text.replaceAll(">", "&gt;")}</code></pre>`);
});
