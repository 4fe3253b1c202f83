import { randomBytes } from "node:crypto"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { echoRequestFrame, type FramesSent, linkAddress, sendFrames } from "../../support/lab/frames.ts"
import { type Host, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { endedLateMs } from "./clock-promise.ts"

/** How many different packets a flood is made of. */
const distinct = 4096

/**
 * Floods a server with packets that the kernel's filter lets through, from arming until after the session has ended.
 *
 * @param rate packets a second that are wanted
 * @returns how late the session ended, in milliseconds, and what was sent and heard
 */
export async function expireInFlood(
  rate: number,
  onExpiry: "disarm" | "reset",
): Promise<{ lateMs: number; sent: FramesSent; heard: number; open: boolean }> {
  const { lab, server, client } = twoHosts()
  try {
    await server.serveTcp(22)
    const armed = new ArmedServer(lab, server)
    armed.arm("--timeout", "10s", "--on-expiry", onExpiry)
    server.sh("iptables-nft -P INPUT DROP")
    const sending = sendFrames(client, "eth0", frames(armed, server, client), { rate, count: rate * 12 })
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const heard = armed.status().heard as number
    const lateMs = await endedLateMs(armed)
    const open = await client.reaches("192.0.2.1", 22, 3000)
    return { lateMs, sent: await sending, heard, open }
  } finally {
    await lab.close()
  }
}

function frames(armed: ArmedServer, server: Host, client: Host): Buffer[] {
  const { requestTag } = deriveKeys(armed.secret)
  const sourceLink = linkAddress(client, "eth0")
  const destinationLink = linkAddress(server, "eth0")
  return Array.from({ length: distinct }, (_, at) =>
    echoRequestFrame({
      data: Buffer.concat([requestTag, randomBytes(120)]),
      source: `10.0.${at >> 8}.${at & 255}`,
      destination: "192.0.2.1",
      sourceLink,
      destinationLink,
      identifier: at,
    }),
  )
}
