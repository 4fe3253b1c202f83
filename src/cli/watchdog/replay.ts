import { readFileSync } from "node:fs"
import { parseSavefile } from "../../capture/savefile-source.ts"
import { Fault, reasonOf } from "../../errors.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { plainMatcher } from "../../knock/plain-text.ts"
import { createVerifier } from "../../knock/verify.ts"
import { carriedBy } from "../../listener/carried.ts"
import { exitCodeFor } from "../../report/outcome.ts"
import { readSecretFile } from "../../secrets/read-secret-file.ts"
import { decodeCarrier } from "../../wire/carrier-frame.ts"
import type { Terminal } from "../terminal/terminal.ts"
import type { ArmOptions } from "./arm-options.ts"

/**
 * `fw-watchdog --replay FILE`: says of every frame in a savefile what it is to this program, without a network, a
 * session or root. Freshness is left out: it belongs to the moment a knock arrives.
 *
 * @throws Fault `configuration` when the file cannot be read or is no savefile.
 */
export function replay(options: ArmOptions, path: string, terminal: Terminal): number {
  const secrets = options.secretFile === undefined ? [] : readSecretFile(options.secretFile)
  const verify = createVerifier(
    secrets.map((entry) => ({ keys: deriveKeys(entry.secret), host: entry.host })),
  )
  const holdsText = options.plain === "" ? () => false : plainMatcher(options.plain)
  const { linkType, frames } = parseSavefile(readBytes(path), path)
  for (const [index, { bytes }] of frames.entries()) {
    const frame = decodeCarrier(bytes, linkType)
    const verdict = ((): { result: string; detail: string } => {
      const carried = frame.ok ? carriedBy(frame.value, undefined) : frame
      if (!carried.ok)
        return { result: "rejected", detail: `${carried.rejection.stage}/${carried.rejection.reason}` }
      const { carrier, data, frame: heard } = carried.value
      const verified = verify(data)
      if (verified.ok)
        return {
          result: "authentic",
          detail: `${verified.value.request.verb} for ${verified.value.key.host ?? "-"}`,
        }
      if (carrier === "echo" && holdsText(data)) return { result: "plain", detail: `from ${heard.ip.source}` }
      return { result: "rejected", detail: `${verified.rejection.stage}/${verified.rejection.reason}` }
    })()
    if (terminal.json) terminal.object({ event: "frame", frame: index + 1, ...verdict })
    else terminal.result(`frame ${index + 1}: ${verdict.result} ${verdict.detail}`)
  }
  return exitCodeFor("done")
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (thrown) {
    throw new Fault("configuration", `cannot read the savefile "${path}": ${reasonOf(thrown)}`)
  }
}
