import { reasonOf } from "../../errors.ts"
import type { ObstacleKind } from "../../knock/answer.ts"
import { within } from "../../system/within.ts"
import type { SnapshotDeps } from "../snapshot/reading.ts"
import { takeSnapshot } from "../snapshot/snapshot.ts"
import type { LookDeps } from "./looking.ts"
import { markRules } from "./marks.ts"
import { joined, type KnockOrigin, notLooked, type Survey } from "./obstacle.ts"
import { portTranslations } from "./port-translation.ts"
import { lookForReversePath } from "./reverse-path.ts"
import { lookForRouting } from "./routing.ts"
import { ruleTexts } from "./rule-texts.ts"
import { lookForTrafficControl } from "./traffic-control.ts"
import { lookForXdp } from "./xdp.ts"

/**
 * Looks for everything on this machine that an open leaves alone and that can keep packets from where they are meant to go. Changes
 * nothing; never throws: what could not be looked for is said as that.
 * @param origin where the knock came from, if there was one
 * @param limitMs how long each kind is looked for, in milliseconds
 */
export async function surveyObstacles(
  deps: LookDeps,
  snapshotDeps: SnapshotDeps,
  origin: KnockOrigin | undefined,
  limitMs: number,
): Promise<Survey> {
  const look = async (kind: ObstacleKind, find: () => Promise<Survey>): Promise<Survey> => {
    try {
      return await within(snapshotDeps.clock, limitMs, find())
    } catch (thrown) {
      return notLooked(kind, reasonOf(thrown))
    }
  }
  const rules = takeSnapshot(snapshotDeps, "survey").then((snapshot) => ({
    tables: ruleTexts(snapshot),
    unread: snapshot.unread.filter(({ where }) => !besideIp.test(where)),
  }))
  const marksOrNot = async () => {
    const { tables, unread } = await within(snapshotDeps.clock, limitMs / 2, rules).catch(() => nothingKnown)
    return unread.length === 0 ? markRules(tables) : undefined
  }
  const surveys = await Promise.all([
    look("routing", async () => lookForRouting(deps, origin, await marksOrNot())),
    look("port-translation", async () => {
      const { tables, unread } = await rules
      const login = { ports: deps.loginPorts(), addresses: deps.addresses() }
      return {
        found: portTranslations(tables, login),
        notLooked: unread.map(({ where, why }) => ({ kind: "port-translation", why: `${where}: ${why}` })),
      }
    }),
    look("xdp", () => lookForXdp(deps)),
    look("traffic-control", () => lookForTrafficControl(deps)),
    look("reverse-path", () => lookForReversePath(deps, origin)),
  ])
  return joined(surveys)
}

/** Sets, and the layers below IP: no mark of a route and no nat of a port is in them. */
const besideIp = /^(ipset|arptables|ebtables|nft (arp|bridge|netdev) )/

const nothingKnown = { tables: [], unread: [{ where: "", why: "" }] } as const
