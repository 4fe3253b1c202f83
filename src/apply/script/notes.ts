import { commandLine, type ScriptCall } from "./calls.ts"

/** Commands that change nothing, by the program: what only asks is nothing that was not done. */
const asks: readonly { readonly names: RegExp; readonly words: RegExp }[] = [
  // ip(8), tc(8), bridge(8): the verb, or its absence, which lists.
  {
    names: /^(ip|tc|bridge)$/,
    words: /^((-\S+|\w+) )*(show|list|lst|get|monitor|help|save|-V)\b|^(-\S+ )*\w+$/,
  },
  { names: /^(route|ifconfig)$/, words: /^(-\S+ ?)*$|^[\w.]+$/ },
  { names: /^brctl$/, words: /^show/ },
  { names: /^conntrack$/, words: /(^| )(-L|--dump|-G|--get|-C|-S|-E|-h|--version)\b/ },
  { names: /^ipvsadm$/, words: /^$|(^| )(-l|-L|-Ln|--list|-S|--save|-h|--version)\b/ },
  { names: /^(systemctl|service|rc-service|invoke-rc\.d)$/, words: /(^| )(is-\S+|status|show|list-\S+)\b/ },
  {
    names: /^(firewall-cmd|firewall-offline-cmd|ufw|shorewall6?|firehol|ferm|netfilter-persistent)$/,
    words: /(^| )(status|--state|--list-\S+|--get-\S+|--query-\S+|show|version|--version|help)\b/,
  },
]

/** The reason why a command of each kind was not done, and what then. */
const reasons: Readonly<Partial<Record<ScriptCall["kind"], string>>> = {
  module: "no rule, so not done; modules that rules need load by themselves",
  service: "not done, services are not part of the rehearsal",
  routing:
    "no rule, so not done here; rules that rely on it (marks, TPROXY, CLASSIFY) do without it until you do it yourself",
  state: "no rule, so not done; connections that stand go on as they are",
  manager: "not done, it has rules of its own; use it by itself, or hand over the rules alone",
}

/**
 * Everything that a script does that is no rule, each command once: fw-apply does not do it.
 * @param sysctls those that it set
 * @param leftRunning processes that it left
 */
export function notesOf(
  calls: readonly ScriptCall[],
  sysctls: readonly string[],
  leftRunning: number,
): string[] {
  const done = new Set(
    calls.flatMap((call) => {
      const reason = reasons[call.kind]
      return reason === undefined || onlyAsks(call) ? [] : [`${commandLine(call)}: ${reason}`]
    }),
  )
  const ended = leftRunning === 1 ? "a process" : `${leftRunning} processes`
  return [
    ...sysctls.map((one) => `sysctl ${one}: no rule, so not applied; set it yourself`),
    ...done,
    ...(leftRunning > 0 ? [`the script left ${ended} running; ended with the rehearsal`] : []),
  ]
}

function onlyAsks({ name, args }: ScriptCall): boolean {
  const words = args.join(" ")
  return asks.some((one) => one.names.test(name) && one.words.test(words))
}
