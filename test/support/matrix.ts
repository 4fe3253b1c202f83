/**
 * The rows of a matrix that run: all of them with `scripts/test --long`, every `step`th else. A quarter of an hour holds no
 * whole matrix of real machines; choose a step that has no divisor in common with the matrix' own period.
 */
export function matrix<Row>(rows: readonly Row[], step: number): readonly Row[] {
  return process.env.FW_LONG ? rows : rows.filter((_, at) => at % step === 0)
}
