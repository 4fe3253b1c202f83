import type { ScriptCall } from "../../src/apply/script/calls.ts"

/** A call of a rule program that failed, as a wrapper writes it down; `more` says what is otherwise. */
export function failedCall(words: string, more: Partial<ScriptCall> = {}): ScriptCall {
  const [name = "", ...args] = words.split(" ")
  return {
    kind: "rules",
    name,
    args,
    exitCode: 1,
    pid: "1",
    piped: false,
    said: "",
    given: undefined,
    ...more,
  }
}
