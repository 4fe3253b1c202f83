import { readFileSync, statSync } from "node:fs"
import { basename } from "node:path"
import { Fault, reasonOf } from "../errors.ts"
import { isIpFamily, programNamed } from "../firewall/tools/table.ts"

/** The kinds of input; see {@link formatOf}. */
export type RuleFormat = "shell" | "iptables-save" | "ipset-save" | "nft"

/** Rules as the operator handed them over. */
export interface RuleInput {
  /** The path as given, or "standard input". */
  readonly name: string
  readonly text: string
  readonly format: RuleFormat
  /** Of a file of iptables-save, where the operator has said it. */
  readonly family?: "ip" | "ip6"
}

/** 100 000 rules are 10 MB; more than this is some other file. */
const largestBytes = 64 * 1024 * 1024

/**
 * Reads rules from a file, or from standard input for "-".
 * @param format of what kind they are; found by content unless told
 * @param family of a file of iptables-save; found by content unless told
 * @throws Fault `usage` when there is nothing to read there, or when it is no text
 */
export function readRuleInput(
  path: string,
  format: RuleFormat | undefined,
  family?: "ip" | "ip6",
): RuleInput {
  const name = path === "-" ? "standard input" : path
  const bytes = readBytes(path, name)
  if (bytes.length > largestBytes)
    throw unusable(name, `${bytes.length} bytes, at most ${largestBytes} wanted`, "is it the right file?")
  if (bytes.includes(0)) throw unusable(name, "it holds NUL bytes", "text is wanted: is it the right file?")
  const text = bytes.toString("utf8")
  if (!Buffer.from(text).equals(bytes))
    throw unusable(name, "it is not UTF-8 text", "convert it, for example with iconv(1)")
  if (text.includes("\r\n"))
    throw unusable(
      name,
      "its lines end as those of Windows do (CRLF)",
      "convert it: dos2unix, or sed -i 's/\\r$//'",
    )
  if (text.trim() === "")
    throw unusable(name, "it is empty", "to remove all rules, say so: `nft flush ruleset`")
  return { name, text, format: format ?? formatOf(text), ...(family === undefined ? {} : { family }) }
}

function readBytes(path: string, name: string): Buffer {
  try {
    const stat = path === "-" ? undefined : statSync(path)
    if (stat?.isDirectory()) throw unusable(name, "it is a directory", "name a file in it")
    if ((stat?.size ?? 0) > largestBytes)
      throw unusable(name, `${stat?.size} bytes, at most ${largestBytes} wanted`, "is it the right file?")
    return readFileSync(path === "-" ? 0 : path)
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    const missing = (thrown as NodeJS.ErrnoException).code === "ENOENT"
    throw unusable(name, missing ? "there is no such file" : reasonOf(thrown), "look at the path")
  }
}

function unusable(name: string, why: string, hint: string): Fault {
  return new Fault("usage", `cannot take rules from ${name}: ${why}`, { hint })
}

/**
 * The format of a text, by its first line that is neither blank nor a comment: a table of iptables-save (`*filter`), the making
 * of a set (`create NAME hash:ip`), a statement of nft(8), or else a shell script. An interpreter line decides where there is one.
 */
export function formatOf(text: string): RuleFormat {
  const interpreter = /^#!\s*(\S+)(?:\s+(\S+))?/.exec(text)
  if (interpreter !== null) {
    const program = /\/env$/.test(interpreter[1] ?? "") ? interpreter[2] : interpreter[1]
    const name = basename(program ?? "")
    if (name === "nft") return "nft"
    const tool = programNamed(name)
    return tool?.kind === "restore" && isIpFamily(tool.family) ? "iptables-save" : "shell"
  }
  const first = text
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "" && !line.startsWith("#"))
  if (first === undefined) return "shell"
  if (/^\*\w+$/.test(first)) return "iptables-save"
  if (ipsetStatement.test(first)) return "ipset-save"
  return nftStatement.test(first) ? "nft" : "shell"
}

/** ipset(8): what `ipset save` begins with, and people write by hand. */
const ipsetStatement = /^(create|-N|--create|n)\s+(\S+|"[^"]*")\s+(bitmap|hash|list):\S/

/** nft(8): what a file for `nft -f` can begin with. No shell has commands of these names with these words behind them. */
const nftStatement =
  /^(table\s+((ip6?|inet|arp|bridge|netdev)\s+)?[\w/"$.-]+\s*(\{|;|$)|(add|create|insert|delete|destroy|flush|reset|replace)\s+(ruleset|tables?|chain|rule|set|map|element|flowtable|counter|quota|limit|ct|synproxy|secmark)\b|define\s+\w+\s*=|redefine\s+\w+\s*=|undefine\s+\w+|include\s+["'])/
