import { describe, expect, it } from "vitest"
import { type Lookup, resolveHost } from "../../src/client/resolve.ts"

const never: Lookup = async () => {
  throw new Error("looked up")
}
const says =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses.map((address) => ({ address }))
const failing =
  (code: string): Lookup =>
  async () => {
    throw Object.assign(new Error(code), { code })
  }
const interfaces = () => ["lo", "eth0"]

describe("the addresses of a host", () => {
  it("are itself, when it is one, without asking anybody", async () => {
    expect(await resolveHost("192.0.2.1", undefined, never, interfaces)).toEqual(["192.0.2.1"])
    expect(await resolveHost("2001:db8::1", 6, never, interfaces)).toEqual(["2001:db8::1"])
    expect(await resolveHost("fe80::1%eth0", undefined, never, interfaces)).toEqual(["fe80::1%eth0"])
    expect(await resolveHost("fe80::1%en7", undefined, never, () => undefined)).toEqual(["fe80::1%en7"])
  })

  it.each([
    ["192.0.2.1", 6 as const],
    ["2001:db8::1", 4 as const],
    ["fe80::1", undefined],
    ["febf::1", undefined],
    ["fe80::1%eth9", undefined],
  ])("%s with -%s is a usage error", async (host, family) => {
    await expect(resolveHost(host, family, never, interfaces)).rejects.toMatchObject({ code: "usage" })
  })

  it("are all that a name has, in the resolver's order, each once, at most two of a family", async () => {
    const lookup = says(
      "2001:db8::1",
      "192.0.2.1",
      "192.0.2.1",
      "192.0.2.2",
      "192.0.2.3",
      "2001:db8::2",
      "2001:db8::3",
    )
    expect(await resolveHost("web1", undefined, lookup, interfaces)).toEqual([
      "2001:db8::1",
      "192.0.2.1",
      "192.0.2.2",
      "2001:db8::2",
    ])
  })

  it("of the wanted family are asked for as such", async () => {
    const asked: unknown[] = []
    const lookup: Lookup = async (name, family) => {
      asked.push([name, family])
      return [{ address: "2001:db8::1" }]
    }
    await resolveHost("web1", 6, lookup, interfaces)
    await resolveHost("web1", undefined, lookup, interfaces)
    expect(asked).toEqual([
      ["web1", 6],
      ["web1", 0],
    ])
  })

  it.each(["ENOTFOUND", "EAI_AGAIN", "ENODATA", "EWEIRD"])(
    "that cannot be had (%s) are missing",
    async (code) => {
      await expect(resolveHost("web1", 4, failing(code), interfaces)).rejects.toMatchObject({
        code: "missing",
        message: expect.stringContaining("web1"),
        hint: expect.any(String),
      })
    },
  )
})
