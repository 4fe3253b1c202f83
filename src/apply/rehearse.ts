import { Fault } from "../errors.ts"
import type { ProveDeps } from "../firewall/snapshot/prove.ts"
import type { Snapshot } from "../firewall/snapshot/snapshot.ts"
import type { RuleInput } from "./input.ts"
import type { SshConnection } from "./ssh-client.ts"

/** What running the input in a copy of this machine came to. */
export interface Rehearsal {
  /** What was in force on the machine when the rehearsal began. */
  readonly before: Snapshot
  /** The rules in the copy after the input ran, before foreign chains are put back. */
  readonly result: Snapshot
  /** Chains that the input itself named: "ip filter DOCKER", "legacy ip filter DOCKER". */
  readonly named: ReadonlySet<string>
  /** Files that the script would write; nothing was written. */
  readonly writes: readonly string[]
  /** What the copy cannot do or fw-apply does not do, such as sysctls; one line each. */
  readonly notes: readonly string[]
  /** Loads the candidate into the copy and connects from the client's address; names the rule that stops it. */
  checkLockout(candidate: Snapshot, connection: SshConnection): Promise<LockoutVerdict>
  /** Ends the copy and everything in it. */
  close(): Promise<void>
}

/** Whether the client still gets in. */
export type LockoutVerdict =
  | { readonly ok: true; readonly family: "IPv4" | "IPv6" }
  | {
      readonly ok: false
      /** "iptables-nft filter INPUT: -p tcp --dport 22 -j DROP", "... policy DROP", or "unknown". */
      readonly rule: string
      readonly message: string
    }

export interface RehearseOptions {
  /** How long the input may run, in milliseconds. */
  readonly timeoutMs: number
  /** Whose way in the copy has to have; undefined on a console. */
  readonly connection: SshConnection | undefined
  /** Where a shell script runs; the current folder unless told. */
  readonly folder?: string
}

/** The rehearsal refused the input; nothing was changed. Its code is "refused". */
export class InputRefused extends Fault {
  /** "rules.sh:12", or the name alone where no line is known. */
  readonly where: string
  /** The rule file that a script made and fed to a restore, for printing; undefined when there was none. */
  readonly generated: string | undefined

  constructor(
    message: string,
    options: { readonly where: string; readonly hint: string; readonly generated?: string | undefined },
  ) {
    super("refused", message, { hint: options.hint })
    this.name = "InputRefused"
    this.where = options.where
    this.generated = options.generated
  }
}

/** Everything a rehearsal needs of the machine; the same as a proof. */
export type RehearseDeps = ProveDeps

/**
 * Runs the input for real in throw-away namespaces with this machine's interfaces, addresses and rules. Changes nothing
 * on the machine.
 * @throws InputRefused naming file and line, in the tool's own words; Fault when no copy can be made
 */
export function rehearse(
  _deps: RehearseDeps,
  input: RuleInput,
  _options: RehearseOptions,
): Promise<Rehearsal> {
  return Promise.reject(new Fault("missing", `cannot rehearse ${input.name} yet`))
}
