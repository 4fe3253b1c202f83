import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"
import { everything, Place } from "./place.ts"
import { savedRules } from "./saved-rules.ts"

if (labUnavailable) process.stderr.write(`skipped: rules of firewall managers: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("rules of firewall managers, with packets", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const places = savedRules().map((rules) => new Place(lab, rules))
  beforeAll(() => {
    for (const place of places) place.connect()
  })

  it.each(matrix(places, 2))("open over IPv4 and IPv6, and come back: $name", async (place) => {
    await place.begin()
    expect(await place.letIn()).toEqual(place.normally)
    const before = place.views()
    const kept = await place.open(await place.rules())
    if (kept === undefined) throw new Error("nothing was taken away")
    expect(await place.letIn()).toEqual(everything)
    expect(await place.undo(kept)).toEqual([])
    // What an open leaves alone goes on counting.
    expect(before.differencesNow("no counters")).toEqual([])
    expect(await place.letIn()).toEqual(place.normally)
  })
})
