import { join } from "node:path"
import { pause } from "../pause.ts"
import type { Contender } from "./contender.ts"
import { configure, linesIn, notInstalled, restoring } from "./installed.ts"

const ports = [7000, 8000, 9000] as const

/** Port knocking: a secret that anybody on the way can read. */
export const knockd: Contender = {
  name: "knockd",
  setup: "knockd, three UDP ports, one iptables-restore (knockd/knockd.conf); sender knock",
  missing: () => notInstalled("knockd", "knock"),
  async arm(stage) {
    const { lab, iptables } = stage
    const settings = configure("knockd/knockd.conf", join(lab.folder, "knockd.conf"), {
      ...restoring(iptables),
      FOLDER: lab.folder,
    })
    stage.launch(["knockd", ...(stage.onTerminal ? ["--daemon"] : []), "--config", settings])
    await pause(1000)
    return {
      knock: (to) => ["knock", to.includes(":") ? "-6" : "-4", "-u", to, ...ports.map(String)],
      logLines: () => linesIn(join(lab.folder, "knockd.log")),
      // The first port of the sequence: what somebody sends who tries ports.
      forge: () => ({ data: new Uint8Array(1), udpPort: ports[0] }),
    }
  },
}
