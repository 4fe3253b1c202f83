import { programNamed } from "../../firewall/tools/table.ts"

/** Tells whether the program of this name is the legacy one on this machine. */
export type IsLegacy = (name: string) => boolean

/** The table of a program by its own name for it: "ip filter", "legacy ip6 nat". */
export function tableOf(program: string, isLegacy: IsLegacy): (table: string) => string {
  const family = programNamed(program)?.family ?? "ip"
  return (table) => `${isLegacy(program) ? "legacy " : ""}${family} ${table}`
}

/** The chains that a file of iptables-save names, by its chain lines and by its rules. */
export function namedBySave(text: string, tableName: (table: string) => string): Set<string> {
  const named = new Set<string>()
  let table = "filter"
  for (const line of text.split("\n")) {
    table = /^\*(\S+)/.exec(line)?.[1] ?? table
    const chain =
      /^:(\S+)/.exec(line)?.[1] ??
      /^(?:\[\d+:\d+\] )?(?:-[AIDRNXFP]|--(?:append|insert|delete|new-chain|flush|policy)) "?([^\s"-][^\s"]*)/.exec(
        line,
      )?.[1]
    if (chain !== undefined) named.add(`${tableName(table)} ${chain}`)
  }
  return named
}

const family = String.raw`(?:(ip6?|inet|arp|bridge|netdev)\s+)?`
const name = String.raw`"?([\w.$/-]+)"?`

/** The chains that a text for nft names (in a block of their table, in a command), and the tables it deletes or flushes. */
export function namedByNft(text: string): Set<string> {
  const plain = text.replace(/"[^"\n]*"|#.*$/gm, (found) => (found.startsWith("#") ? "" : found))
  const named = new Set<string>()
  const commands = String.raw`\b(?:add|create|insert|replace|delete|destroy|flush|rename)\s+(?:rule|chain)\s+`
  for (const [, of, table, chain] of plain.matchAll(
    new RegExp(`${commands}${family}${name}\\s+${name}`, "g"),
  ))
    named.add(`${of ?? "ip"} ${table} ${chain}`)
  const whole = String.raw`\b(?:delete|destroy|flush)\s+table\s+`
  for (const [, of, table] of plain.matchAll(new RegExp(`${whole}${family}${name}`, "g")))
    named.add(`${of ?? "ip"} ${table}`)
  const blocks = [...plain.matchAll(new RegExp(`\\btable\\s+${family}${name}\\s*\\{`, "g"))]
  for (const [index, block] of blocks.entries()) {
    const body = plain.slice(block.index + block[0].length, blocks[index + 1]?.index)
    for (const [, chain] of body.matchAll(new RegExp(`(?:^|[\\s{;}])chain\\s+${name}\\s*\\{`, "g")))
      named.add(`${block[1] ?? "ip"} ${block[2]} ${chain}`)
  }
  return named
}
