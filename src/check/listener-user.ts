import type { Finding } from "./finding.ts"

/**
 * The listener's isolation, by the user that it becomes. A knock opens all the same where that is nobody, so this is a note: who
 * runs as nobody too, as web servers and NFS do on some machines, can send it signals.
 */
export function listenerUserFinding(name: string): Finding[] {
  if (name === "fw-watchdog") return []
  return [
    {
      level: "note",
      subject: "listener-user",
      message: `the listener runs as ${name}, a user that it shares with whoever else runs as that: they can end it`,
      advice:
        "a user of its own, as the Debian package makes it: `useradd --system --no-create-home --shell /usr/sbin/nologin fw-watchdog`",
    },
  ]
}
