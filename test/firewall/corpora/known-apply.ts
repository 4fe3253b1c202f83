/** Something of a corpus that fw-apply does not do as the tools alone do. */
export interface ApplyTrouble {
  readonly unit: string
  readonly stage: string
  readonly trouble: string
}

interface Known {
  /** One line: why it is so, and why it stays so. */
  readonly why: string
  readonly is: (found: ApplyTrouble) => boolean
}

const known: readonly Known[] = []

/** The reason; undefined for a new trouble. */
export function explainApply(found: ApplyTrouble): string | undefined {
  return known.find(({ is }) => is(found))?.why
}
