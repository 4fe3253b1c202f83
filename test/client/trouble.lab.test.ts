import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../support/lab/lab.ts"
import { knock, secretFile } from "../support/workstation.ts"
import { Responder } from "./responder.ts"
import { makeStage, type Stage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-knock in the lab: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-knock in trouble, and elsewhere than at one address", () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await makeStage()
  })
  afterEach(() => stage.reset())
  afterAll(() => stage.lab.close())

  it("silence: says what it can know, retransmits on schedule, turns one-way, exits with 4", async () => {
    stage.lockout()
    stage.responder.hears = () => false
    const { code, stderr } = await knock(stage.client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--wait",
      "3s",
    ])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /no answer within 3s; \d+ packets sent; tcp\/22 is filtered.*the reset may still arrive/,
    )
    // 0, 50, 150, 400, 800, 1200, 1600 ms; then one-way from 2 s on: 0, 50, 150, 400, 800
    expect(stage.responder.heard.length).toBeGreaterThanOrEqual(11)
    expect(stage.responder.heard.length).toBeLessThanOrEqual(13)
    const flags = stage.responder.heard.map(({ data }) => (data[11] as number) & 1)
    expect(flags[0]).toBe(0)
    expect(flags.at(-1)).toBe(1)
  })

  it("another secret: the host answers pings, so the hint says that the knock was not understood", async () => {
    const other = secretFile(stage.lab, "192.0.2.1")
    const args = ["probe", "192.0.2.1", "--secret-file", other.path, "--wait", "500ms"]
    const { code, objects } = await knock(stage.client, [...args, "--json"])
    expect(code).toBe(4)
    expect(objects).toMatchObject([{ event: "no-answer", echoed: true, check: { state: "open" } }])
    expect((await knock(stage.client, args)).stderr).toContain("answers ordinary pings")
  })

  it("a host that is not there, and a workstation whose own firewall stops pings", async () => {
    const nobody = await knock(stage.client, [
      "probe",
      "192.0.2.99",
      "--secret-file",
      stage.path,
      "--wait",
      "4s",
      "--json",
    ])
    expect(nobody.code).toBe(4)
    expect(nobody.objects).toMatchObject([{ unreachable: { from: "192.0.2.2", reason: "host unreachable" } }])
    stage.client.run(["iptables-nft", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP"])
    const stopped = await knock(stage.client, [
      "probe",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--wait",
      "1500ms",
      "--json",
    ])
    expect(stopped.code).toBe(4)
    expect(stopped.objects).toMatchObject([
      {
        sendFailures: ["192.0.2.1: Operation not permitted"],
        hint: expect.stringContaining("this machine's own firewall stops pings (192.0.2.1: Operation not"),
      },
    ])
    const unroutable = await knock(stage.client, [
      "probe",
      "203.0.113.1",
      "--secret-file",
      stage.path,
      ...["--wait", "1500ms", "--json", "--road", "icmp"],
    ])
    expect(unroutable.objects).toMatchObject([
      { packetsSent: 0, sendFailures: ["203.0.113.1: Network is unreachable"] },
    ])
  })

  it("--plain sends the bare text until the port is open, and the port alone decides", async () => {
    stage.lockout()
    const opening = (async () => {
      while (stage.responder.heard.length < 2) await sleep(20)
      stage.open()
    })()
    const ended = await knock(stage.client, ["reset", "--plain", "reset-iptables", "192.0.2.1", "--json"])
    await opening
    expect(ended.code).toBe(0)
    expect(ended.objects).toMatchObject([{ event: "port-open", plain: true, check: { state: "open" } }])
    expect(Buffer.from(stage.responder.heard[0]?.data ?? []).toString()).toBe("reset-iptables")
    expect(stage.responder.heard.length).toBeLessThanOrEqual(3)

    stage.lockout()
    const args = ["reset", "--plain", "reset-iptables", "--wait", "500ms", "192.0.2.1", "--json"]
    expect(await knock(stage.client, args)).toMatchObject({ code: 3, objects: [{ event: "port-shut" }] })
    expect(await knock(stage.client, [...args, "--no-check"])).toMatchObject({
      code: 4,
      objects: [{ event: "sent" }],
    })
  })

  it("several hosts at once: a line each, a summary, the worst exit code, and only the owner's secret opens", async () => {
    stage.responder.act = () => ({ verdict: "opened" })
    const many = secretFile(stage.lab, "192.0.2.1", "192.0.2.99", "nosuchname.invalid")
    const own = await Responder.start(stage.server, many.secrets[0] as Uint8Array, () => ({
      verdict: "opened",
    }))
    const hosts = ["192.0.2.1", "192.0.2.99", "nosuchname.invalid", "192.0.2.1"]
    const args = ["reset", ...hosts, "--secret-file", many.path, "--wait", "500ms", "--no-check"]
    const { code, hosts: ended, objects } = await knock(stage.client, [...args, "--json"])
    expect(code).toBe(4)
    expect(objects.at(-1)).toMatchObject({ event: "summary", hosts: 3, exitCode: 4 })
    expect(ended.map((object) => [object.host, object.code]).sort()).toEqual([
      ["192.0.2.1", "done"],
      ["192.0.2.99", "no-answer"],
      ["nosuchname.invalid", "missing"],
    ])
    expect(own.acted).toHaveLength(1)
    expect(stage.responder.acted).toHaveLength(0)
    const { stderr } = await knock(stage.client, args)
    expect(stderr).toContain("fw-knock: 3 hosts: ")
    expect(stderr).toContain("1 opened")
  })

  it("a name is tried over all its addresses, and -4 and -6 choose", async () => {
    stage.responder.act = () => ({ verdict: "alive" })
    const before = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      `printf '192.0.2.1 both\\n2001:db8::1 both\\n2001:db8::99 half\\n192.0.2.1 half\\n' >${stage.lab.folder}/hosts
       mount --bind ${stage.lab.folder}/hosts /etc/hosts; exec "$@"`,
      "sh",
    ]
    const probe = async (...args: string[]) =>
      (
        await knock(stage.client, ["probe", ...args, "--secret-file", stage.path, "--json", "--wait", "3s"], {
          before,
        })
      ).objects[0]
    expect(await probe("both")).toMatchObject({ event: "alive", check: { state: "open" } })
    expect(await probe("both", "-4")).toMatchObject({ event: "alive", address: "192.0.2.1" })
    expect(await probe("both", "-6")).toMatchObject({ event: "alive", address: "2001:db8::1" })
    expect(await probe("half")).toMatchObject({ event: "alive", address: "192.0.2.1" })
    expect(await probe("192.0.2.1", "-6")).toMatchObject({ code: "usage" })
    expect(await probe("fe80::1%nope")).toMatchObject({ code: "usage" })
    expect(await probe("fe80::1")).toMatchObject({ code: "usage" })
  })
})
