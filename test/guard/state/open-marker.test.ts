import { describe, expect, it } from "vitest"
import { OpensUnderWay } from "../../../src/guard/state/open-marker.ts"

function underWay(cutOff?: "begun" | "kept") {
  const marks: (string | undefined)[] = []
  return { opens: new OpensUnderWay((state) => marks.push(state), cutOff), marks }
}

describe("the mark of an open", () => {
  it("is there before it begins, says when its rules are kept, and goes when it has settled", () => {
    const { opens, marks } = underWay()
    opens.begun()
    expect(marks).toEqual(["begun"])
    opens.rulesKept()
    opens.settled()
    expect(marks).toEqual(["begun", "kept", undefined])
  })

  it("stays until the last of several has settled, and begins anew for the next", () => {
    const { opens, marks } = underWay()
    opens.begun()
    opens.begun()
    opens.rulesKept()
    opens.settled()
    expect(marks).toEqual(["begun", "kept"])
    opens.settled()
    opens.begun()
    expect(marks.slice(2)).toEqual([undefined, "begun"])
  })

  it.each(["begun", "kept"] as const)("stays %s where an open ends one that was cut off so", (cutOff) => {
    const { opens, marks } = underWay(cutOff)
    opens.begun()
    expect(marks).toEqual([])
    opens.settled()
    opens.begun()
    expect(marks).toEqual([undefined, "begun"])
  })

  it("says nothing of rules that are kept when none is under way", () => {
    const { opens, marks } = underWay()
    opens.rulesKept()
    expect(marks).toEqual([])
  })
})
