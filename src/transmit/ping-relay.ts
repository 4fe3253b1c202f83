import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { Fault } from "../errors.ts"
import { readEchoReply, writeEchoRequest } from "./echo-message.ts"
import type { EchoTransmitter, Heard } from "./echo-transmitter.ts"

/*
 * The kernel's unprivileged ping socket (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6, net/ipv4/ping.c; who may open one:
 * net.ipv4.ping_group_range, for both families). Neither Node nor raw-socket can open it on Linux, Perl can, and perl-base
 * is on every Debian. So a child relays: a line in is a message to send, a line out is what became of it, or a reply.
 */
const perlPaths = ["/usr/bin/perl", "/usr/local/bin/perl", "/bin/perl"]

export const relayProgram = `
use strict;
use Socket qw(:DEFAULT :addrinfo AF_INET6);
$| = 1;
use constant { RCVBUF => 8 * 1024 * 1024, A_TURN => 64, DONTWAIT => 0x40 };
my %socket;
for (["4", AF_INET, 1], ["6", AF_INET6, 58]) {
  my ($name, $family, $protocol) = @$_;
  if (socket(my $handle, $family, SOCK_DGRAM, $protocol)) {
    setsockopt($handle, SOL_SOCKET, SO_RCVBUF, RCVBUF);
    $socket{$name} = $handle;
    print "open $name\\n";
  }
  else { print "shut $name $!\\n" }
}
print "ready\\n";
my $out;
sub transmit {
  my ($name, $address, $hex) = split / /, shift;
  return "failed no ping socket of this family" unless $socket{$name};
  my ($error, $found) = getaddrinfo($address, undef, {flags => AI_NUMERICHOST, socktype => SOCK_DGRAM});
  return "failed $error" if $error;
  return defined(send($socket{$name}, pack("H*", $hex), 0, $found->{addr})) ? "sent" : "failed $!";
}
sub heard {
  my ($name) = @_;
  for (1 .. A_TURN) {
    my $from = recv($socket{$name}, my $message, 2048, DONTWAIT) or return;
    my ($error, $address) = getnameinfo($from, NI_NUMERICHOST, NIx_NOSERV);
    $out .= "reply $name $address " . unpack("H*", $message) . "\\n" unless $error;
  }
}
my $pending = "";
while (1) {
  my $readable = "";
  vec($readable, fileno($_), 1) = 1 for \\*STDIN, values %socket;
  next if select($readable, undef, undef, $pending =~ /\\n/ ? 0 : undef) < 0;
  $out = "";
  vec($readable, fileno($socket{$_}), 1) and heard($_) for keys %socket;
  if (vec($readable, fileno(STDIN), 1)) { sysread(STDIN, $pending, 65536, length $pending) or last }
  for (1 .. A_TURN) {
    $pending =~ s/^([^\\n]*)\\n// or last;
    $out .= transmit($1) . "\\n";
  }
  print $out if $out ne "";
}
`

type Family = 4 | 6

/** Ping sockets of both families in one child process. */
export interface PingRelay {
  /** @throws Fault `permission` when the kernel gave no socket of this family */
  transmitter(family: Family, heard: Heard): EchoTransmitter
  close(): void
}

/** @throws Fault `missing` when there is no Perl */
function startHere(): ChildProcess {
  const perl = perlPaths.find((path) => existsSync(path))
  if (perl === undefined)
    throw new Fault("missing", "cannot open a ping socket: that needs perl, which is not here", {
      hint: "install perl, or run as root (sudo)",
    })
  return spawn(perl, ["-T", "-e", relayProgram], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { LC_ALL: "C" },
  })
}

/**
 * Starts the relay and waits until it has its sockets.
 * @param start starts the program, here or on a machine that is nearer to the host; its streams are pipes
 * @throws Fault `permission` when the kernel gives none at all, `missing` when there is no Perl
 */
export async function openPingRelay(start: () => ChildProcess = startHere): Promise<PingRelay> {
  const child = start()
  const relay = new RelayLines(child)
  await relay.ready
  if (relay.families.size === 0) {
    relay.close()
    throw new Fault("permission", `cannot open a ping socket: ${relay.refusal}`)
  }
  return {
    transmitter(family, heard) {
      if (!relay.families.has(family))
        throw new Fault("permission", `cannot open a ping socket for IPv${family}: ${relay.refusal}`)
      relay.heard.set(family, heard)
      return {
        means: "ping",
        send: (address, echo) => relay.send(family, address, writeEchoRequest(family, echo)),
        close: () => relay.heard.delete(family),
      }
    },
    close: () => relay.close(),
  }
}

/** The lines to and from the child. What was sent is answered in order, one line each. */
class RelayLines {
  readonly families = new Set<Family>()
  readonly heard = new Map<Family, Heard>()
  readonly ready: Promise<void>
  refusal = "the relay ended"
  readonly #child: ChildProcess
  readonly #waiting: ((reason: string | undefined) => void)[] = []
  #becomeReady: () => void = () => {}
  #ended = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
    let pending = ""
    child.stdout?.setEncoding("latin1").on("data", (chunk: string) => {
      const lines = (pending + chunk).split("\n")
      pending = lines.pop() ?? ""
      for (const line of lines) this.#take(line)
    })
    child.stdin?.on("error", () => {})
    child.once("error", () => this.#end())
    child.once("close", () => this.#end())
  }

  send(family: Family, address: string, message: Uint8Array): Promise<string | undefined> {
    if (this.#ended) return Promise.resolve("the relay ended")
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write(`${family} ${address} ${Buffer.from(message).toString("hex")}\n`)
    })
  }

  close(): void {
    this.#child.stdin?.end()
    this.#child.kill()
    this.#end()
  }

  #take(line: string): void {
    const [word, ...rest] = line.split(" ")
    const family = rest[0] === "6" ? 6 : 4
    if (word === "open") this.families.add(family)
    else if (word === "shut") this.refusal = rest.slice(1).join(" ")
    else if (word === "ready") this.#becomeReady()
    else if (word === "sent") this.#waiting.shift()?.(undefined)
    else if (word === "failed") this.#waiting.shift()?.(rest.join(" "))
    else if (word === "reply") this.#reply(family, rest[1] ?? "", Buffer.from(rest[2] ?? "", "hex"))
  }

  #reply(family: Family, from: string, message: Uint8Array): void {
    const reply = readEchoReply(family, message)
    if (reply !== undefined) this.heard.get(family)?.reply({ address: from.replace(/%.*$/, ""), ...reply })
  }

  #end(): void {
    this.#ended = true
    this.#becomeReady()
    for (const resolve of this.#waiting.splice(0)) resolve("the relay ended")
  }
}
