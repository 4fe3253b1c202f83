import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  behindFolder,
  type FileCopy,
  linkOwn,
  ownFolder,
  type Replacement,
} from "../../firewall/sandbox/file-copy.ts"
import { programNamed } from "../../firewall/tools/table.ts"
import { findProgram } from "../../system/process/find-program.ts"

/** The kinds of programs that are watched while a script runs. */
export type WrappedKind = "rules" | "network" | "module" | "service" | "routing" | "state" | "manager"

const kinds: readonly { readonly kind: WrappedKind; readonly names: RegExp }[] = [
  {
    kind: "network",
    names:
      /^(curl|wget|dig|host|nslookup|drill|getent|ping|ping6|ssh|scp|rsync|nc|ncat|netcat|git|telnet|ftp|whois|fetch)$/,
  },
  { kind: "module", names: /^(modprobe|insmod|rmmod)$/ },
  { kind: "service", names: /^(systemctl|service|invoke-rc\.d|rc-service|reboot|halt|poweroff|shutdown)$/ },
  { kind: "routing", names: /^(ip|tc|bridge|route|ifconfig|vconfig|brctl)$/ },
  { kind: "state", names: /^(conntrack|ipvsadm|ipvsadm-restore)$/ },
  {
    kind: "manager",
    names: /^(firewall-cmd|firewall-offline-cmd|ufw|shorewall6?|firehol|ferm|netfilter-persistent)$/,
  },
]

/** One program that a wrapper stands for. */
export interface Wrapped {
  readonly kind: WrappedKind
  readonly name: string
  /** Where the wrapper stands; the same in a path that reaches it through a link. */
  readonly path: string
  /** The program itself, all links followed. */
  readonly real: string
}

const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]

/** The programs of this machine that are wrapped in the copy. */
export function wrappedPrograms(): Wrapped[] {
  const found = new Map<string, Wrapped>()
  for (const folder of new Set(folders.filter((one) => existsSync(one)).map((one) => realpathSync(one))))
    for (const name of readdirSync(folder)) {
      const kind = kindOf(name)
      const path = join(folder, name)
      if (kind === undefined || found.has(path)) continue
      try {
        found.set(path, { kind, name, path, real: realpathSync(path) })
      } catch {
        // A link to nothing.
      }
    }
  return [...found.values()]
}

export function kindOf(name: string): WrappedKind | undefined {
  const tool = programNamed(name)
  if (tool !== undefined) return tool.kind === "save" ? undefined : "rules"
  return kinds.find(({ names }) => names.test(name))?.kind
}

/** The files of a wrapper, below {@link ownFolder}. */
export const wrapperFiles = {
  /** Every call that ended, see calls.ts. */
  calls: "calls",
  /** The trace that a bash wrote, see trace.ts. */
  trace: "trace",
  /** Standard error of the call of that process id. */
  errors: "errors",
  /** Standard input of the call of that process id, where it was rules. */
  inputs: "inputs",
  /** Links to the programs themselves, by the names that multi-call programs go by. */
  real: "real",
} as const

/**
 * The wrappers, which stand at the programs' own paths. One costs a start of the smallest shell there is: it runs the
 * program itself, passes its messages on, and writes down how it was called and how it ended.
 * @param traced also marks each call in the trace
 */
export function wrappers(programs: readonly Wrapped[], traced: boolean): Replacement[] {
  const shell = smallestShell()
  return [
    ...programs.map((one) => ({ path: one.path, text: `#!${shell}\n${bodyOf(one, traced)}` })),
    ...withoutNames(),
  ]
}

/** In the copy a name that /etc/hosts does not have is not found, and at once. */
function withoutNames(): Replacement[] {
  const files: Replacement[] = [
    { path: "/etc/resolv.conf", text: "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", mode: 0o644 },
  ]
  try {
    const text = readFileSync("/etc/nsswitch.conf", "utf8").replace(/^hosts:.*$/m, "hosts: files")
    files.push({ path: "/etc/nsswitch.conf", text, mode: 0o644 })
  } catch {
    // A C library without it.
  }
  return files
}

