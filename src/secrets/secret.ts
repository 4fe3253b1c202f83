import { Fault } from "../errors.ts"
import { sha256 } from "../knock/crypto.ts"
import { locateTypo } from "./typo.ts"

/**
 * A secret as text:
 *
 *     fwk1-ddddd-ddddd-ddddd-ddddd-ddddd-ddddd
 *          \___________________________/ \___/
 *               125 secret bits            3 secret bits, 22 check bits
 *
 * Thirty digits of Crockford's base 32, most significant bit first. The check bits are the first 22 bits of
 * SHA-256("fwk1" || secret). Normative: native-notes/knock-protocol.md, section 2.
 */
const secretBytes = 16

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
const digits = 30
const groupDigits = 5
const checkBits = 22
const checkPrefix = Uint8Array.from("fwk1", (character) => character.charCodeAt(0))

/** The kinds of mistakes in a written secret. `check` is a typo among good digits. */
export type SecretMistake = "prefix" | "length" | "digit" | "check"

/** The reason why a text is no secret. Holds nothing of the secret but the place of the mistake. */
export interface SecretProblem {
  readonly mistake: SecretMistake
  /** One line for the operator, lower case, without any character of the secret. */
  readonly message: string
}

export type ParsedSecret =
  | { readonly ok: true; readonly secret: Uint8Array }
  | { readonly ok: false; readonly problem: SecretProblem }

/**
 * A new secret out of 16 bytes from the system's random generator. Never a passphrase: the keys are derived without
 * stretching, so its 128 bits have to be random.
 * @throws Fault `usage` when `random` is not exactly 16 bytes, or all of them are zero (a generator that did not run).
 */
export function generateSecret(random: Uint8Array): Uint8Array {
  if (random.length !== secretBytes || random.every((byte) => byte === 0))
    throw new Fault("usage", `cannot make a secret: ${secretBytes} random bytes are wanted`)
  return new Uint8Array(random)
}

/**
 * Writes a secret in the one canonical way: lower case, groups of five.
 * @throws Fault `usage` when `secret` is not exactly 16 bytes.
 */
export function formatSecret(secret: Uint8Array): string {
  if (secret.length !== secretBytes)
    throw new Fault("usage", `cannot write a secret of ${secret.length} bytes: ${secretBytes} are wanted`)
  let bits =
    (BigInt(`0x${Buffer.from(secret).toString("hex")}`) << BigInt(checkBits)) | BigInt(checkOf(secret))
  let text = ""
  for (let i = 0; i < digits; i += 1) {
    text = alphabet.charAt(Number(bits & 31n)) + text
    bits >>= 5n
  }
  return `fwk1-${text.match(/.{5}/g)?.join("-")}`
}

/**
 * Reads a secret as people write it: any case, `o` for `0`, `i` and `l` for `1`, hyphens anywhere after the prefix or left
 * out. A mistake is returned with its kind and place; the text itself is never repeated.
 */
export function parseSecret(text: string): ParsedSecret {
  const folded = lowerCase(text.trim()).replace(/o/g, "0").replace(/[il]/g, "1")
  if (!folded.startsWith("fwk1")) return mistake("prefix", "a secret begins with fwk1-")
  const body = folded.slice(4).replaceAll("-", "")
  const values = Array.from(body, (character) => alphabet.indexOf(character))
  const stranger = values.indexOf(-1)
  if (stranger >= 0)
    return mistake(
      "digit",
      `group ${groupOf(stranger)} holds a character that no secret has (digits are 0-9 and a-z without i, l, o, u)`,
    )
  if (values.length !== digits)
    return mistake("length", `${values.length} digits after the prefix, ${digits} are wanted`)
  const { secret, check } = split(values)
  if (check !== checkOf(secret)) {
    const place = locateTypo(values, checksOut)
    if (place === undefined)
      return mistake("check", "the check digits do not fit: more than one digit is mistyped")
    const what = place.kind === "digit" ? "a digit is mistyped" : "two neighbouring digits are swapped"
    return mistake(
      "check",
      `the check digits do not fit: it looks as if ${what} in group ${groupOf(place.at)}`,
    )
  }
  return { ok: true, secret }
}

/** The prefix and two groups behind it, or twenty digits however they are grouped. */
const prefixed = /fwk[0-9il]-?(?:[0-9a-z]{5}-[0-9a-z]{5}|(?:-?[0-9a-z]){20})/i
/** Six groups: the prefix was not copied along. */
const grouped = /[0-9a-z]{5}(?:-[0-9a-z]{5}){5}/i

/** Tells whether somebody has put a secret, or most of one, into this text; also one that is mistyped. */
export function holdsSecret(text: string): boolean {
  return prefixed.test(text) || /[0-9]/.test(grouped.exec(text)?.[0] ?? "")
}

/** ASCII only: to Unicode the Kelvin sign is a k in upper case. */
const lowerCase = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

function mistake(kind: SecretMistake, message: string): ParsedSecret {
  return { ok: false, problem: { mistake: kind, message } }
}

/** Groups are counted from 1, as somebody reads them aloud. */
const groupOf = (digit: number): number => Math.min(digits / groupDigits, Math.floor(digit / groupDigits) + 1)

function split(values: readonly number[]): { secret: Uint8Array; check: number } {
  const secret = new Uint8Array(secretBytes)
  let [held, bits, filled] = [0, 0, 0] // `bits` of `held` are not in the secret; behind it they are the check
  for (const value of values) {
    held = (held << 5) | value
    bits += 5
    if (filled === secretBytes || bits < 8) continue
    bits -= 8
    secret[filled] = held >> bits
    held &= (1 << bits) - 1
    filled += 1
  }
  return { secret, check: held }
}

function checksOut(values: readonly number[]): boolean {
  const { secret, check } = split(values)
  return check === checkOf(secret)
}

/** The first 22 bits of SHA-256("fwk1" || secret), FIPS 180-4. */
function checkOf(secret: Uint8Array): number {
  const [a = 0, b = 0, c = 0] = sha256(checkPrefix, secret)
  return ((a << 16) | (b << 8) | c) >> (24 - checkBits)
}
