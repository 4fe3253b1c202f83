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

const known: readonly Known[] = [
  {
    why: "connlimit and recent keep a mask of 16 bytes, of which IPv4 has the first 4 (xt_connlimit.c, xt_recent.c): the save prints these",
    is: ({ trouble }) => {
      const lines = trouble.split("\n").map((line) => line.trim())
      const ofSide = (sign: string): string =>
        lines
          .filter((line) => line.startsWith(sign))
          .map((line) => line.slice(1).replace(/f{32}/g, `${"f".repeat(8)}${"0".repeat(24)}`))
          .sort()
          .join("\n")
      return /^kernel bytes/.test(trouble) && ofSide("-") !== "" && ofSide("-") === ofSide("+")
    },
  },
]

/** The reason; undefined for a new trouble. */
export function explainApply(found: ApplyTrouble): string | undefined {
  return known.find(({ is }) => is(found))?.why
}
