import type { WrittenCase, WrittenRow } from "../results.ts"
import { colourOf, faintInk, ink } from "./palette.ts"
import type { Figure } from "./svg.ts"

const kinds = ["unrelated pings", "forged knocks"] as const
const panelWidth = 330

/** Two panels, one a kind of junk: how many of the knocks opened, by rate and contender. */
export function floodsFigure({ rows }: WrittenCase): Figure {
  const contenders = [...new Set(rows.map(({ contender }) => contender))]
  const variants = [...new Set(rows.map(({ variant }) => variant))]
  const knocks = Number(/\d+/.exec(rows[0]?.unit ?? "")?.[0] ?? 0)
  const rates = [...new Set(variants.map((variant) => Number.parseInt(variant, 10)))]
  const find = (rate: number, kind: string, contender: string): WrittenRow | undefined =>
    rows.find(
      (row) => row.contender === contender && row.variant === (rate === 0 ? "0/s" : `${rate}/s ${kind}`),
    )
  const least = contenders.map((contender) => {
    const opened = rows.flatMap((row) => (row.contender === contender ? (row.median ?? []) : []))
    return `${contender} ${Math.min(...opened)}`
  })
  return {
    name: "floods",
    alt: `Of ${knocks} knocks under junk, in the worst flood these opened: ${least.join(", ")}`,
    width: 760,
    height: 290,
    option: {
      title: [
        {
          text: `Knocks that open, out of ${knocks}, while junk comes in`,
          subtext:
            "Packets a second, as the server's interface counted them; forged: as made by who has seen knocks",
          left: 14,
          top: 10,
          itemGap: 5,
          textStyle: { fontSize: 16, color: ink },
          subtextStyle: { fontSize: 12, color: faintInk },
        },
        ...kinds.map((kind, at) => ({
          text: kind,
          left: 44 + at * (panelWidth + 36),
          top: 60,
          textStyle: { fontSize: 12, fontWeight: "bold", color: ink },
        })),
      ],
      legend: {
        bottom: 6,
        itemGap: 26,
        itemWidth: 12,
        itemHeight: 12,
        data: contenders,
        textStyle: { color: ink },
      },
      grid: kinds.map((_, at) => ({
        left: 44 + at * (panelWidth + 36),
        top: 92,
        width: panelWidth,
        height: 134,
      })),
      xAxis: kinds.map((_, at) => ({
        gridIndex: at,
        type: "category",
        data: rates.map((rate) => (rate === 0 ? "none" : rate.toLocaleString("en").replaceAll(",", " "))),
        axisTick: { show: false },
        axisLabel: { color: ink },
      })),
      yAxis: kinds.map((_, at) => ({
        gridIndex: at,
        type: "value",
        min: 0,
        max: knocks,
        interval: knocks / 4,
        axisLabel: { color: ink },
        splitLine: { lineStyle: { color: "#e3e6e9" } },
      })),
      series: kinds.flatMap((kind, at) =>
        contenders.map((contender) => ({
          type: "bar",
          name: contender,
          xAxisIndex: at,
          yAxisIndex: at,
          silent: true,
          barGap: "12%",
          itemStyle: { color: colourOf(contender) },
          data: rates.map((rate) => {
            const row = find(rate, kind, contender)
            const value = row?.median
            // Who is opened by a forged knock cannot be measured under any; "-" leaves its place empty.
            if (value === undefined) return "-"
            return { value, label: { show: value < knocks, position: "top", fontSize: 11, color: ink } }
          }),
        })),
      ),
    },
  }
}
