import {
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from "node:crypto"
import { Fault } from "../errors.ts"

const label = "fw-watchdog agree v1"
/** A public value as text: 32 bytes in base64url (RFC 4648 section 5), which no shell takes for anything else. */
const publicText = /^[A-Za-z0-9_-]{43}$/

/** One end of an agreement: its public value goes to the other end, in the open. */
export interface Agreement {
  readonly publicValue: string
  /**
   * The 16 bytes of the secret that both ends have by now: X25519 (RFC 7748) and HKDF-SHA-256 (RFC 5869), whose info is the label and the
   * public values, the client's first. Normative: native-notes/knock-protocol.md, section 2. What carries the public values has to vouch
   * for them, as ssh does.
   * @throws Fault `usage` for what is no public value, or one that makes every secret the same
   */
  secretWith(other: string): Uint8Array
}

/** @param end the end that this one is @param pair its keys; new ones from the system's generator unless told */
export function openAgreement(
  end: "client" | "server",
  pair: KeyPairKeyObjectResult = generateKeyPairSync("x25519"),
): Agreement {
  const own = rawOf(pair.publicKey)
  return {
    publicValue: own.toString("base64url"),
    secretWith(other) {
      const theirs = readPublic(other)
      const values = end === "client" ? [own, theirs] : [theirs, own]
      const shared = sharedOf(pair.privateKey, theirs)
      const info = Buffer.concat([Buffer.from(label), ...values])
      return new Uint8Array(hkdfSync("sha256", shared, new Uint8Array(), info, 16))
    },
  }
}

/** @throws Fault `usage` */
function readPublic(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url")
  if (publicText.test(text) && bytes.length === 32) return bytes
  throw new Fault(
    "usage",
    "what was given to agree on is no public value: 43 characters of base64url are wanted",
  )
}

/** A value of small order makes the product zero, which OpenSSL refuses (RFC 7748 section 6.1). */
function sharedOf(privateKey: KeyObject, theirs: Buffer): Buffer {
  const jwk = { kty: "OKP", crv: "X25519", x: theirs.toString("base64url") }
  try {
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) })
  } catch (cause) {
    throw new Fault("usage", "what was given to agree on is no public value of X25519", { cause })
  }
}

function rawOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url")
}
