import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { UserLink } from "../../support/lab/user-link.ts"
import { type Knocked, knockAside } from "./knocks.ts"
import { hostsFor } from "./links.ts"

if (labUnavailable) process.stderr.write(`skipped: knocks that are held back: ${labUnavailable}\n`)

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1000))

interface Stage {
  readonly armed: ArmedServer
  /** Side `a` is the server's, `b` the client's. */
  readonly link: UserLink
  readonly knock: (...args: string[]) => Promise<Knocked>
}

/** What was delivered late: does it act? */
interface Case {
  readonly name: string
  readonly heldSeconds: number
  /** Knocks while the client's packets are held, and returns when the knock has given up. */
  readonly hold: (stage: Stage) => Promise<void>
  readonly opens: number
}

const pinned = async ({ link, knock }: Stage): Promise<void> => {
  expect((await knock("probe", "--no-check")).outcome).toMatchObject({ event: "alive" })
  await link.trouble({ only: "b", hold: true })
  expect((await knock("reset", "--no-check", "--wait", "1s")).outcome).toMatchObject({
    event: "no-answer",
    stage: "first",
  })
}

const followUp = async ({ link, knock }: Stage): Promise<void> => {
  await link.trouble({ only: "a", hold: true })
  const reset = knock("reset", "--no-check", "--wait", "3s")
  await seconds(1) // the first request is there, its challenge is held
  await link.trouble({ only: "b", hold: true })
  await link.trouble({ only: "a", hold: false })
  expect((await reset).outcome).toMatchObject({ event: "no-answer", stage: "follow-up" })
}

const oneWay = async ({ link, knock }: Stage): Promise<void> => {
  await link.trouble({ only: "b", hold: true })
  const reset = await knock("reset", "--one-way", "--no-check", "--wait", "1s")
  expect(reset.outcome).toMatchObject({ event: "no-answer", stage: "one-way" })
}

const cases: readonly Case[] = [
  { name: "by pin, for 5 s: acts", heldSeconds: 5, hold: pinned, opens: 1 },
  { name: "by pin, for 31 s: does not", heldSeconds: 31, hold: pinned, opens: 0 },
  { name: "a follow-up, for 5 s: acts", heldSeconds: 5, hold: followUp, opens: 1 },
  { name: "a follow-up, for 31 s: does not", heldSeconds: 31, hold: followUp, opens: 0 },
  // knock-protocol.md, section 9: the weaker road.
  { name: "one-way, for 31 s: acts once, as documented", heldSeconds: 31, hold: oneWay, opens: 1 },
  { name: "one-way, for 61 s: does not", heldSeconds: 61, hold: oneWay, opens: 0 },
]

describe.skipIf(labUnavailable)("a knock that is held back on its way", () => {
  it.concurrent.each(cases)("$name", { timeout: 120_000 }, async ({ heldSeconds, hold, opens }) => {
    const { lab, server, client } = hostsFor()
    try {
      const link = await UserLink.join(
        "tun",
        { host: server, device: "tun0", addresses: ["192.0.2.1/24"] },
        { host: client, device: "tun0", addresses: ["192.0.2.2/24"] },
      )
      const armed = new ArmedServer(lab, server)
      armed.arm("--timeout", "5m")
      server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
      const knock = (...args: string[]): Promise<Knocked> => knockAside(armed, client, [...args, "192.0.2.1"])
      await hold({ armed, link, knock })
      const before = armed.status()
      await seconds(heldSeconds)
      await link.trouble({ hold: false })
      await seconds(1.5)
      const after = armed.status()
      expect(after.heard).toBeGreaterThan(before.heard as number) // it was delivered
      expect(after.opens).toBe(opens)
      expect((after.accepted as number) - (before.accepted as number)).toBe(opens)
    } finally {
      await lab.close()
    }
  })
})
