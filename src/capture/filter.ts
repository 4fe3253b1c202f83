/** The echo requests that a capture has to hear. */
export interface EchoFilter {
  /** The 8-byte request tags of the secrets (and of the canary). */
  readonly tags: readonly Uint8Array[]
  /** With `--plain` every echo request is heard: the kernel cannot search for a text. */
  readonly plain: boolean
}

const word = (bytes: Uint8Array, at: number): string =>
  `0x${Array.from(bytes.subarray(at, at + 4), (byte) => byte.toString(16).padStart(2, "0")).join("")}`

/**
 * The BPF program, as pcap-filter(7) text, that lets only what matters out of the kernel: echo requests (RFC 792 type
 * 8, RFC 4443 type 128) whose data begins with one of the tags. `icmp[8:4]` follows IPv4 options; `ip6[48:4]` is the
 * same place when no extension header is present, which libpcap's `icmp6` demands anyway.
 *
 * @param wanted tags of exactly 8 bytes each; no tag and not plain gives a filter that matches nothing.
 */
export function filterText(wanted: EchoFilter): string {
  if (wanted.plain) return "(icmp[icmptype] == icmp-echo) or (icmp6 and ip6[40] == 128)"
  if (wanted.tags.length === 0) return "less 1"
  const any = (clauses: string[]): string => clauses.map((clause) => `(${clause})`).join(" or ")
  const v4 = any(wanted.tags.map((tag) => `icmp[8:4] == ${word(tag, 0)} and icmp[12:4] == ${word(tag, 4)}`))
  const v6 = any(wanted.tags.map((tag) => `ip6[48:4] == ${word(tag, 0)} and ip6[52:4] == ${word(tag, 4)}`))
  return `(icmp[icmptype] == icmp-echo and (${v4})) or (icmp6 and ip6[40] == 128 and (${v6}))`
}

/** More own addresses than this make a filter that is slower than hearing all neighbour discovery. */
const mostOwnAddresses = 32

/**
 * The BPF program for questions about this host's link addresses and for the kernel's answers to them: ARP (RFC 826)
 * and neighbour discovery (RFC 4861) whose target, or sender of an answer, is one of `own`. For Ethernet devices only.
 *
 * @param own addresses of this host, 4 or 16 bytes each
 */
export function neighbourFilterText(own: readonly Uint8Array[]): string {
  if (own.length > mostOwnAddresses) return "arp or (icmp6 and (ip6[40] == 135 or ip6[40] == 136))"
  const clauses = own.map((address) => {
    if (address.length === 4)
      return `(arp and ((arp[6:2] == 1 and arp[24:4] == ${word(address, 0)}) or (arp[6:2] == 2 and arp[14:4] == ${word(address, 0)})))`
    const target = [0, 4, 8, 12].map((at) => `ip6[${48 + at}:4] == ${word(address, at)}`).join(" and ")
    return `(icmp6 and (ip6[40] == 135 or ip6[40] == 136) and ${target})`
  })
  return clauses.length === 0 ? "less 1" : clauses.join(" or ")
}
