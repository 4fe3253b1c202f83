import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ArmedServer } from "../../support/lab/programs.ts"
import { SshLab, sshUnavailable } from "../../support/lab/ssh-server.ts"
import { UserLink } from "../../support/lab/user-link.ts"
import { hostsFor } from "./links.ts"
import { pythonKnock } from "./python-knock.ts"

if (sshUnavailable) process.stderr.write(`skipped: far away over tcp: ${sshUnavailable}\n`)

/** What the kernel acknowledges meanwhile is later than what a knock has seen of its clock. */
describe.skipIf(sshUnavailable)("over TCP, from far away", () => {
  const { lab, server, client } = hostsFor()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  let link: UserLink

  beforeAll(async () => {
    link = await UserLink.join(
      "tap",
      { host: server, device: "eth0", addresses: ["192.0.2.1/24", "2001:db8::1/64"] },
      { host: client, device: "eth0", addresses: ["192.0.2.2/24", "2001:db8::2/64"] },
    )
    await new SshLab(lab).machine(server, { address: "192.0.2.1" })
    armed.arm("--timeout", "10m")
  })

  it.each([
    ["tcp", "a round trip of 160 ms", { delay: 0.08, loss: 0 }],
    ["raw-tcp", "a round trip of 160 ms", { delay: 0.08, loss: 0 }],
    ["tcp", "every fifth packet lost", { delay: 0.01, loss: 0.2 }],
    ["raw-tcp", "every fifth packet lost", { delay: 0.01, loss: 0.2 }],
  ] as const)(
    "by %s, %s: a probe is answered at the open port, and where everything is dropped",
    async (road, _, trouble) => {
      for (const address of ["192.0.2.1", "2001:db8::1"])
        for (const rules of ["", "iptables-nft -P INPUT DROP; ip6tables-nft -P INPUT DROP"]) {
          await link.trouble({ delay: 0, loss: 0 })
          server.sh(`nft flush ruleset; ${rules}`)
          client.try(["ping", "-n", "-c", "1", "-W", "1", address]) // the neighbours know each other
          await link.trouble(trouble)
          const knocked = await pythonKnock(client, armed.secretFile, [
            "probe",
            address,
            "--road",
            `${road}/22`,
          ])
          expect(knocked).toMatchObject({ code: 0, said: { verdict: "alive" } })
        }
    },
  )
})
