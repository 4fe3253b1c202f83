import type { RuleFormat } from "../../apply/input.ts"
import { Fault } from "../../errors.ts"
import { parseDuration } from "../terminal/duration.ts"

/** The options of `fw-apply FILE` as commander hands them over: text, unchecked. */
export interface ApplyOptionTexts {
  readonly check?: boolean
  readonly json?: boolean
  readonly marked?: boolean
  readonly print?: string
  readonly force?: boolean
  readonly from?: string
  readonly to?: string
  readonly confirmWithin: string
  /** False with --no-confirm. */
  readonly confirm: boolean
  readonly replaceAll?: boolean
  readonly detach?: boolean
  readonly format?: string
  readonly family?: string
  readonly save?: boolean
  readonly secretFile?: string
  readonly timeout: string
}

/** The same, checked and typed. Nothing of the machine has been looked at yet. */
export interface ApplyOptions {
  /** A path, or "-" for standard input. */
  readonly file: string
  readonly check: boolean
  readonly json: boolean
  /** For fw-knock, which runs this over ssh: each outcome as an object too, and how to confirm is its business. */
  readonly marked: boolean
  /** A folder, or "-" for standard output. */
  readonly print: string | undefined
  readonly force: boolean
  readonly from: string | undefined
  readonly to: string | undefined
  /** 0 with --no-confirm. */
  readonly withinMs: number
  readonly replaceAll: boolean
  /** Returns when the change is in force, and leaves its confirmation and its end to the guard. */
  readonly detach: boolean
  readonly format: RuleFormat | undefined
  readonly family: "ip" | "ip6" | undefined
  readonly save: boolean
  readonly secretFile: string | undefined
  readonly timeoutMs: number
}

const formats: readonly RuleFormat[] = ["shell", "iptables-save", "ipset-save", "nft"]

/**
 * Checks what was typed, before files or privileges are looked at.
 * @throws Fault `usage` naming the option, the value and what was wanted
 */
export function checkApplyOptions(file: string, texts: ApplyOptionTexts): ApplyOptions {
  const format = formats.find((known) => known === texts.format)
  if (texts.format !== undefined && format === undefined)
    throw new Fault("usage", `--format "${texts.format}" is not known: ${formats.join(", ")} are`)
  if (texts.family !== undefined && !["4", "6"].includes(texts.family))
    throw new Fault("usage", `--family "${texts.family}" is not known: 4 or 6 is wanted`)
  if (texts.print !== undefined && texts.save)
    throw new Fault("usage", "--print applies nothing, so there is nothing for --save to save")
  if (texts.print === "-" && texts.json)
    throw new Fault("usage", "--print - and --json both write to standard output", {
      hint: "give --print a folder",
    })
  const withinMs = parseDuration(texts.confirmWithin, "--confirm-within", { min: 5_000, max: 3_600_000 })
  return {
    file,
    check: texts.check ?? false,
    json: texts.json ?? false,
    marked: texts.marked ?? false,
    print: texts.print,
    force: texts.force ?? false,
    from: texts.from,
    to: texts.to,
    withinMs: texts.confirm ? withinMs : 0,
    replaceAll: texts.replaceAll ?? false,
    detach: texts.detach ?? false,
    format,
    family: texts.family === undefined ? undefined : texts.family === "6" ? "ip6" : "ip",
    save: texts.save ?? false,
    secretFile: texts.secretFile,
    timeoutMs: parseDuration(texts.timeout, "--timeout", { min: 1_000, max: 3_600_000 }),
  }
}
