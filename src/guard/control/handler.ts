import type { ReadConnections } from "../../system/network/tcp-connections.ts"
import type { Runtime } from "../runtime/runtime.ts"
import type { ControlHandler } from "./commands.ts"
import { loginOf, processesOfThisMachine } from "./login.ts"

/**
 * Takes each command on the control socket to the session.
 * @param session the session, undefined while it is being armed
 * @param watchers takes the viewers, each a function that an event is given to
 */
export function controlHandler(
  session: () => Pick<Runtime, "status" | "command"> | undefined,
  watchers: Set<(value: unknown) => void>,
  connections: ReadConnections,
): ControlHandler {
  return {
    handle(command, reply, closed) {
      const current = session()
      if (current === undefined) return reply({ error: "still arming" })
      switch (command.command) {
        case "status":
          return reply(current.status())
        case "watch":
          reply(current.status())
          watchers.add(reply)
          return closed(() => watchers.delete(reply))
        case "confirm": {
          const standing = connections()
          const login = loginOf(command.pid, standing, processesOfThisMachine)
          return current.command({ command: "confirm", login, connections: standing }, (outcome) =>
            reply({ outcome }),
          )
        }
        case "undo":
        case "extend":
        case "disarm":
        case "apply":
        case "rollback":
        case "add-secret":
        case "revoke-secret":
          return current.command(command, (outcome) => reply({ outcome }))
      }
    },
  }
}
