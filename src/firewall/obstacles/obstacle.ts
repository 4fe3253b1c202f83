import type { ObstacleKind } from "../../knock/answer.ts"

/** Something on this machine, other than a rule that drops, that can keep a packet from the port it is meant for. An open leaves it alone. */
export interface Obstacle {
  readonly kind: ObstacleKind
  /** The thing itself, for people. */
  readonly where: string
}

/** A kind of obstacle that could not be looked for, or not everywhere: nobody knows, which is not the same as there being none. */
export interface NotLooked {
  readonly kind: ObstacleKind
  readonly why: string
}

/** The kinds that depend on the way that packets take back to whoever knocked. */
export const onTheWayBack: readonly ObstacleKind[] = ["routing", "reverse-path"]

/** The obstacles that were seen, and the kinds that nobody could look for. */
export interface Survey {
  readonly found: readonly Obstacle[]
  readonly notLooked: readonly NotLooked[]
}

/** Where a knock came from. */
export interface KnockOrigin {
  readonly source: string
  /** The interface; `any` where it is not known. */
  readonly device: string
  /** Whose secret it came under, where that has a name. */
  readonly name?: string
}

/** Surveys of several kinds as one. */
export function joined(surveys: readonly Survey[]): Survey {
  return {
    found: surveys.flatMap(({ found }) => found),
    notLooked: surveys.flatMap(({ notLooked }) => notLooked),
  }
}

/** A survey of one kind that came to nothing. */
export function notLooked(kind: ObstacleKind, why: string): Survey {
  return { found: [], notLooked: [{ kind, why }] }
}
