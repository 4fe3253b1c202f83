export { addressFamily as isIP } from "../../src/wire/address.ts"
