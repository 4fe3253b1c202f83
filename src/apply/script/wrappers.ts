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
import { findProgram } from "../../system/find-program.ts"

/** What a program does that is watched while a script runs. */
export type WrappedKind = "rules" | "network" | "module" | "service"

const kinds: readonly { readonly kind: WrappedKind; readonly names: RegExp }[] = [
  {
    kind: "network",
    names:
      /^(curl|wget|dig|host|nslookup|drill|getent|ping|ping6|ssh|scp|rsync|nc|ncat|netcat|git|telnet|ftp|whois|fetch)$/,
  },
  { kind: "module", names: /^(modprobe|insmod|rmmod)$/ },
  { kind: "service", names: /^(systemctl|service|invoke-rc\.d|rc-service|reboot|halt|poweroff|shutdown)$/ },
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
  /** Every call that ended, see script-calls.ts. */
  calls: "calls",
  /** What a bash with a trace wrote, see script-trace.ts. */
  trace: "trace",
  /** Standard error of the call of that process id. */
  errors: "errors",
  /** Standard input of the call of that process id, where it was rules. */
  inputs: "inputs",
  /** Links to the programs themselves, by the names that multi-call programs go by. */
  real: "real",
} as const

/**
 * The wrappers. One costs a start of the smallest shell there is: it runs the program itself, passes its messages on,
 * and writes down how it was called and how it ended.
 * @param traced also marks each call in the trace
 */
export function wrappers(programs: readonly Wrapped[], traced: boolean): Replacement[] {
  const shell = smallestShell()
  return [
    ...programs.map((one) => ({ path: one.path, text: `#!${shell}\n${bodyOf(one, traced)}` })),
    ...withoutNames(),
  ]
}

/** Names that are not in /etc/hosts are not found, and at once. */
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
  const note = `${pipedNote}${recordNote(name)}
${mark}exit $r
`
  if (kind === "module" || kind === "service") return `p=\n${pretend(kind, name, real)}\n${note}`
  // With no network, what waits for an answer waits in vain.
  const run = kind === "network" ? `${findProgram("timeout") ?? "timeout"} -s KILL 5 ${real}` : real
  const errors = own(`${wrapperFiles.errors}/$$`)
  const input = own(`${wrapperFiles.inputs}/$$`)
  return `p=
${keptInput(name, input)}${run} "$@" 2>${errors}
r=$?
[ ! -s ${errors} ] || while IFS= read -r l || [ -n "$l" ]; do printf '%s\\n' "$l"; done <${errors} >&2
${note}`
}

/**
 * "p": standard output is a pipe to another command, so that the shell never learns how this one ended. The shell may not
 * have come to start that command yet.
 */
const pipedNote = `[ $r = 0 ] || [ ! -p /proc/$$/fd/1 ] || for t in 1 2 3; do
for f in /proc/[0-9]*/fd/0; do
[ ! $f -ef /proc/$$/fd/1 ] || p=p
done
[ -z "$p" ] || break
sleep 0.1
done
`

function recordNote(name: string): string {
  return `printf '%s\\0' ${name} $r $$ "$p" $# "$@" >>${ownFolder}/${wrapperFiles.calls}`
}

/**
 * What a function calls when its program has failed (script-functions.ts): NAME EXITCODE ERRORS ARGUMENT... Does what a
 * wrapper does after its program, and ends as the program did.
 */
export function endedText(): string {
  const errors = `${ownFolder}/${wrapperFiles.errors}`
  return `#!${smallestShell()}
p= name=$1 r=$2 e=$3
shift 3
while IFS= read -r l || [ -n "$l" ]; do
printf '%s\\n' "$l" >&2
printf '%s\\n' "$l"
done <${errors}/$e >${errors}/$$
${pipedNote}${recordNote('"$name"')}
exit $r
`
}

function smallestShell(): string {
  return findProgram("dash") ?? findProgram("sh") ?? "/bin/sh"
}

/** What rules come by standard input is kept: a refusal shows it, and it names chains. */
function keptInput(name: string, input: string): string {
  const keep = `cat >${input}\nexec <${input}\n`
  if (name.endsWith("-restore"))
    return `for l do :; done\nif [ $# -gt 0 ] && [ -f "$l" ]; then cat "$l" >${input}; else\n${keep}fi\n`
  if (name === "nft")
    return `case " $* " in *" -f - "*|*" -f /dev/stdin "*|*" --file - "*)\n${keep};; *" -f "*|*" --file "*) for l do :; done\n[ ! -f "$l" ] || cat "$l" >${input} ;; esac\n`
  if (name === "ipset") return `case " $* " in *" restore "*)\n${keep};; esac\n`
  return ""
}

/** Modules are only looked for, services only asked; both end as they would here, as far as that can be known. */
function pretend(kind: "module" | "service", name: string, real: string): string {
  if (kind === "module") return name === "modprobe" ? `${real} -n -q "$@"\nr=$?` : "r=0"
  return `case " $* " in *" is-"*|*" status "*|*" show "*|*" list-"*) ${real} "$@"; r=$? ;; *) r=0 ;; esac`
}

/** Where the link to the program behind the wrapper at `path` is, below {@link ownFolder}. */
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
