import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, type Lab, labUnavailable } from "./lab.ts"
import { eventually, fwApply, fwWatchdog } from "./programs.ts"

const sshd = "/usr/sbin/sshd"

/** Why tests with sshd and sudo cannot run here; undefined when they can. */
export const sshUnavailable: string | undefined =
  labUnavailable ??
  (existsSync(sshd) ? undefined : "openssh-server is not installed") ??
  (existsSync("/usr/bin/sudo") ? undefined : "sudo is not installed")

/** The accounts of each machine, beside root. */
export const password = "correct horse"

export interface SshMachine {
  readonly host: Host
  readonly address: string
  /** Of its sshd. */
  readonly port: number
  /** Where its session keeps its files, as the programs there know it. */
  readonly environment: NodeJS.ProcessEnv
  readonly log: string
  /** Of its sudo. */
  readonly sudoLog: string
  /** Ends its sshd, and every login. */
  stop(): void
}

export interface SshMachineOptions {
  readonly address: string
  readonly port?: number
  /** Our programs are there; without, `fw-watchdog` is not installed. */
  readonly installed?: boolean
  /** More lines of sshd_config(5). */
  readonly config?: readonly string[]
}

/** Accounts with that login shell, which prints at every login: ssh runs each command by it. By name, what it is told by which file. */
export const shellAccounts: Readonly<Record<string, readonly [string, string]>> = {
  bash: [".bashrc", "echo noisy; echo noisier >&2"],
  zsh: [".zshenv", "echo noisy; echo noisier >&2"],
  fish: [".config/fish/config.fish", "echo noisy; echo noisier >&2"],
  tcsh: [".cshrc", "echo noisy; sh -c 'echo noisier >&2'"],
}

/** A key that logs in to all accounts of all machines of this lab, and what ssh is told. */
export class SshLab {
  readonly #lab: Lab
  readonly #folder: string
  readonly key: string
  readonly config: string
  readonly #entries: string[] = []

  constructor(lab: Lab) {
    this.#lab = lab
    this.#folder = join(lab.folder, "ssh")
    this.key = join(this.#folder, "key")
    this.config = join(this.#folder, "config")
    chmodSync(lab.folder, 0o711) // sshd reads keys as the user
    mkdirSync(this.#folder, { mode: 0o755 })
  }

  /** An alias of ssh_config(5) with these lines. */
  alias(name: string, ...lines: readonly string[]): void {
    this.#entries.push(`Host ${name}`, ...lines.map((line) => `  ${line}`))
    const common = [
      "Host *",
      `  IdentityFile ${this.key}`,
      `  UserKnownHostsFile ${join(this.#folder, "known")}`,
      ...[
        "IdentitiesOnly yes",
        "StrictHostKeyChecking no",
        "LogLevel ERROR",
        "BatchMode yes",
        "ConnectTimeout 5",
      ].map((line) => `  ${line}`),
    ]
    writeFileSync(this.config, `${[...this.#entries, ...common].join("\n")}\n`)
  }

  /** The words of --ssh. */
  get ssh(): string {
    return `ssh -F ${this.config}`
  }

  /**
   * An sshd with accounts of its own: root, ada (sudo with a password), bob (sudo without), carl (none). /etc, /usr, /var and /home are
   * copies on top of this machine's: whatever is done there is gone with it.
   */
  async machine(host: Host, options: SshMachineOptions): Promise<SshMachine> {
    const { address, port = 22, installed = true, config = [] } = options
    if (!existsSync(this.key)) host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", this.key])
    const folder = join(this.#folder, host.name)
    mkdirSync(folder)
    const state = join(this.#lab.folder, host.name)
    const environment = {
      PATH: process.env.PATH,
      RUNTIME_DIRECTORY: join(state, "run"),
      STATE_DIRECTORY: join(state, "state"),
      CONFIGURATION_DIRECTORY: join(state, "etc"),
    }
    const log = join(folder, "log")
    const launcher = (words: readonly string[]): string =>
      `#!/bin/sh\nexport RUNTIME_DIRECTORY=${environment.RUNTIME_DIRECTORY} STATE_DIRECTORY=${environment.STATE_DIRECTORY} CONFIGURATION_DIRECTORY=${environment.CONFIGURATION_DIRECTORY}\nexec ${words.join(" ")} "$@"\n`
    writeFileSync(join(folder, "fw-watchdog"), launcher(fwWatchdog), { mode: 0o755 })
    writeFileSync(join(folder, "fw-apply"), launcher(fwApply), { mode: 0o755 })
    writeFileSync(
      join(folder, "sshd_config"),
      [
        ...config,
        `Port ${port}`,
        `HostKey ${join(folder, "host-key")}`,
        `AuthorizedKeysFile ${this.key}.pub`,
        `PidFile ${join(folder, "pid")}`,
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "UseDNS no",
        "LogLevel DEBUG",
        "MaxStartups 100",
      ].join("\n"),
    )
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "host-key")])
    writeFileSync(
      join(folder, "start.sh"),
      `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs ${folder}/../mnt-${host.name}
for name in etc usr var home; do
  mkdir ${folder}/../mnt-${host.name}/$name ${folder}/../mnt-${host.name}/$name.work
  mount -t overlay overlay -o lowerdir=/$name,upperdir=${folder}/../mnt-${host.name}/$name,workdir=${folder}/../mnt-${host.name}/$name.work /$name
done
for name in ada bob carl; do useradd -m -s /bin/bash $name; done
printf 'ada:${password}\\nbob:x\\ncarl:x\\n' | chpasswd
# sudo looks up where it is, and says so when nobody knows.
echo "127.0.1.1 $(hostname)" >>/etc/hosts
mkdir -p /etc/sudoers.d /run/sshd
printf 'Defaults logfile=${folder}/sudo.log\\nada ALL=(ALL) ALL\\nbob ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/lab
${Object.entries(shellAccounts).map(shellAccount).join("\n")}
chmod 440 /etc/sudoers.d/*
${installed ? `cp ${folder}/fw-watchdog ${folder}/fw-apply /usr/local/sbin/` : ""}
exec ${sshd} -D -f ${folder}/sshd_config -E ${log}
`,
    )
    mkdirSync(join(this.#folder, `mnt-${host.name}`))
    const child = host.start(["unshare", "--mount", "sh", join(folder, "start.sh")])
    let said = ""
    child.stderr?.on("data", (chunk) => {
      said += String(chunk)
    })
    await eventually(
      "sshd",
      () => {
        if (child.exitCode !== null) throw new Error(`sshd: ${said}`)
        return existsSync(log) && readFileSync(log, "utf8").includes("Server listening")
      },
      20_000,
    )
    return {
      host,
      address,
      port,
      environment,
      log,
      sudoLog: join(folder, "sudo.log"),
      stop: () => void child.kill("SIGKILL"),
    }
  }
}

/** The commands of sh that make it. */
function shellAccount([shell, [file, text]]: [string, readonly [string, string]]): string {
  const home = `/home/${shell}-user`
  return `if [ -x /usr/bin/${shell} ]; then
useradd -m -p '*' -s /usr/bin/${shell} ${shell}-user
mkdir -p "$(dirname ${home}/${file})"
cat >${home}/${file} <<'END'
${text}
END
chown -R ${shell}-user ${home}
echo '${shell}-user ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/shells
fi`
}
