/** The comment on the `accept` that stands at the head of a chain between the open and the settling. */
export const openMark = "fw-watchdog open"
