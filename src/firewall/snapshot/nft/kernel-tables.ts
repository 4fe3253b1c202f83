import { findProgram } from "../../../system/process/find-program.ts"
import type { SnapshotDeps } from "../reading.ts"

/** A table of nf_tables as the kernel itself names it: all that is known of it where no tool can list it. */
export interface KernelTable {
  readonly family: string
  readonly name: string
  /** Its hooks are switched off (NFT_TABLE_F_DORMANT). */
  readonly dormant: boolean
  /** A process owns it (NFT_TABLE_F_OWNER). */
  readonly owned: boolean
}

/** NFPROTO_*, uapi/linux/netfilter.h. */
const familyNames: Readonly<Record<string, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
}

/**
 * NFT_MSG_GETTABLE as a dump (uapi/linux/netfilter/nf_tables.h): a line a table, `FAMILY FLAGS NAME`. nf_tables has no file in
 * /proc, and Node no netlink sockets; perl is on every Debian.
 */
const program = `
use strict; my ($socket, $read);
socket($socket, 16, 3, 12) or die qq(netlink: $!\\n);
defined(send($socket, pack("L S S L L C C n", 20, 0x0a01, 0x301, 1, 0, 0, 0, 0), 0)) or die qq(netlink: $!\\n);
for (;;) {
  defined(recv($socket, $read, 65536, 0)) or die qq(netlink: $!\\n);
  while (length($read) >= 16) {
    my ($length, $type) = unpack("L S", $read);
    my $rest = substr($read, 16, $length - 16);
    $read = substr($read, ($length + 3) & ~3);
    exit 0 if $type == 3;
    if ($type == 2) { $! = -unpack("l", $rest); die qq(nf_tables: $!\\n) if $!; next }
    my ($family, $name, $flags) = (unpack("C", $rest), "", 0);
    $rest = substr($rest, 4);
    while (length($rest) >= 4) {
      my ($size, $attribute) = unpack("S S", $rest);
      my $value = substr($rest, 4, $size - 4);
      $rest = substr($rest, ($size + 3) & ~3);
      $name = unpack("Z*", $value) if $attribute == 1;
      $flags = unpack("N", $value) if $attribute == 2;
    }
    print "$family $flags $name\\n";
  }
}
`

/**
 * Asks the kernel for its tables, without any of the tools that list rules: those crash, hang, and print nothing with exit
 * code 0. Undefined when it cannot be asked.
 */
export async function readKernelTables({ run }: SnapshotDeps): Promise<KernelTable[] | undefined> {
  const perl = findProgram("perl")
  if (perl === undefined) return undefined
  const asked = await run({ path: perl, args: ["-e", program] })
  if (!asked.ok) return undefined
  return asked.stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [family = "", flags = "0", name = ""] = line.split(" ")
      const bits = Number(flags)
      return {
        family: familyNames[family] ?? family,
        name,
        dormant: (bits & 1) !== 0,
        owned: (bits & 2) !== 0,
      }
    })
}
