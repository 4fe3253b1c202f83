import { Pace } from "../../../../client/pace.ts"
import type { Clock } from "../../../../clock.ts"
import { sshWords } from "../../../../ssh/words.ts"
import { nothingConfirmed } from "../../port-check.ts"
import type { Road } from "../../road.ts"
import { openJumpKnocker } from "./jump.ts"
import { openNewConnection } from "./new-connection.ts"

/** The road by jump hosts: pings from the last of them, connections by `ssh -W`. @param jump as ProxyJump has them */
export function openJumpRoad(jump: string, ssh: string, clock: Clock): Road {
  const words = sshWords(ssh)
  // sshd takes ten logins at once that have not said who they are (MaxStartups of sshd_config(5)).
  const logins = new Pace(clock, { window: 8 })
  const open = ([address = ""]: readonly string[], port: number) =>
    logins.run(() => openNewConnection({ address, port, jump, ssh: words }, clock))
  return {
    knocker: openJumpKnocker(words, jump, clock),
    async check(addresses, port) {
      if (port === undefined) return undefined
      const begunMs = clock.bootMs()
      const { speaksSsh, close } = await open(addresses, port)
      close()
      const tookMs = clock.bootMs() - begunMs
      // ssh -W does not tell a refusal from silence.
      return speaksSsh
        ? { port, state: "open", tookMs }
        : { port, state: "filtered", reason: `no sshd speaks through ${jump}`, tookMs }
    },
    async connect(host, addresses, port) {
      const { speaksSsh, close, why } = await open(addresses, port)
      if (speaksSsh) return { destroy: close }
      close()
      throw nothingConfirmed(host, `a new connection to ${host} does not get in: ${why}`)
    },
  }
}
