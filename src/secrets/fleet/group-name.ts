/** A group as its members' records name it: letters and digits as Ansible takes them, dots and dashes inside. */
const groupName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

/** The group of all that are kept; no record names it. */
export const groupOfAll = "all"

/** True for a name that hosts may be grouped under. Case counts, as in Ansible. */
export function isGroupName(text: string): boolean {
  return groupName.test(text) && text !== groupOfAll
}

/** True for `@GROUP` in the place of a host. */
export function isGroupWord(word: string): boolean {
  return word.startsWith("@")
}
