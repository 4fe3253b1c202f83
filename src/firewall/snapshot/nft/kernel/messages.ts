/** NLMSG_ERROR, NLMSG_DONE; NLM_F_DUMP_INTR: something changed in the middle of a dump (uapi/linux/netlink.h). */
const [errorType, interruptedFlag] = [2, 0x10]
/** NFNL_SUBSYS_NFTABLES, and the message types (uapi/linux/netfilter/nf_tables.h). */
const subsystem = 10
export const messageTypes = { table: 0, chain: 3, rule: 6, set: 9, elements: 12, object: 18, flowtable: 22 }

/** A part of a dump, from its first byte to behind its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A netlink attribute (uapi/linux/netlink.h, struct nlattr); the span is that of its value. */
export interface Attribute extends Span {
  readonly type: number
}

/** A message of nf_tables about one of its things. */
export interface Message extends Span {
  /** As in {@link messageTypes}. */
  readonly type: number
  /** NFPROTO_*. */
  readonly family: number
  /** Where its attributes begin. */
  readonly attributes: number
  /** The low half of the number of the latest commit (nft_base_seq), in the machine's order of bytes. */
  readonly generation: number
}

/** A dump, taken apart. */
export interface Dump {
  readonly messages: readonly Message[]
  /** The number of the commit that it shows, 0 where there is nothing to be shown; undefined where it is not of one moment. */
  readonly generation: number | undefined
}

/** Takes a dump apart (RFC 3549 section 2.3.2). A message that is cut off ends it. */
export function parseDump(dump: Buffer): Dump {
  const messages: Message[] = []
  let whole = true
  for (let from = 0; from + 16 <= dump.length; ) {
    const length = dump.readUInt32LE(from)
    const [kind, flags] = [dump.readUInt16LE(from + 4), dump.readUInt16LE(from + 6)]
    if (length < 16 || from + length > dump.length) return { messages, generation: undefined }
    if ((flags & interruptedFlag) !== 0) whole = false
    if (kind === errorType && length >= 20 && dump.readInt32LE(from + 16) !== 0) whole = false
    if (kind >> 8 === subsystem && length >= 20)
      messages.push({
        from,
        to: from + length,
        type: kind & 0xff,
        family: dump.readUInt8(from + 16),
        attributes: from + 20,
        generation: dump.readUInt16LE(from + 18),
      })
    from += (length + 3) & ~3
  }
  const [first] = messages
  const isOne = whole && messages.every(({ generation }) => generation === first?.generation)
  return { messages, generation: isOne ? (first?.generation ?? 0) : undefined }
}

/** The attributes that lie between two places; one that is cut off ends them. */
export function attributesOf(dump: Buffer, from: number, to: number): Attribute[] {
  const found: Attribute[] = []
  for (let at = from; at + 4 <= to; ) {
    const length = dump.readUInt16LE(at)
    if (length < 4 || at + length > to) break
    // NLA_F_NESTED, NLA_F_NET_BYTEORDER
    found.push({ type: dump.readUInt16LE(at + 2) & 0x3fff, from: at + 4, to: at + length })
    at += (length + 3) & ~3
  }
  return found
}

/** A string that ends with a zero byte, or with its attribute. */
export function textOf(dump: Buffer, { from, to }: Span): string {
  const end = dump.indexOf(0, from)
  return dump.toString("utf8", from, end < 0 || end > to ? to : end)
}
