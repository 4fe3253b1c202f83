/** A ruleset can have thousands of chains that drop; an event names so many of them. */
export const mostListed = 100
/** And a line for people so many. */
const mostSaid = 5

/** The first few, as a line for people tells them, and how many more there are. */
export function someOf(all: readonly string[]): string {
  const more = all.length > mostSaid ? `; and ${all.length - mostSaid} more` : ""
  return `${all.slice(0, mostSaid).join("; ")}${more}`
}
