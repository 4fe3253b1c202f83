import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { type LinkTrouble, UserLink } from "../../support/lab/user-link.ts"
import { knockAside, knockMany } from "./knocks.ts"
import { hostsFor } from "./links.ts"

if (labUnavailable) process.stderr.write(`skipped: a disturbed link: ${labUnavailable}\n`)

const quiet: LinkTrouble = { delay: 0, jitter: 0, loss: 0, copies: 1 }
const troubles: readonly { readonly name: string; readonly trouble: LinkTrouble }[] = [
  { name: "every packet three times", trouble: { copies: 3 } },
  { name: "300 ms delay each way", trouble: { delay: 0.3 } },
  { name: "packets out of order by up to 300 ms, each twice", trouble: { jitter: 0.3, copies: 2 } },
  { name: "all of it, and a third lost", trouble: { delay: 0.1, jitter: 0.2, copies: 2, loss: 0.33 } },
]

describe.skipIf(labUnavailable)("over a link that disturbs packets", () => {
  const { lab, server, client } = hostsFor()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const accepted = (): number => armed.status().accepted as number
  let link: UserLink

  beforeAll(async () => {
    link = await UserLink.join(
      "tap",
      { host: server, device: "eth0", addresses: ["192.0.2.1/24"] },
      { host: client, device: "eth0", addresses: ["192.0.2.2/24"] },
    )
    await server.serveTcp(22)
    armed.arm("--timeout", "10m")
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
  })
  beforeEach(async () => {
    await link.trouble(quiet)
  })

  it.each(troubles)("$name: probes are answered, and each acts once", async ({ trouble }) => {
    const before = accepted()
    await link.trouble(trouble)
    const done = await knockMany(4, 1, () =>
      knockAside(armed, client, ["probe", "192.0.2.1", "--no-check", "--road", "icmp"]),
    )
    for (const { outcome } of done) expect(outcome).toMatchObject({ event: "alive", exitCode: 0 })
    await new Promise((resolve) => setTimeout(resolve, 800)) // late copies
    expect(accepted()).toBe(before + 4)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
  })

  it("with 300 ms delay, copies and disorder a reset opens once", async () => {
    await link.trouble({ delay: 0.3, jitter: 0.1, copies: 2 })
    const reset = await knockAside(armed, client, ["reset", "192.0.2.1"])
    expect(reset.outcome).toMatchObject({ event: "opened", exitCode: 0 })
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(armed.status().opens).toBe(1)
    await link.trouble(quiet)
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
  })
})
