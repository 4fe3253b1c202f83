import { endianness } from "node:os"
import { findProgram } from "../../../../system/process/find-program.ts"
import type { SnapshotDeps } from "../../reading.ts"

/**
 * Every dump that nf_tables has (uapi/linux/netfilter/nf_tables.h): tables, chains, rules, sets, objects, flowtables, then the
 * elements of each set. The answers are printed as they come, errors included. nf_tables has no file in /proc, and
 * Node no netlink sockets; perl is on every Debian.
 */
const program = `
use strict; my ($socket, $read, @sets);
socket($socket, 16, 3, 12) or die qq(netlink: $!\\n);
sub ask {
  my ($type, $family, $more, $sets) = @_;
  my $body = pack("C C n", $family, 0, 0) . $more;
  defined(send($socket, pack("L S S L L", 16 + length($body), 0x0a00 | $type, 0x301, 1, 0) . $body, 0)) or die qq(netlink: $!\\n);
  for (;;) {
    defined(recv($socket, $read, 65536, 0)) or die qq(netlink: $!\\n);
    print $read;
    for (my $at = 0; $at + 16 <= length($read);) {
      my ($length, $kind) = unpack("L S", substr($read, $at, 6));
      return if $kind == 2 || $kind == 3;
      push @$sets, substr($read, $at + 16, $length - 16) if $sets;
      $at += ($length + 3) & ~3;
    }
  }
}
printf "%d\\n", (stat "/proc/self/ns/net")[1];
ask(1, 0, "");
exit if shift eq "tables";
ask($_, 0, "") for 4, 7, 19, 23;
ask(10, 0, "", \\@sets);
for my $set (@sets) {
  my ($more, $at) = ("", 4);
  while ($at + 4 <= length($set)) {
    my ($size, $attribute) = unpack("S S", substr($set, $at, 4));
    my $whole = ($size + 3) & ~3;
    $more .= substr($set, $at, $whole) if $attribute == 1 || $attribute == 2;
    $at += $whole;
  }
  ask(13, unpack("C", $set), $more);
}
`

/** An answer of the kernel. */
export interface KernelDump {
  /** The inode of the network namespace. */
  readonly namespace: string
  /** Netlink messages back to back (RFC 3549), little-endian. */
  readonly messages: Buffer
}

/**
 * Asks the kernel for everything that nf_tables holds in the network namespace that `run` works in, without any of the tools that list
 * rules: those crash, hang, and print nothing with exit code 0.
 * @param what `tables`: these alone, without anything that is in them
 * @returns undefined where the kernel cannot be asked
 */
export async function dumpKernel(
  { run }: Pick<SnapshotDeps, "run">,
  what: "everything" | "tables",
): Promise<KernelDump | undefined> {
  const perl = findProgram("perl")
  // They are read as little-endian (amd64, arm64).
  if (perl === undefined || endianness() !== "LE") return undefined
  const asked = await run({ path: perl, args: ["-e", program, what], bulky: true, binary: true })
  if (!asked.ok) return undefined
  const end = asked.stdout.indexOf("\n")
  return {
    namespace: asked.stdout.slice(0, end),
    messages: Buffer.from(asked.stdout.slice(end + 1), "latin1"),
  }
}
