import type { Session } from "../session.ts"
import type { ControlHandler } from "./commands.ts"

/**
 * What each command on the control socket does to the session.
 * @param session the session, undefined while it is being armed
 * @param watchers takes the viewers, each a function that an event is given to
 */
export function controlHandler(
  session: () => Session | undefined,
  watchers: Set<(value: unknown) => void>,
): ControlHandler {
  return {
    handle(command, reply, closed) {
      const current = session()
      if (current === undefined) return reply({ error: "still arming" })
      switch (command.command) {
        case "disarm":
          return reply({
            outcome: current.end("disarmed", `disarmed by ${command.by}; ${leftBehind(current)}`),
          })
        case "extend":
          return reply({ outcome: current.extend(command.byMs) })
        case "undo":
          return void current.undo().then((outcome) => reply({ outcome }))
        case "apply":
          return void current.apply(command.order).then((outcome) => reply({ outcome }))
        case "confirm":
          return reply({ outcome: current.change?.confirm(command.pid) })
        case "rollback":
          return void current.change
            ?.rollBack(`rolled back by ${command.by}`)
            .then((outcome) => reply({ outcome }))
        case "status":
          return reply(current.status())
        case "watch":
          reply(current.status())
          watchers.add(reply)
          closed(() => watchers.delete(reply))
      }
    },
  }
}

/** What a session that is disarmed now leaves in force. */
function leftBehind(session: Session): string {
  return session.status().change === undefined
    ? "the firewall stays as it is"
    : "the change that waits for its confirmation goes back"
}
