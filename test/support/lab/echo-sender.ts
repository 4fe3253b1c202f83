import { fileURLToPath } from "node:url"
import type { Host } from "./lab.ts"

const program = fileURLToPath(new URL("./send-echo.py", import.meta.url))

/** One ICMP echo message to send as it is. */
export interface RawEcho {
  readonly data: Uint8Array
  readonly kind?: "request" | "reply"
  readonly sequence?: number
}

/** Sends echo messages from `host` to an IPv4 address, with exactly these data, as fast as a raw socket takes them. */
export function sendEchoes(host: Host, address: string, echoes: readonly RawEcho[]): void {
  const lines = echoes.map(
    (echo, index) =>
      `${address} ${echo.kind ?? "request"} ${echo.sequence ?? index + 1} ${Buffer.from(echo.data).toString("hex")}\n`,
  )
  host.run(["/usr/bin/python3", program], { input: lines.join("") })
}
