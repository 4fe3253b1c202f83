import { spawn } from "node:child_process"
import { Fault } from "../../../errors.ts"
import { parseTarget } from "../../../secrets/target.ts"
import { destinationArgs } from "../../../ssh/config.ts"
import { remoteCommand } from "../../../ssh/words.ts"
import type { openTransmitters } from "../../../transmit/open-transmitters.ts"
import { openPingRelay, type PingRelay, relayProgram } from "../../../transmit/ping-relay.ts"

/** The arguments of ssh for the last of these jump hosts, through those in front of it. @param jump as ProxyJump has them */
export function jumpArgs(jump: string): string[] {
  const hosts = jump.split(",")
  const { user, host, port } = parseTarget((hosts.pop() ?? "").trim().replace(/^ssh:\/\//, ""))
  const name = user === undefined ? host : `${user}@${host}`
  return [...(hosts.length === 0 ? [] : ["-J", hosts.join(",")]), ...destinationArgs({ name, port })]
}

/** Nothing of the operator's configuration may come in between, and nothing goes along. */
const plainLogin = ["-T", "-a", "-x", "-o", "RemoteCommand=none", "-o", "ClearAllForwardings=yes"]

/** Sends pings from the last jump host: by the relay there, a few lines of Perl without any key or secret. */
export function transmittersBy(ssh: readonly string[], jump: string): typeof openTransmitters {
  const [program = "ssh", ...options] = ssh
  const command = remoteCommand(["perl", "-T", "-e", relayProgram])
  const start = () =>
    spawn(program, [...options, ...plainLogin, ...jumpArgs(jump), command], {
      stdio: ["pipe", "pipe", "inherit"],
    })
  return (heard) => {
    let relay: Promise<PingRelay> | undefined
    return {
      async of(family) {
        relay ??= openPingRelay(start)
        try {
          return (await relay).transmitter(family, heard)
        } catch (thrown) {
          throw thrown instanceof Fault
            ? new Fault(thrown.code, `from the jump host ${jump}: ${thrown.message}`, {
                hint: "it needs perl there, and leave to send pings (sysctl net.ipv4.ping_group_range)",
                cause: thrown,
              })
            : thrown
        }
      },
      close() {
        relay?.then(
          (it) => it.close(),
          () => {},
        )
      },
    }
  }
}
