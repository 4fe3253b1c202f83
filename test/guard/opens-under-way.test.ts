import { describe, expect, it } from "vitest"
import { OpensUnderWay } from "../../src/guard/opens-under-way.ts"

/** Opens that end when they are told to, and what the journal said at each writing. */
function underWay(cutOff?: "begun" | "kept") {
  const journal: (string | undefined)[] = []
  const ends: (() => void)[] = []
  const open = (): Promise<void> => new Promise((resolve) => ends.push(resolve))
  const opens = new OpensUnderWay({ open }, () => journal.push(opens.journalled.opening), cutOff)
  return { opens, journal, end: () => ends.shift()?.() }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("what the journal says of an open", () => {
  it("begun, kept before its rules go, and nothing when it has settled", async () => {
    const { opens, journal, end } = underWay()
    const opening = opens.open(false, false)
    expect(journal).toEqual([]) // not before it is on its way
    await turn()
    opens.rulesKept()
    end()
    await opening
    expect(journal).toEqual(["begun", "kept", undefined])
  })

  it("at once, when a way back is owed", () => {
    const { opens, journal } = underWay()
    void opens.open(false, true)
    expect(journal).toEqual(["begun"])
  })

  it("kept until the last of several has settled, and begun for the next", async () => {
    const { opens, journal, end } = underWay()
    const [first, second] = [opens.open(false, true), opens.open(false, true)]
    opens.rulesKept()
    end()
    await first
    expect(journal.at(-1)).toBe("kept")
    end()
    await second
    void opens.open(false, true)
    expect(journal.slice(-2)).toEqual([undefined, "begun"])
  })

  it("kept from the first, where it ends one that was cut off when its rules were kept", async () => {
    const { opens, journal, end } = underWay("kept")
    expect(opens.journalled).toEqual({})
    const ending = opens.open(false, true)
    end()
    await ending
    void opens.open(false, true)
    expect(journal).toEqual(["kept", undefined, "begun"])
  })

  it("nothing of rules that are kept when none is under way", () => {
    const { opens, journal } = underWay()
    opens.rulesKept()
    expect(journal).toEqual([undefined])
  })
})
