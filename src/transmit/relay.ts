import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { Fault } from "../errors.ts"
import { signalChild } from "../signal-child.ts"
import { kernelAddress } from "../wire/address.ts"
import { readEchoReply, writeEchoRequest } from "./echo-message.ts"
import type { Heard, Transmitter } from "./transmitter.ts"

/*
 * The kernel's unprivileged ping socket (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6, net/ipv4/ping.c; who may open one:
 * net.ipv4.ping_group_range, for both families), and connections whose SYN has data (MSG_FASTOPEN with TCP_FASTOPEN_NO_COOKIE,
 * linux/tcp.h; anybody may). Neither Node nor raw-socket can open them on Linux, Perl can, and perl-base is on every Debian. So
 * a child relays: a line in is a message to send, a line out is what became of it, or what was heard.
 *
 *     4 ADDRESS HEX                 an echo request            ->  sent | failed REASON
 *     t4 ADDRESS PORT NUMBER HEX    a SYN with this data       ->  sent | failed REASON
 *     reply 4 ADDRESS HEX           an ICMP message that came in
 *     heard t4 ADDRESS PORT NUMBER HEX    what a connection says, behind the last 127 bytes before
 *     end t4 ADDRESS PORT           resets the connections to it
 */
const perlPaths = ["/usr/bin/perl", "/usr/local/bin/perl", "/bin/perl"]

export const relayProgram = `
use strict;
use Socket qw(:DEFAULT :addrinfo AF_INET6);
$| = 1;
use constant { RCVBUF => 8 * 1024 * 1024, A_TURN => 64, DONTWAIT => 0x40, FASTOPEN => 0x20000000, NO_COOKIE => 34 };
use constant { CONNECTIONS => 900, LONGEST => 4096 };
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
my ($out, @connections);
sub place {
  my ($address, $type, $port) = @_;
  my ($error, $found) = getaddrinfo($address, $port, {flags => AI_NUMERICHOST, socktype => $type});
  return ($error ? "$error" : undef, $found);
}
sub transmit {
  my ($name, $address, @rest) = split / /, shift;
  return start($name, $address, @rest) if $name =~ /^t/;
  return "failed no ping socket of this family" unless $socket{$name};
  my ($error, $found) = place($address, SOCK_DGRAM);
  return "failed $error" if $error;
  return defined(send($socket{$name}, pack("H*", $rest[0]), 0, $found->{addr})) ? "sent" : "failed $!";
}
sub start {
  my ($name, $address, $port, $number, $hex) = @_;
  my ($error, $found) = place($address, SOCK_STREAM, $port);
  return "failed $error" if $error;
  socket(my $handle, $found->{family}, SOCK_STREAM, 6) or return "failed $!";
  setsockopt($handle, 6, NO_COOKIE, 1) or return "failed $!";
  setsockopt($handle, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
  defined(send($handle, pack("H*", $hex), FASTOPEN | DONTWAIT, $found->{addr})) or return "failed $!";
  push @connections, {handle => $handle, name => "$name $address $port $number", tail => "", said => 0};
  shift @connections if @connections > CONNECTIONS;
  return "sent";
}
sub listen_to {
  my ($connection) = @_;
  my $from = recv($connection->{handle}, my $bytes, 2048, DONTWAIT);
  return 0 unless defined $from && length $bytes;
  my $text = $connection->{tail} . $bytes;
  $out .= "heard $connection->{name} " . unpack("H*", $text) . "\\n";
  $connection->{tail} = length $text > 127 ? substr($text, -127) : $text;
  return ($connection->{said} += length $bytes) < LONGEST;
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
  vec($readable, fileno($_), 1) = 1 for \\*STDIN, values %socket, map { $_->{handle} } @connections;
  next if select($readable, undef, undef, $pending =~ /\\n/ ? 0 : undef) < 0;
  $out = "";
  vec($readable, fileno($socket{$_}), 1) and heard($_) for keys %socket;
  @connections = grep { !vec($readable, fileno($_->{handle}), 1) || listen_to($_) } @connections;
  if (vec($readable, fileno(STDIN), 1)) { sysread(STDIN, $pending, 65536, length $pending) or last }
  for (1 .. A_TURN) {
    $pending =~ s/^([^\\n]*)\\n// or last;
    my $line = $1;
    if ($line =~ s/^end //) { @connections = grep { index($_->{name}, "$line ") != 0 } @connections }
    else { $out .= transmit($line) . "\\n" }
  }
  print $out if $out ne "";
}
`

