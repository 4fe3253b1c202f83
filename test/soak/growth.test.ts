import { describe, expect, it } from "vitest"
import { fewestSamples, grown, type Sample } from "./growth.ts"

/** A sample each minute. */
const hour = (sample: (minute: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: 60 }, (_, minute) => ({
    pssKb: 50_000,
    lastingKb: 90_000,
    descriptors: 60,
    ...sample(minute),
  }))

describe("growth", () => {
  it("is not found in a sawtooth, a warm-up, or peaks", () => {
    expect(grown(hour((minute) => ({ lastingKb: 90_000 + (minute % 7) * 3000 })))).toEqual([])
    expect(grown(hour((minute) => ({ lastingKb: 90_000 + Math.min(minute, 14) * 1000 })))).toEqual([])
    expect(grown(hour((minute) => ({ descriptors: minute % 3 === 0 ? 60 : 75 })))).toEqual([])
  })

  it("is found when it goes on", () => {
    expect(grown(hour((minute) => ({ lastingKb: 90_000 + minute * 300 + (minute % 5) * 500 })))).toHaveLength(
      1,
    )
    expect(grown(hour((minute) => ({ descriptors: 60 + Math.floor(minute / 10) })))).toHaveLength(1)
  })

  it("is not judged by a few samples", () => {
    const few = hour((minute) => ({ descriptors: 60 + minute * 10 })).slice(0, fewestSamples - 1)
    expect(grown(few)).toEqual([])
  })
})
