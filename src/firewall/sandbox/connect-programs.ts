/**
 * A program for `node -e`: listens and sends back what comes, so that a connection has carried packets of every kind both
 * ways before it counts. Prints "up".
 */
export function serviceProgram(host: string, port: number): string {
  return `const net = require("net")
const service = net.createServer((socket) => { socket.on("error", () => {}); socket.pipe(socket) })
service.on("error", (error) => { console.log("cannot listen: " + error.message); process.exit(1) })
service.listen({ host: ${JSON.stringify(host)}, port: ${port} }, () => console.log("up"))`
}

/**
 * A program for `node -e`: connects once, as a client does (rules count how often somebody comes), and waits for its
 * own word to come back. Prints "connected", or why not.
 */
export function clientProgram(host: string, port: number, localAddress: string, budgetMs: number): string {
  const to = JSON.stringify({ host, port, localAddress })
  return `const net = require("net")
const say = (text) => { console.log(text); process.exit(0) }
const socket = net.connect(${to}, () => socket.write("hello"))
socket.on("data", () => say("connected"))
socket.on("error", (error) => say(error.code || error.message))
socket.on("close", () => say("closed"))
setTimeout(() => say(socket.connecting ? "no answer" : "no answer after the connection was there"), ${budgetMs})`
}
