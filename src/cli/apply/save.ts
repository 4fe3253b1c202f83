import { type BootSaved, refuseUnsavable, saveForBoot } from "../../apply/boot/save.ts"
import { Fault } from "../../errors.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import { inFirstNamespace } from "../../guard/state/folders.ts"
import { type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import { systemClock } from "../../system/system-clock.ts"
import type { Terminal } from "../terminal/terminal.ts"

/** Checks what can be known before a rehearsal. @throws Fault `refused` when these rules are not the machine's own */
export function refuseOtherNamespace(): void {
  if (inFirstNamespace()) return
  throw new Fault(
    "refused",
    "cannot save for the next start: these are the rules of another network namespace",
    {
      hint: "the machine loads only its own; fw-apply --print writes these as files",
    },
  )
}

/** The reason why a change's rules could not be saved, as far as that is known before it, or undefined; nothing is written. */
export function notSavable(rules: Snapshot, facts: NonNullable<Outcome["facts"]>): Outcome | undefined {
  try {
    refuseUnsavable("/", rules)
    return undefined
  } catch (thrown) {
    return { ...outcomeOfFault(thrown, { ...facts, changed: false, saved: [] }), event: "not-saved" }
  }
}

/**
 * `--save`: has the confirmed rules loaded at boot.
 * @param outcome of the change, which stays whatever comes of this
 * @returns the same with the files that were written, or why the rules are not saved
 */
export async function saveConfirmed(rules: Snapshot, outcome: Outcome, terminal: Terminal): Promise<Outcome> {
  let saved: BootSaved
  try {
    refuseOtherNamespace()
    saved = await saveForBoot({ root: "/", clock: systemClock }, rules)
  } catch (thrown) {
    return notSaved(outcome, thrown)
  }
  for (const note of saved.notes) terminal.warn(note)
  for (const { path, copy } of saved.files)
    if (!terminal.json && copy !== undefined) terminal.say(`kept what was in ${path} as ${copy}`)
  const written = saved.files.filter(({ state }) => state === "written").map(({ path }) => path)
  const done = written.length > 0 ? `saved in ${written.join(", ")}` : "saved for the next start already"
  return { ...outcome, message: `${outcome.message}; ${done}`, facts: { ...outcome.facts, saved: written } }
}

/**
 * The same for a change that was confirmed: what the guard has found in force then is saved.
 * @param outcome `confirmed`, as the guard tells it
 */
export async function saveAsConfirmed(outcome: Outcome, terminal: Terminal): Promise<Outcome> {
  const { candidate, notCompared } = outcome.facts ?? {}
  let rules: Snapshot
  try {
    if (typeof notCompared === "string")
      throw new Fault(
        "refused",
        "not saved for the next start: nobody knows whether it is what is in force",
        {
          hint: "look at the rules; `fw-apply FILE --save` again saves them when they are in force already",
        },
      )
    if (typeof candidate !== "string" || candidate === "")
      throw new Fault("missing", "cannot save for the next start: the confirmed rules are in memory only", {
        hint: "make room on the disk; `fw-apply FILE --save` again saves them when they are in force already",
      })
    rules = loadSnapshot(candidate)
  } catch (thrown) {
    return notSaved(outcome, thrown)
  }
  return await saveConfirmed(rules, outcome, terminal)
}

function notSaved(outcome: Outcome, thrown: unknown): Outcome {
  const failed = outcomeOfFault(thrown, { ...outcome.facts, saved: [] })
  // "Refused" would say that nothing was changed.
  const code = outcome.facts?.changed === true ? "state-unknown" : failed.code
  return { ...failed, event: "not-saved", code, message: `${outcome.message}, but: ${failed.message}` }
}
