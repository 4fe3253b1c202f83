/** One colour a contender, the same in every figure; ours are the blue ones. */
const colours: Readonly<Record<string, string>> = {
  "fw-watchdog": "#0b62c4",
  "fw-watchdog --plain": "#7fb2ec",
  "fw-knock": "#0b62c4",
  "fw-knock from npm": "#7fb2ec",
  "fw-apply": "#0b62c4",
  "fw-apply --check": "#7fb2ec",
  "iptables-restore": "#9aa5b1",
  "sh script": "#d9822b",
  "node -e 0": "#9aa5b1",
  "old recipe, ping": "#d9822b",
  "old recipe, scapy": "#ecb77f",
  fwknop: "#7a5195",
  knockd: "#5f8f5f",
}
/** For whoever has none of his own, in turn. */
const others = ["#d9822b", "#7a5195", "#5f8f5f", "#b0413e", "#8a8a8a"]

export const colourOf = (contender: string, turn = 4): string =>
  colours[contender] ?? others[turn % others.length] ?? "#8a8a8a"

export const ink = "#24292f"
export const faintInk = "#6e7781"
export const good = "#c9e8d2"
export const bad = "#f6c9c4"
export const font = "Helvetica, Arial, sans-serif"