type Family = 4 | 6

/** The sockets of an ordinary user, all in one child process. */
export interface Relay {
  /**
   * @param port of TCP for connections; without it ping sockets send
   * @throws Fault `permission` when the kernel gave no ping socket of this family
   */
  transmitter(family: Family, port: number | undefined, heard: Heard): Transmitter
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
 * @throws Fault `permission` when it did not start, `missing` when there is no Perl
 */
export async function openRelay(start: () => ChildProcess = startHere): Promise<Relay> {
  const child = start()
  const relay = new RelayLines(child)
  await relay.ready
  if (relay.ended) throw new Fault("permission", `cannot open a ping socket: ${relay.refusal}`)
  return {
    transmitter(family, port, heard) {
      if (port !== undefined) return connections(relay, family, port, heard)
      if (!relay.families.has(family))
        throw new Fault("permission", `cannot open a ping socket for IPv${family}: ${relay.refusal}`)
      relay.heard.set(`${family}`, heard)
      return {
        means: "ping",
        send: (address, echo) => relay.send(`${family} ${address} ${hex(writeEchoRequest(family, echo))}`),
        close: () => relay.heard.delete(`${family}`),
      }
    },
    close: () => relay.close(),
  }
}

function connections(relay: RelayLines, family: Family, port: number, heard: Heard): Transmitter {
  const name = `t${family}`
  relay.heard.set(`${name} ${port}`, heard)
  return {
    means: "tcp",
    send: (address, { sequence, data }) => relay.send(`${name} ${address} ${port} ${sequence} ${hex(data)}`),
    forget: (address) => relay.tell(`end ${name} ${address} ${port}`),
    close: () => relay.heard.delete(`${name} ${port}`),
  }
}

/** The lines to and from the child. What was sent is answered in order, one line each. */
class RelayLines {
  readonly families = new Set<Family>()
  /** By `4` or `6`, and for connections `t4 PORT`. */
  readonly heard = new Map<string, Heard>()
  readonly ready: Promise<void>
  refusal = "the relay ended"
  readonly #child: ChildProcess
  readonly #waiting: ((reason: string | undefined) => void)[] = []
  #becomeReady: () => void = () => {}
  ended = false

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

  send(line: string): Promise<string | undefined> {
    if (this.ended) return Promise.resolve("the relay ended")
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write(`${line}\n`)
    })
  }

  /** A line that has no answer. */
  tell(line: string): void {
    if (!this.ended) this.#child.stdin?.write(`${line}\n`)
  }

  close(): void {
    this.#child.stdin?.end()
    signalChild(this.#child)
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
    else if (word === "heard") this.#said(rest)
  }

  #reply(family: Family, from: string, message: Uint8Array): void {
    const reply = readEchoReply(family, message)
    if (reply !== undefined) this.heard.get(`${family}`)?.reply({ address: kernelAddress(from), ...reply })
  }

  #said([name = "", address = "", port = "", number = "", bytes = ""]: readonly string[]): void {
    const data = new Uint8Array(Buffer.from(bytes, "hex"))
    const reply = {
      address: kernelAddress(address),
      port: Number(port),
      identifier: 0,
      sequence: Number(number),
      data,
    }
    this.heard.get(`${name} ${port}`)?.reply(reply)
  }

  #end(): void {
    this.ended = true
    this.#becomeReady()
    for (const resolve of this.#waiting.splice(0)) resolve("the relay ended")
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