function bodyOf({ kind, name, path }: Wrapped, traced: boolean): string {
  const own = (file: string): string => `${ownFolder}/${file}`
  const real = own(realLink(path))
  const mark = traced ? `printf '\\001C\\002%s\\n' $$ >>${own(wrapperFiles.trace)}\n` : ""
  const note = `printf '%s\\0' ${name} $r $$ "$m" "$s" $# "$@" >>${own(wrapperFiles.calls)}
${mark}exit $r
`
  if (kind === "module" || kind === "service" || kind === "state" || kind === "manager")
    return `m= s=\n${pretend(kind, name, real)}\n${note}`
  // With no network, what waits for an answer waits in vain.
  const run = kind === "network" ? `${findProgram("timeout") ?? "timeout"} -s KILL 5 ${real}` : real
  const errors = own(`${wrapperFiles.errors}/$$`)
  return `m= s=
${keptInput(name, own(`${wrapperFiles.inputs}/$$`))}${run} "$@" 2>${errors}
r=$?
[ ! -s ${errors} ] || while IFS= read -r l || [ -n "$l" ]; do
printf '%s\\n' "$l" >&2
[ $r = 0 ] || s="$s$l
"
done <${errors}
${pipeMark}${note}`
}

/**
 * Marks a call that failed with "p" when its standard output is a pipe to another command, so that the shell never learns
 * how it ended. The shell may not have come to start that command yet. Nobody asks it of a call that only checks.
 */
const pipeMark = `[ $r = 0 ] || [ ! -p /proc/$$/fd/1 ] || case " $* " in *" -C "*|*" --check "*) ;; *)
for t in 1 2 3; do
for f in /proc/[0-9]*/fd/0; do
[ ! $f -ef /proc/$$/fd/1 ] || m=p$m
done
case $m in p*) break ;; esac
sleep 0.1
done ;; esac
`

function smallestShell(): string {
  return findProgram("dash") ?? findProgram("sh") ?? "/bin/sh"
}

/** Keeps the rules that come by standard input or in a file (a refusal shows them, and they name chains): mark "i". */
function keptInput(name: string, input: string): string {
  const keepStdin = `m=i\ncat >${input}\nexec <${input}`
  const keepFile = `m=i\ncat "$l" >${input}`
  const last = "for l do :; done"
  if (name.endsWith("-restore"))
    return `${last}\nif [ $# -gt 0 ] && [ -f "$l" ]; then\n${keepFile}\nelse\n${keepStdin}\nfi\n`
  if (name === "nft")
    return `case " $* " in *" -f - "*|*" -f /dev/stdin "*|*" --file - "*)\n${keepStdin};;
*" -f "*|*" --file "*) ${last}\nif [ -f "$l" ]; then\n${keepFile}\nfi ;; esac\n`
  if (name === "ipset") return `case " $* " in *" restore "*)\n${keepStdin} ;; esac\n`
  return ""
}

/**
 * Modules are only looked for; services, connections and firewall managers only asked. They end as they would here, as far as
 * that can be known.
 */
function pretend(
  kind: Exclude<WrappedKind, "rules" | "network" | "routing">,
  name: string,
  real: string,
): string {
  if (kind === "module") return name === "modprobe" ? `${real} -n -q "$@"\nr=$?` : "r=0"
  if (kind !== "service") return `case " $* " in ${asking[kind]}) ${real} "$@"; r=$? ;; *) r=0 ;; esac`
  return `case " $* " in *" is-"*|*" status "*|*" show "*|*" list-"*) ${real} "$@"; r=$? ;; *) r=0 ;; esac`
}

/** The words of commands that only ask. */
const asking: Readonly<Record<"state" | "manager", string>> = {
  state:
    '*" -L "*|*" --dump "*|*" -G "*|*" --get "*|*" -C "*|*" -S "*|*" -l "*|*" -Ln "*|*" --list "*|*" -h "*|*" --version "*',
  manager:
    '*" status "*|*" --state "*|*" --list-"*|*" --get-"*|*" --query-"*|*" show "*|*" version "*|*" --version "*|*" help "*',
}

/** The link to the program behind the wrapper at `path`, below {@link ownFolder}. */
export function realLink(path: string): string {
  return `${wrapperFiles.real}${path}`
}

/** Puts the files of the wrappers into a copy. */
export function layWrappers(copy: FileCopy, programs: readonly Wrapped[]): void {
  for (const name of [wrapperFiles.errors, wrapperFiles.inputs]) mkdirSync(join(copy.own, name))
  for (const name of [wrapperFiles.calls, wrapperFiles.trace]) writeFileSync(join(copy.own, name), "")
  const wrapped = new Set(programs.map(({ path }) => path))
  // The program itself may stand where its wrapper does now.
  for (const { path, real } of programs)
    linkOwn(copy, realLink(path), wrapped.has(real) ? `${behindFolder}${real}` : real)
}
