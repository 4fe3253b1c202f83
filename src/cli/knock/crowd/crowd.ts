/**
 * More hosts than these are a crowd: copies of their knocks are few and far between, of their ends those that went wrong are
 * named and the others counted, and names are resolved by a process of its own.
 */
export const mostNamed = 20

/** Tells whether so many hosts are a crowd. */
export function isCrowd(hosts: number): boolean {
  return hosts > mostNamed
}
