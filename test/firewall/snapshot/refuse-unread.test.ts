import { describe, expect, it } from "vitest"
import { keptChanging } from "../../../src/firewall/snapshot/reading.ts"
import { refuseUnread } from "../../../src/firewall/snapshot/refuse-unread.ts"

const busy = { where: "nft", why: keptChanging }
const broken = { where: "ipset", why: "ipset ended with SIGSEGV" }

describe("rules that are not known", () => {
  it.each([
    [
      "nobody holds still: whoever writes is to",
      [busy],
      /^nothing was changed; stop .* writes rules all the time/,
    ],
    ["a tool fails: it is to be mended", [broken], /^nothing was changed; take away .* or mend the tool/],
    ["both", [busy, broken], /mend the tool/],
  ])("are refused; %s", (_, unread, hint) => {
    expect(() => refuseUnread({ unread })).toThrow(
      expect.objectContaining({ code: "refused", hint: expect.stringMatching(hint) }),
    )
  })

  it("are no reason where no program of this machine could touch them", () => {
    refuseUnread({ unread: [{ where: "arptables-legacy", why: "arptables-legacy is missing" }] })
  })
})
