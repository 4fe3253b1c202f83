import { afterAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: interfaces that come and go: ${labUnavailable}\n`)

const addresses = `ip address replace 192.0.2.1/24 dev eth0; ip address replace 2001:db8::1/64 dev eth0 nodad`

/** What happens to eth0; afterwards it is there again, and has its addresses. Flaps: test/guard/listeners.lab.test.ts. */
const turns: readonly { readonly what: string; readonly turn: (server: Host, elsewhere: Host) => void }[] = [
  {
    what: "was renamed and got its name back",
    turn: (server) =>
      server.sh(`ip link set eth0 down; ip link set eth0 name other0; ip link set other0 up; sleep 2
        ip link set other0 down; ip link set other0 name eth0; ip link set eth0 up; ${addresses}`),
  },
  {
    what: "was moved to another namespace and back",
    turn: (server, elsewhere) => {
      server.run(["ip", "link", "set", "eth0", "netns", elsewhere.netns])
      elsewhere.sh(`sleep 2; ip link set eth0 netns ${server.netns}`)
      server.sh(`ip link set eth0 up; ${addresses}`)
    },
  },
  {
    what: "lost its addresses and got them back",
    turn: (server) => server.sh(`ip address flush dev eth0; sleep 2; ${addresses}`),
  },
]

describe.skipIf(labUnavailable)("an armed interface", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const elsewhere = lab.host("elsewhere")
  const armed = new ArmedServer(lab, server)

  it.each([{ heard: [] }, { heard: ["--interface", "eth0"] }])(
    "takes the next knock after its return, with options $heard",
    ({ heard }) => {
      armed.arm("--timeout", "2m", ...heard)
      for (const { what, turn } of turns) {
        turn(server, elsewhere)
        for (const address of ["192.0.2.1", "2001:db8::1"]) {
          const { outcome } = armed.knock(client, "probe", address, "--no-check", "--wait", "8s")
          expect([what, address, outcome.event]).toEqual([what, address, "alive"])
        }
      }
      armed.disarm()
    },
  )

  it("is heard under its new name, when all are heard", () => {
    armed.arm("--timeout", "2m")
    server.sh("ip link set eth0 down; ip link set eth0 name other0; ip link set other0 up")
    const { outcome } = armed.knock(client, "probe", "192.0.2.1", "--no-check", "--wait", "8s")
    expect(outcome).toMatchObject({ event: "alive" })
    armed.disarm()
  })
})
