import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parseSavefile, type Savefile } from "../../src/capture/savefile-source.ts"
import { decodeFrame, type EchoFrame, encodeFrame } from "../../src/wire/frame.ts"
import { hasGoodChecksum } from "./echo-checksum.ts"

// What scapy built (test/captures/make.py), and what has to be said of it (test/captures/expected.tsv).

const folder = new URL("../captures/", import.meta.url)

interface Row {
  readonly file: string
  readonly number: number
  readonly what: string
  readonly verdict: string
}

const rows: Row[] = readFileSync(new URL("expected.tsv", folder), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => {
    const [file = "", number = "", what = "", verdict = ""] = line.split("\t")
    return { file, number: Number(number), what, verdict }
  })

const saved = new Map<string, Savefile>()
for (const { file } of rows)
  if (!saved.has(file)) saved.set(file, parseSavefile(readFileSync(new URL(file, folder)), file))

function describeFrame(frame: EchoFrame): string {
  const { link, ip, echo, trailer } = frame
  const words = [echo.kind, ip.source, ">", ip.destination]
  words.push("id", `${echo.identifier}`, "seq", `${echo.sequence}`, "data", `${echo.data.length}`)
  if (link.vlanTags.length > 0) words.push("vlan", link.vlanTags.map((tag) => tag.tci & 0xfff).join(","))
  if (trailer.length > 0) words.push("trailer", `${trailer.length}`)
  if (!hasGoodChecksum(frame)) words.push("bad-checksum")
  return words.join(" ")
}

describe.each([...saved])("%s", (file, { linkType, frames }) => {
  const expected = rows.filter((row) => row.file === file)

  it("has one packet for each line of the table", () => {
    expect(expected.map((row) => row.number)).toEqual(frames.map((_, index) => index + 1))
  })

  it.each(expected)("$number: $what", ({ number, verdict }) => {
    const bytes = frames[number - 1]?.bytes ?? new Uint8Array(0)
    const result = decodeFrame(bytes, linkType)
    if (!result.ok) return expect(`${result.rejection.stage}/${result.rejection.reason}`).toBe(verdict)
    expect(describeFrame(result.value)).toBe(verdict)
    expect(encodeFrame(result.value)).toEqual(Uint8Array.from(bytes))
  })
})
