import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { pause } from "../pause.ts"
import { serverAddress, serverAddress6 } from "../stage.ts"
import type { Contender } from "./contender.ts"
import { configure, linesIn, notInstalled, restoring } from "./installed.ts"

/** Where fwknopd expects its datagrams (its default). */
const port = 62_201
/** As many random bytes as make one of its datagrams here, 204 letters and digits of base64. */
const forgedBytes = 153

/** Single packet authorization, with a key and an HMAC. */
export const fwknop: Contender = {
  name: "fwknop",
  setup: "fwknopd, HMAC, a command cycle of one iptables-restore (fwknop/*.conf); sender fwknop",
  missing: () => notInstalled("fwknopd", "fwknop"),
  async arm(stage) {
    const { lab, iptables } = stage
    const values = {
      ...restoring(iptables),
      FOLDER: lab.folder,
      KEY: randomBytes(32).toString("base64"),
      HMAC_KEY: randomBytes(64).toString("base64"),
    }
    const file = (name: string): string => join(lab.folder, name)
    const settings = configure("fwknop/fwknopd.conf", file("fwknopd.conf"), values)
    const access = configure("fwknop/access.conf", file("access.conf"), values)
    const log = stage.launch([
      "fwknopd",
      // In the background it writes to syslog, in the foreground to standard error.
      ...(stage.onTerminal ? [] : ["--foreground"]),
      "--config",
      settings,
      "--access-file",
      access,
      "--pid-file",
      file("fwknopd.pid"),
      "--digest-file",
      file("digest.cache"),
    ])
    await pause(1500)
    const senders = new Map(
      [serverAddress, serverAddress6].map((to, at) => [
        to,
        configure("fwknop/fwknoprc", file(`fwknoprc-${at}`), { ...values, SERVER: to }),
      ]),
    )
    return {
      knock: (to) => ["fwknop", "--rc-file", senders.get(to) ?? "", "--named-config", "server"],
      logLines: () => linesIn(log),
      forge: () => ({ data: Buffer.from(randomBytes(forgedBytes).toString("base64")), udpPort: port }),
    }
  },
}
