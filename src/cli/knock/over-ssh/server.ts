import { createHash } from "node:crypto"
import { StringDecoder } from "node:string_decoder"
import { Fault } from "../../../errors.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { parseTarget, type Target } from "../../../secrets/target.ts"
import { type Destination, destinationOf, readSshConfig, type SshConfig } from "../../../ssh/config.ts"
import { Master, type RemoteEnd } from "../../../ssh/master.ts"
import { type Survey, survey } from "../../../ssh/survey.ts"
import { remoteCommand, sshWords } from "../../../ssh/words.ts"
import type { ProgramHost } from "../../terminal/terminal.ts"

export interface RunAsRoot {
  /** Where what it prints on standard output goes to, beside the lines for us; `stderr` unless told. */
  readonly shown?: "stdout" | "stderr"
  /** A folder there that goes with its end, also when this login is cut off meanwhile. */
  readonly thenRemove?: string
}

const runAndRemove = 'folder=$0; "$@"; code=$?; rm -rf "$folder"; exit "$code"'

/** A server that has been logged in to, and what is known of it. */
export class Server {
  /** As typed. */
  readonly target: Target
  readonly words: readonly string[]
  readonly destination: Destination
  readonly config: SshConfig
  /** Looked at anew by whoever changes it. */
  survey: Survey
  readonly master: Master
  readonly #host: ProgramHost

  private constructor(
    login: { target: Target; words: readonly string[]; destination: Destination; config: SshConfig },
    found: { survey: Survey; master: Master },
    host: ProgramHost,
  ) {
    this.target = login.target
    this.words = login.words
    this.destination = login.destination
    this.config = login.config
    this.survey = found.survey
    this.master = found.master
    this.#host = host
  }

  /**
   * Logs in to a server, once, and looks around.
   * @param typed `[USER@]HOST[:PORT]`, an alias of ssh_config(5) too
   * @param ssh the text of --ssh
   * @throws Fault `no-answer` when ssh does not get in, `permission` when no command runs there
   */
  static async logIn(typed: string, ssh: string, host: ProgramHost): Promise<Server> {
    const target = parseTarget(typed)
    const destination = destinationOf(target)
    const { name } = destination
    const words = sshWords(ssh)
    const config = await readSshConfig(words, destination)
    const master = await Master.open(words, destination, host.env)
    try {
      const found = await survey(master)
      if (found === undefined)
        throw new Fault("permission", `ssh gets in to ${name}, and no command runs there`, {
          hint: `nothing was done there; has the account a shell? ssh ${name} id`,
        })
      return new Server({ target, words, destination, config }, { survey: found, master }, host)
    } catch (thrown) {
      await master.close()
      throw thrown
    }
  }

  /**
   * Runs one of our programs there as root, by sudo where the login is not root's.
   * @returns its end, and the last outcome that it wrote for us; undefined when it wrote none
   * @throws Fault `missing` when it is not installed there, `permission` when there is no sudo
   */
  async runProgram(
    program: "watchdog" | "apply",
    args: readonly string[],
    options: RunAsRoot = {},
  ): Promise<RemoteEnd & { outcome: Outcome | undefined }> {
    const { installed } = this.survey
    if (installed === undefined)
      throw new Fault("missing", `fw-watchdog is not installed on ${this.destination.name}`, {
        hint: `nothing was done there; fw-knock arm --install ${this.destination.name} installs it`,
      })
    const end = await this.runAsRoot([installed[program], ...args], options)
    return { ...end, outcome: outcomeOf(end.lines.at(-1)) }
  }

  /**
   * Runs words there as root.
   * @throws Fault `permission` when there is no sudo
   */
  async runAsRoot(words: readonly string[], options: RunAsRoot = {}): Promise<RemoteEnd> {
    const { shown = "stderr", thenRemove } = options
    const { isRoot, sudo } = this.survey
    if (!isRoot && sudo === "missing")
      throw new Fault(
        "permission",
        `there is no sudo on ${this.destination.name}, and the login is not root's`,
        {
          hint: `nothing was done there; log in as root: root@${this.target.host}`,
        },
      )
    const asks = !isRoot && sudo === "asks"
    if (asks && this.#host.stdin.isTTY !== true)
      throw new Fault(
        "permission",
        `sudo on ${this.destination.name} asks for a password, and there is no terminal here`,
        {
          hint: "nothing was done there; run it on a terminal, or log in as root",
        },
      )
    const prompt = `[sudo on ${this.destination.name}] password for %p: `
    const sudoWords = isRoot ? [] : asks ? ["sudo", "-p", prompt, "--"] : ["sudo", "-n", "--"]
    // The prompt is not to stand behind what we are doing.
    if (asks && this.#host.stderr.isTTY === true) this.#host.stderr.write("\n")
    const removing = thenRemove === undefined ? [] : ["/bin/sh", "-c", runAndRemove, thenRemove]
    const command = remoteCommand([...removing, ...sudoWords, ...words])
    return await this.master.run({ command, terminal: asks, passOn: this.#show(shown) })
  }

  /**
   * Copies a file into a new folder that only the login can read.
   * @returns the folder; who asks for it removes it
   * @throws Fault `refused` when it did not arrive whole
   */
  async copy(name: string, content: Uint8Array): Promise<string> {
    const script = `umask 077 && d=$(mktemp -d) && cat >"$d/$1" && sum=$(sha256sum <"$d/$1") && printf '\\036%s %s\\n' "$d" "\${sum%% *}"`
    const command = remoteCommand(["/bin/sh", "-c", script, "sh", name])
    const { lines } = await this.master.run({ command, input: content })
    const [folder = "", sum] = (lines.at(-1) ?? "").split(" ")
    if (folder.startsWith("/") && sum === createHash("sha256").update(content).digest("hex")) return folder
    throw new Fault("refused", `${name} did not get whole to ${this.destination.name}`, {
      hint: "nothing was changed there; is its disk full?",
    })
  }

  async close(): Promise<void> {
    await this.master.close()
  }

  /** Shows whoever sits here what the other end prints. */
  #show(where: "stdout" | "stderr"): (bytes: Uint8Array) => void {
    const decoder = new StringDecoder("utf8")
    return (bytes) => void this.#host[where].write(decoder.write(Buffer.from(bytes)))
  }
}

/** An outcome as another machine wrote it: only what is one, and nothing of it is believed to be more than text. */
function outcomeOf(line: string | undefined): Outcome | undefined {
  if (line === undefined) return undefined
  try {
    const { event, code, message, hint, exitCode: _, ...facts } = JSON.parse(line) as Record<string, never>
    if (typeof event !== "string" || typeof code !== "string" || typeof message !== "string") return undefined
    return { event, code, message, ...(typeof hint === "string" ? { hint } : {}), facts }
  } catch {
    return undefined
  }
}
