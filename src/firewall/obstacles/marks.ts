import { shownRule, type TableRules, withoutQuotes } from "./rule-texts.ts"

/** A mark that a rule gives to packets. */
export interface MarkRule {
  /** The bits that it sets and those that it clears; undefined where the value is not in the rule (a connection's mark, a map). */
  readonly bits: { readonly set: number; readonly known: number } | undefined
  readonly where: string
}

const wholeMark = 0xffff_ffff

/** The rules that mark packets: iptables-extensions(8), MARK, CONNMARK and TPROXY; nft(8), META and TPROXY. */
export function markRules(tables: readonly TableRules[]): MarkRule[] {
  return tables.flatMap(({ where, dialect, chains }) =>
    chains.flatMap(({ name, rules }) =>
      rules.flatMap((rule) => {
        const bare = withoutQuotes(rule)
        const bits = dialect === "iptables" ? iptablesMark(bare) : nftMark(bare)
        return bits === undefined
          ? []
          : [{ bits: bits === "unknown" ? undefined : bits, where: `${where} ${name}: ${shownRule(rule)}` }]
      }),
    ),
  )
}

type Bits = NonNullable<MarkRule["bits"]> | "unknown" | undefined

function iptablesMark(rule: string): Bits {
  if (/ -j CONNMARK --restore-mark/.test(` ${rule}`)) return "unknown"
  const [, value, mask] =
    / -j (?:MARK --set-x?mark|TPROXY .*--tproxy-mark) (0x[0-9a-f]+)(?:\/(0x[0-9a-f]+))?/i.exec(` ${rule}`) ??
    []
  if (value === undefined) return undefined
  return { set: Number(value), known: (Number(mask ?? wholeMark) | Number(value)) >>> 0 }
}

function nftMark(rule: string): Bits {
  const [, value] = /\b(?:meta )?mark set (.*)$/.exec(rule) ?? []
  if (value === undefined || /\bct mark set [^;]*$/.test(rule)) return undefined
  const [, plain] = /^(0x[0-9a-f]+|\d+)(?: |$)/i.exec(value) ?? []
  if (plain !== undefined) return { set: Number(plain), known: wholeMark }
  const [, kept = "0xffffffff", or = "0"] =
    /^(?:meta )?mark(?: & (0x[0-9a-f]+))?(?: [|^] (0x[0-9a-f]+))?(?: |$)/i.exec(value) ?? []
  if (!/^(?:meta )?mark( |$)/.test(value)) return "unknown"
  return { set: Number(or), known: (~Number(kept) | Number(or)) >>> 0 }
}

/** The first rule that can give a packet a mark which a policy rule asks for; bits that no rule names may be anything. */
export function markerOf(rules: readonly MarkRule[], mark: number, mask: number): MarkRule | undefined {
  return rules.find(({ bits }) => {
    if (bits === undefined) return true
    const differs = (bits.set ^ mark) & mask & bits.known
    return differs === 0 && (bits.set & mask & mark) !== 0
  })
}
