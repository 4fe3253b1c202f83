/** Stands in for the node:net of raw-socket, which wants it for one function: it tells addresses from other text. */
export { addressFamily as isIP } from "../../src/wire/address.ts"
