/** All that the protocol and its client know of one verb. The guard acts on it in guard/machine/transitions/knock.ts. */
interface VerbProperties {
  /** On the wire, 1..255: native-notes/knock-protocol.md, section 4. */
  readonly code: number
  /** Taken with a valid challenge only: neither a pin nor the one-way flag makes it fresh (section 8). */
  readonly needsChallenge: boolean
  /**
   * Opens the firewall. So it takes `hard`, a bare text can stand for it, and the client goes on one-way after 2 s of
   * silence: whoever is locked out may hear no answer.
   */
  readonly opens: boolean
  /** Asks only: the client may look at the port meanwhile, and it does not matter when it arrives. */
  readonly changesNothing: boolean
  /** The guard looks for a new TCP connection of the client's, which has to come up first. */
  readonly needsConnection: boolean
  /** In the question whether many hosts are meant, before their number. */
  readonly effect: string
  /** For the help of `fw-knock`. */
  readonly help: string
  /** The likely reason when the guard answers `refused`, for the hint. */
  readonly whyRefused: string
}

export type Verb = "reset" | "probe" | "rollback" | "confirm"

const look = "`fw-watchdog status` on the server says what its session is good for"

/** Every verb of the protocol, in the order of the help. */
export const verbs: Readonly<Record<Verb, VerbProperties>> = {
  reset: {
    code: 2,
    needsChallenge: false,
    opens: true,
    changesNothing: false,
    needsConnection: false,
    effect: "opens the firewall of",
    help: "open the firewall there: flush and accept all",
    whyRefused: look,
  },
  probe: {
    code: 1,
    needsChallenge: false,
    opens: false,
    changesNothing: true,
    needsConnection: false,
    effect: "changes nothing at",
    help: "would a reset arrive and be answered? Changes nothing",
    whyRefused: look,
  },
  rollback: {
    code: 3,
    needsChallenge: true,
    opens: false,
    changesNothing: false,
    needsConnection: false,
    effect: "takes the rules back at",
    help: "go back to the rules in force at arming",
    whyRefused: "the session there holds no rules to go back to",
  },
  confirm: {
    code: 4,
    needsChallenge: true,
    opens: false,
    changesNothing: false,
    needsConnection: true,
    effect: "confirms the change at",
    help: "keep a change: proves by a new connection that you get in",
    whyRefused:
      "the server saw no new TCP connection from here to its ssh port, or is going back already: `fw-watchdog status` there; another port: --check tcp/PORT",
  },
}

export const verbNames = Object.keys(verbs) as readonly Verb[]

const byCode = new Map(verbNames.map((verb) => [verbs[verb].code, verb]))

/** The verb of a code on the wire, or undefined. */
export function verbOf(code: number): Verb | undefined {
  return byCode.get(code)
}

/** Those with a property, for people: "reset and probe". */
export function verbsThat(has: (properties: VerbProperties) => boolean, joint: "and" | "or" = "and"): string {
  const names = verbNames.filter((verb) => has(verbs[verb]))
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${joint} ${names.at(-1)}`
}
