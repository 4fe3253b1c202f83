import { spawn } from "node:child_process"
import { type Knocker, openKnocker } from "../../../../client/knocker.ts"
import { randomBytes } from "../../../../client/random.ts"
import type { Clock } from "../../../../clock.ts"
import { Fault } from "../../../../errors.ts"
import { parseTarget } from "../../../../secrets/target.ts"
import { destinationArgs, destinationOf } from "../../../../ssh/config.ts"
import { privateLogin } from "../../../../ssh/private-login.ts"
import { remoteCommand } from "../../../../ssh/words.ts"
import type { openTransmitters } from "../../../../transmit/open-transmitters.ts"
import { openRelay, type Relay, relayProgram } from "../../../../transmit/relay.ts"

/** The arguments of ssh for the last of these jump hosts, through those in front of it. @param jump as ProxyJump has them */
export function jumpArgs(jump: string): string[] {
  const hosts = jump.split(",")
  const last = parseTarget((hosts.pop() ?? "").trim().replace(/^ssh:\/\//, ""))
  const through = hosts.length === 0 ? [] : ["-J", hosts.join(",")]
  return [...privateLogin, ...through, ...destinationArgs(destinationOf(last))]
}

/** A knocker whose pings leave from the last of these jump hosts. */
export function openJumpKnocker(ssh: readonly string[], jump: string, clock: Clock): Knocker {
  return openKnocker({ clock, random: randomBytes, open: transmittersBy(ssh, jump) })
}

/** Sends pings by the relay there, a few lines of Perl without any key or secret. */
function transmittersBy(ssh: readonly string[], jump: string): typeof openTransmitters {
  const [program = "ssh", ...options] = ssh
  const command = remoteCommand(["perl", "-T", "-e", relayProgram])
  const start = () =>
    spawn(program, [...options, "-T", ...jumpArgs(jump), command], {
      stdio: ["pipe", "pipe", "inherit"],
    })
  return (heard) => {
    let relay: Promise<Relay> | undefined
    return {
      async of(family, port) {
        relay ??= openRelay(start)
        try {
          return (await relay).transmitter(family, port, heard)
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
