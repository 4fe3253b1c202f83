import { writeSync } from "node:fs"
import type { Clock } from "../../clock.ts"
import type { GuardStart } from "../../system/process/armed-process.ts"

/*
 * Node has no datagram sockets of AF_UNIX, and a systemd-notify(1) for each message would be a fork: with the pids limit
 * reached it would let the watchdog kill a guard that is well. But write(2) on a connected datagram socket sends one
 * datagram, in the name of who writes. So perl (perl-base is on every Debian) connects such a socket, and becomes the guard:
 *
 *   descriptor 0   the socket to systemd; never inherited, since every child gets a standard input of its own
 *   descriptor 3   the order, which was descriptor 0
 */

/** Set, to 1, in the environment of a guard whose descriptors are as drawn above. */
const notifyVariable = "FW_WATCHDOG_NOTIFY"
const notifyDescriptor = 0
/** Where the order is read from then. */
export const orderDescriptor = 3

/**
 * The socket never blocks: a systemd that does not read loses messages. No `%`, `${` or `$$`: systemd would fill them in.
 * dup2 makes descriptors that an exec keeps. $socket is 3 itself, and is closed where its scope ends: not before the exec.
 */
export const connectAndBecome = [
  "use strict; use Socket; use Fcntl; use POSIX ();",
  "my $socket; my $path = delete $ENV{NOTIFY_SOCKET};",
  "if (defined $path) {",
  "$path =~ s/^\\@/\\0/;",
  "socket($socket, AF_UNIX, SOCK_DGRAM, 0) && connect($socket, pack_sockaddr_un($path))",
  "&& fcntl($socket, F_SETFL, O_NONBLOCK) or die qq(cannot connect to the service manager: $!\\n);",
  "my $order = POSIX::dup(0);",
  `POSIX::dup2(fileno($socket), ${notifyDescriptor}); POSIX::dup2($order, ${orderDescriptor}); POSIX::close($order);`,
  `$ENV{${notifyVariable}} = 1;`,
  "}",
  "exec { $ARGV[0] } @ARGV or die qq(cannot run $ARGV[0]: $!\\n);",
].join(" ")

/** How a guard is started that can notify systemd; it stays the same process. */
export function withNotifySocket(perl: string, guard: GuardStart): GuardStart {
  return { path: perl, args: ["-e", connectAndBecome, "--", guard.path, ...guard.args] }
}

/** Tells whether this guard was started by {@link withNotifySocket} under systemd. */
export function canNotify(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment[notifyVariable] === "1"
}

/** The words of a guard to its service manager; sd_notify(3). Never blocks, never throws; nobody may be listening. */
export interface ServiceManager {
  /** True where there is one that hears. */
  readonly present: boolean
  ready(): void
  /** One line for `systemctl status`; said only when it is another one. */
  status(text: string): void
  /** The event loop turns. Said every few seconds; the unit's WatchdogSec= is many times that. */
  alive(): void
  stopping(): void
}

/** Sends one datagram. Passed in for tests. */
export type SendDatagram = (text: string) => void

const sendToManager: SendDatagram = (text) => {
  writeSync(notifyDescriptor, text)
}

/** @param environment of the guard, as systemd.exec(5) fills it in */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  send: SendDatagram = sendToManager,
): ServiceManager {
  const say = (text: string): void => {
    if (!canNotify(environment)) return
    try {
      send(text)
    } catch {
      // EAGAIN: it is busy. ECONNREFUSED: it was restarted without its socket, and its watchdog then starts another guard.
    }
  }
  const watched = environment.WATCHDOG_USEC !== undefined
  let lastStatus = ""
  return {
    present: canNotify(environment),
    ready: () => say("READY=1"),
    status(text) {
      if (text === lastStatus) return
      lastStatus = text
      say(`STATUS=${text.replaceAll("\n", " ")}`)
    },
    alive() {
      if (watched) say("WATCHDOG=1")
    },
    stopping: () => say("STOPPING=1"),
  }
}

/** How often a service manager hears of the guard, in milliseconds. */
const aliveMs = 6000

/** Tells it every few seconds, to the end of the process, that the event loop turns, and what is new. */
export function keepInformed(manager: ServiceManager, clock: Clock, describe: () => string): void {
  if (!manager.present) return
  const tell = (): void => {
    manager.alive()
    manager.status(describe())
  }
  tell()
  clock.every(aliveMs, tell)
}
