import type { Clock, Timer } from "../../clock.ts"
import { findProgram } from "../process/find-program.ts"
import { StandbyProcess, type StartLoader } from "../process/standby-process.ts"

/** The messages that a socket of netlink(7) hears: its protocol, the groups as a mask, and the type that counts. */
export interface NetlinkTopic {
  readonly protocol: number
  readonly groups: number
  /** Any message counts unless given. */
  readonly messageType?: number
}

/** nf_tables, any table of this network namespace: NETLINK_NETFILTER, NFNLGRP_NFTABLES, NFT_MSG_NEWGEN ends each commit. */
export const ruleChanges: NetlinkTopic = { protocol: 12, groups: 1 << 6, messageType: 0x0a0f }

/** Interfaces and addresses: NETLINK_ROUTE; RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR. */
export const linkChanges: NetlinkTopic = { protocol: 0, groups: 0x1 | 0x10 | 0x100 }

/** The least time between two calls of `onChange`, in milliseconds: steady changes make no steady work. */
const pauseMs = 1000
/** A wait that ends with the process; a timer takes no more (2^31 ms are 24 d, a session lasts 7). */
const forEverMs = 2 ** 31 - 1

/**
 * Node has no netlink sockets. So perl (perl-base is on every Debian) makes one its standard input, and becomes cat: the
 * kernel's messages come out of a pipe; it takes 0.4 MB, and no time while there are none. The filter of socket(7) lets
 * through one message a commit, whatever else was in it; one that does not fit is dropped without an error, since the ones
 * in front of it have said the same. It ends with its guard (PR_SET_PDEATHSIG), not at the next write to a broken pipe.
 */
function monitorProgram({ protocol, groups, messageType }: NetlinkTopic, cat: string): string {
  return [
    "use strict; my ($socket, $code);",
    `socket($socket, 16, 3, ${protocol}) or die qq(netlink: $!\\n);`, // AF_NETLINK, SOCK_RAW
    ...(messageType === undefined ? [] : [onlyType(messageType)]),
    'setsockopt($socket, 270, 5, pack("i", 1));', // SOL_NETLINK, NETLINK_NO_ENOBUFS
    `bind($socket, pack("S S L L", 16, 0, 0, ${groups})) or die qq(group: $!\\n);`,
    // The first message is that it hears: what changed until then has to be looked at.
    'syswrite(STDOUT, "."); open(STDIN, "<&", $socket) or die qq(dup: $!\\n);',
    `exec { "${cat}" } "cat";`,
  ].join(" ")
}

/** Struct sock_filter: loads the 16 bits of nlmsg_type, which are in this machine's order, compares, takes or leaves. */
const onlyType = (type: number): string =>
  `$code = pack("SCCL" x 4, 0x28,0,0,4, 0x15,0,1,unpack("n",pack("S",${type})), 6,0,0,65535, 6,0,0,0);
  setsockopt($socket, 1, 26, pack("S x![P] P", 4, $code)) or die qq(filter: $!\\n);` // SOL_SOCKET, SO_ATTACH_FILTER

export interface NetlinkMonitorDeps {
  readonly clock: Clock
  /** Starts what hears; without it nothing is heard. */
  readonly start: StartLoader | undefined
  readonly log: (line: string) => void
  /** How often {@link NetlinkMonitorDeps.onTime} is called while changes are told, and while they are not; milliseconds. */
  readonly restMs: number
  readonly oftenMs: number
  /** Something changed: told at once, and at most once a second. What changed has to be looked at. */
  readonly onChange: () => void
  /** Time for a look although nothing was told. */
  readonly onTime: () => void
}

/** Tells when the kernel has changed something, and when it is time to look all the same: more often where nothing is heard. */
export class NetlinkMonitor {
  readonly #standby: StandbyProcess | undefined
  readonly #deps: NetlinkMonitorDeps
  #listening = false
  #closed = false
  #toldMs = Number.NEGATIVE_INFINITY
  #pause: Timer | undefined
  #timer: Timer | undefined
  #periodMs = 0

  constructor(topic: NetlinkTopic, deps: NetlinkMonitorDeps) {
    this.#deps = deps
    const { clock, log, start } = deps
    const [setpriv, perl, cat] = ["setpriv", "perl", "cat"].map(findProgram)
    if (start !== undefined && setpriv !== undefined && perl !== undefined && cat !== undefined) {
      const args = ["--pdeathsig", "KILL", "--", perl, "-e", monitorProgram(topic, cat)]
      this.#standby = new StandbyProcess({ path: setpriv, args }, { clock, log, start })
    }
    this.#goOn()
  }

  /** True when the next change will be told. */
  get listening(): boolean {
    return this.#listening
  }

  close(): void {
    this.#closed = true
    this.#pause?.cancel()
    this.#timer?.cancel()
    this.#standby?.close()
  }

  #goOn(): void {
    this.#listen()
    const periodMs = this.#listening ? this.#deps.restMs : this.#deps.oftenMs
    if (periodMs === this.#periodMs) return
    this.#periodMs = periodMs
    this.#timer?.cancel()
    this.#timer = this.#deps.clock.every(periodMs, () => {
      this.#goOn()
      this.#deps.onTime()
    })
  }

  #listen(): void {
    if (this.#listening || this.#standby?.pid === undefined) return
    this.#listening = true
    void this.#standby
      .ask("", (newest) => newest !== "", forEverMs)
      .then(() => {
        if (this.#closed) return
        const leftMs = Math.max(0, pauseMs - (this.#deps.clock.bootMs() - this.#toldMs))
        this.#pause = this.#deps.clock.after(leftMs, () => this.#tell())
      })
  }

  /** Also when it ended: what it would have said meanwhile is lost. */
  #tell(): void {
    this.#toldMs = this.#deps.clock.bootMs()
    this.#listening = false
    this.#goOn()
    this.#deps.onChange()
  }
}
