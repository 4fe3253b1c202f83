/** What `task` resolves to, or a rejection that says what was not done within `ms`: a run that hangs ends as a failed one. */
export async function within<Result>(ms: number, what: string, task: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([task, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a thing that was thrown says, on one line. */
export const said = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).trim().split("\n", 1)[0] ?? ""
