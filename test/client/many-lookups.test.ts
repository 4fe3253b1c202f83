import { expect, it } from "vitest"
import { openManyLookups } from "../../src/client/many-lookups.ts"
import { monotonicClock } from "../../src/clock.ts"

it("a process of its own resolves names as this one would, and its end leaves nobody waiting", async () => {
  const { lookup, close } = openManyLookups(process.env, monotonicClock, 10_000)
  const found = await Promise.all(
    Array.from({ length: 200 }, () => lookup("localhost", 4).then(([first]) => first?.address)),
  )
  expect(new Set(found)).toEqual(new Set(["127.0.0.1"]))
  await expect(lookup("nosuchname.invalid", 0)).rejects.toMatchObject({
    code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
  })
  const waiting = lookup("localhost", 4)
  close()
  await waiting.catch((error: unknown) => expect(error).toMatchObject({ code: "EAI_SYSTEM" }))
  await expect(lookup("localhost", 4)).rejects.toMatchObject({ code: "EAI_SYSTEM" })
})

it("is not started when nothing is asked", () => {
  openManyLookups({}, monotonicClock, 10_000).close()
})
