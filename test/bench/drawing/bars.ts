import { faintInk, ink } from "./palette.ts"
import type { Figure } from "./svg.ts"

/** One bar; without a value only its note is written. */
export interface Bar {
  readonly name: string
  readonly colour: string
  readonly value: number | undefined
  /** What stands behind the bar. */
  readonly note: string
  /** The part of the value that comes first, drawn paler. */
  readonly lead?: number
}

/** Bars of one kind, on a scale of their own or on one that all panels share. */
export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

const width = 760
const barHeight = 21
const left = 150
const right = 150

/** Horizontal bars in panels one below the other; scales are linear and begin at zero. */
export function barFigure(
  about: { readonly name: string; readonly alt: string; readonly title: string; readonly subtitle: string },
  panels: readonly Panel[],
  scale: "shared" | "own",
): Figure {
  const tops: number[] = []
  let bottom = 62
  for (const { bars } of panels) {
    tops.push(bottom + 22)
    bottom += 22 + bars.length * barHeight + 14
  }
  const most = (bars: readonly Bar[]): number => Math.max(0, ...bars.map(({ value }) => value ?? 0)) || 1
  const shared = Math.max(...panels.map(({ bars }) => most(bars)))
  return {
    name: about.name,
    alt: about.alt,
    width,
    height: bottom,
    option: {
      title: [
        {
          text: about.title,
          subtext: about.subtitle,
          left: 14,
          top: 10,
          itemGap: 5,
          textStyle: { fontSize: 16, color: ink },
          subtextStyle: { fontSize: 12, color: faintInk },
        },
        ...panels.map(({ title }, at) => ({
          text: title,
          left: left - 6,
          top: (tops[at] ?? 0) - 20,
          textStyle: { fontSize: 12, fontWeight: "bold", color: ink },
        })),
      ],
      grid: panels.map(({ bars }, at) => ({ left, right, top: tops[at], height: bars.length * barHeight })),
      xAxis: panels.map(({ bars }, at) => ({
        gridIndex: at,
        type: "value",
        min: 0,
        max: scale === "shared" ? shared : most(bars),
        show: false,
      })),
      yAxis: panels.map(({ bars }, at) => ({
        gridIndex: at,
        type: "category",
        inverse: true,
        data: bars.map(({ name }) => name),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: faintInk } },
        axisLabel: { color: ink, fontSize: 12 },
      })),
      series: panels.flatMap(({ bars }, at) => [
        {
          type: "bar",
          stack: `panel ${at}`,
          xAxisIndex: at,
          yAxisIndex: at,
          barWidth: 14,
          silent: true,
          data: bars.map(({ lead, colour }) => ({
            value: lead ?? 0,
            itemStyle: { color: colour, opacity: 0.35 },
          })),
        },
        {
          type: "bar",
          stack: `panel ${at}`,
          xAxisIndex: at,
          yAxisIndex: at,
          barWidth: 14,
          silent: true,
          data: bars.map(({ value, note, lead, colour }) => ({
            value: Math.max(0, (value ?? 0) - (lead ?? 0)),
            itemStyle: { color: value === undefined ? "transparent" : colour },
            label: {
              show: true,
              position: "right",
              formatter: note,
              color: value === undefined ? faintInk : ink,
              fontSize: 12,
            },
          })),
        },
      ]),
    },
  }
}
