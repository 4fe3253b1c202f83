import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { markCalls } from "../../../src/apply/script-marked.ts"

const programs = new Set(["/sbin/iptables", "/usr/sbin/iptables", "iptables-nft"])
const mark = (text: string): string | undefined => markCalls(text, programs, new Set(["iptables"]), "@ ")

describe("calls by path in a script", () => {
  it.each([
    ["/sbin/iptables -F", "@ /sbin/iptables -F"],
    ["\tiptables-nft\t-F", "\t@ iptables-nft\t-F"],
    [`I=/sbin/iptables\n$I -F; \${I} -X`, `I=/sbin/iptables\n@ $I -F; @ \${I} -X`],
    ['I="/sbin/iptables -w"\n"$I" -F', 'I="/sbin/iptables -w"\n@ "$I" -F'],
    [`I=\${I:-/sbin/iptables}\n$I -F`, `I=\${I:-/sbin/iptables}\n@ $I -F`],
    ["I=$(which iptables)\n$I -F", "I=$(which iptables)\n@ $I -F"],
    ["I=`which iptables`\n$I -F", "I=`which iptables`\n@ $I -F"],
    ["for i in /sbin/iptables x; do $i -F; done", "for i in /sbin/iptables x; do @ $i -F; done"],
    ["f() { /sbin/iptables -F; }", "f() { @ /sbin/iptables -F; }"],
    ["if ! /sbin/iptables -C a; then x; fi", "if ! @ /sbin/iptables -C a; then x; fi"],
    ["a=$(x 'y)' \"$(z)\" # )\n) && /sbin/iptables -F", "a=$(x 'y)' \"$(z)\" # )\n) && @ /sbin/iptables -F"],
    [`echo "it's \${a:-b} \\"" ; /sbin/iptables -F`, `echo "it's \${a:-b} \\"" ; @ /sbin/iptables -F`],
    ["case $1 in a) /sbin/iptables -F ;; esac", "case $1 in a) @ /sbin/iptables -F ;; esac"],
    [
      "x $# \\\n; /sbin/iptables -F # /sbin/iptables -F",
      "x $# \\\n; @ /sbin/iptables -F # /sbin/iptables -F",
    ],
  ])("are marked in %j", (text, marked) => {
    expect(mark(text)).toBe(marked)
  })

  it.each([
    ["by name", "iptables -F"],
    ["not a command", "echo /sbin/iptables -F; [ -x /sbin/iptables ]; exec /sbin/iptables -F"],
    ["a pattern", "case $x in\n/sbin/iptables) echo;;\nesac"],
    ["in quotes", "echo \"\n/sbin/iptables -F\n\" '\n/sbin/iptables -F'"],
    ["in a comment", "# a'b\n# /sbin/iptables -F"],
    ["an assignment before it", "A=b /sbin/iptables -F"],
    ["of another variable", "J=/sbin/iptables; $I -F"],
    ["a longer name", "/sbin/iptables-save -c; $Ix -F; I=/sbin/iptables-save; $I -c"],
  ])("are not: %s", (_, text) => {
    expect(mark(text)).toBeUndefined()
  })

  it.each([
    ["a here-document", "cat <<E\nx\nE\n/sbin/iptables -F"],
    ["a quote that is left open", "/sbin/iptables -F\necho 'a"],
    ["a substitution that is", "/sbin/iptables -F\necho $(a"],
    ["an alias", "alias iptables-nft='iptables-nft -w'\niptables-nft -F"],
    ["a single quote in braces", `echo "\${a:-it's}"; /sbin/iptables -F; echo '/sbin/iptables -F'`],
    ["a call behind a redirection alone", ">/sbin/iptables -F"],
    [
      "more substitutions one inside the other than anybody writes",
      `/sbin/iptables -F ${"${a:-".repeat(20_000)}${"}".repeat(20_000)}`,
    ],
    ["a case in a substitution", "/sbin/iptables -F\na=$(case x in x) echo;; esac)"],
  ])("leave a text alone that has %s", (_, text) => {
    expect(mark(text)).toBeUndefined()
  })

  it("loses nothing but the marks of any text, and keeps its lines", () => {
    const piece = fc.constantFrom(
      ..."/sbin/iptables -F|I=/sbin/iptables|$I -A x|$|{I}|\"|'|`|$(|)|(|{|}|\\|\n|;|&&| |#|case|do|<|é".split(
        "|",
      ),
      "|",
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("")
        const marked = mark(text)
        if (marked !== undefined) expect(marked.replaceAll("@ ", "")).toBe(text)
      }),
    )
  })
})
