import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatSecret, generateSecret, parseSecret } from "../../src/secrets/secret.ts"

const secrets = fc.uint8Array({ minLength: 16, maxLength: 16 })
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
const problemOf = (text: string) => {
  const parsed = parseSecret(text)
  if (parsed.ok) throw new Error("accepted")
  return parsed.problem
}
/** Where digit `at` (0..29) stands in the text. */
const placeOf = (at: number): number => 5 + at + Math.floor(at / 5)

describe("a secret as text", () => {
  test("reads back as it was written", () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const text = formatSecret(secret)
        expect(text).toMatch(/^fwk1(-[0-9a-hjkmnp-tv-z]{5}){6}$/)
        expect(parseSecret(text)).toEqual({ ok: true, secret })
        expect(parseSecret(`  ${text.toUpperCase().replaceAll("-", "")}\n`)).toEqual({ ok: true, secret })
      }),
    )
  })

  test("every single mistyped digit is found, and its group is named", () => {
    const text = formatSecret(Uint8Array.from({ length: 16 }, (_, i) => i * 37))
    let named = 0
    for (let at = 0; at < 30; at += 1) {
      const place = placeOf(at)
      for (const digit of alphabet) {
        if (digit === text.charAt(place)) continue
        const problem = problemOf(text.slice(0, place) + digit + text.slice(place + 1))
        expect(problem.mistake).toBe("check")
        if (problem.message.endsWith(`mistyped in group ${Math.floor(at / 5) + 1}`)) named += 1
      }
    }
    // A second explanation turns up once in some thousands of typos, and then none is given.
    expect(named).toBeGreaterThanOrEqual(30 * 31 - 3)
  })

  test("only letters of ASCII have two cases", () => {
    const text = formatSecret(Uint8Array.from({ length: 16 }, (_, i) => i * 37))
    expect(parseSecret(text.toUpperCase()).ok).toBe(true)
    expect(problemOf(text.replace("k", "\u212a")).mistake).toBe("prefix")
  })

  test("two neighbouring digits swapped are found", () => {
    fc.assert(
      fc.property(secrets, fc.integer({ min: 0, max: 28 }), (secret, at) => {
        const digits = Array.from(formatSecret(secret).slice(5).replaceAll("-", ""))
        fc.pre(digits[at] !== digits[at + 1])
        digits.splice(at, 2, digits[at + 1] ?? "", digits[at] ?? "")
        expect(problemOf(`fwk1-${digits.join("")}`).mistake).toBe("check")
      }),
    )
  })

  test("a mistake is told without the text", () => {
    fc.assert(
      fc.property(
        secrets,
        fc.integer({ min: 0, max: 29 }),
        fc.constantFrom("u", "!", "", "zz"),
        (secret, at, wrong) => {
          const place = placeOf(at)
          const text = formatSecret(secret)
          const typed = text.slice(0, place) + wrong + text.slice(place + 1)
          const { message } = problemOf(typed)
          for (const group of typed.slice(5).split("-"))
            if (group.length > 2) expect(message).not.toContain(group)
        },
      ),
    )
  })

  test("no text makes it throw", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseSecret(text)))
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."fwk1-0azIuO \u0130") }),
        (text) => void parseSecret(text),
      ),
    )
  })

  test("is made of 16 random bytes and nothing less", () => {
    const random = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
    const secret = generateSecret(random)
    random.fill(0)
    expect(secret[15]).toBe(16)
    expect(() => generateSecret(random)).toThrow(expect.objectContaining({ code: "usage" }))
    expect(() => generateSecret(new Uint8Array(15).fill(1))).toThrow(
      expect.objectContaining({ code: "usage" }),
    )
  })
})
