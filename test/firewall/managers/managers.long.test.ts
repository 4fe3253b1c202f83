import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { everything, Place } from "./place.ts"
import { savedRules } from "./saved-rules.ts"

if (labUnavailable) process.stderr.write(`skipped: counts of firewall managers: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("rules of firewall managers, to the last count", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const places = savedRules().map((rules) => new Place(lab, rules))
  beforeAll(async () => {
    for (const place of places) place.connect()
    // Reports of multicast groups go out for two seconds, and would be counted.
    await new Promise((resolve) => setTimeout(resolve, 3000))
  })

  it.each(places)("come back as they were, and as somebody had flushed them: $name", async (place) => {
    await place.begin()
    // Packets that all kinds of rules have counted.
    expect(await place.letIn()).toEqual(place.normally)
    const whole = place.views()
    const arming = await place.proven()
    place.flush()
    expect(await place.undo(arming)).toEqual([])
    expect(whole.differencesNow("counters")).toEqual([])

    const again = place.views()
    const kept = await place.open(arming)
    if (kept === undefined) throw new Error("nothing was taken away")
    expect(await place.undo(kept)).toEqual([])
    expect(again.differencesNow("counters")).toEqual([])

    place.flush()
    const flushed = place.views()
    const emptied = await place.open(await place.proven())
    expect(emptied === undefined ? [] : await place.undo(emptied)).toEqual([])
    expect(flushed.differencesNow("counters")).toEqual([])

    await place.open(await place.proven())
    expect(await place.letIn()).toEqual(everything)
    expect(await place.undo(arming)).toEqual([])
    expect(whole.differencesNow("no counters")).toEqual([])
    expect(await place.letIn()).toEqual(place.normally)
  })
})
