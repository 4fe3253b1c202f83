import type { WrittenCase } from "../results.ts"
import { bad, faintInk, good, ink } from "./palette.ts"
import type { Figure } from "./svg.ts"

const cellWidth = 128
const rowHeight = 24
const left = 250
const top = 84

/** A table in colours: one row a fault, one column a contender. */
export function faultsFigure({ rows }: WrittenCase): Figure {
  const contenders = [...new Set(rows.map(({ contender }) => contender))]
  const variants = [...new Set(rows.map(({ variant }) => variant))]
  const stands = (variant: string, contender: string): boolean =>
    rows.some((row) => row.variant === variant && row.contender === contender && row.stood === true)
  const counts = contenders.map(
    (contender) => `${contender} ${variants.filter((variant) => stands(variant, contender)).length}`,
  )
  return {
    name: "faults",
    alt: `Of ${variants.length} situations these stand: ${counts.join(", ")}`,
    width: left + contenders.length * cellWidth + 14,
    height: top + variants.length * rowHeight + 14,
    option: {
      title: {
        text: "Does one knock open the firewall all the same?",
        subtext: "Each was run; in the last row, standing is not to open again",
        left: 14,
        top: 10,
        itemGap: 5,
        textStyle: { fontSize: 16, color: ink },
        subtextStyle: { fontSize: 12, color: faintInk },
      },
      grid: { left, top, width: contenders.length * cellWidth, height: variants.length * rowHeight },
      xAxis: {
        type: "category",
        data: contenders,
        position: "top",
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: { color: ink, fontSize: 12, fontWeight: "bold", interval: 0 },
      },
      yAxis: {
        type: "category",
        inverse: true,
        data: variants,
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: { color: ink, fontSize: 12 },
      },
      visualMap: {
        show: false,
        type: "piecewise",
        dimension: 2,
        pieces: [
          { value: 1, color: good },
          { value: 0, color: bad },
        ],
      },
      series: {
        type: "heatmap",
        silent: true,
        itemStyle: { borderColor: "#ffffff", borderWidth: 2 },
        label: {
          show: true,
          color: ink,
          fontSize: 12,
          formatter: ({ value }: { value: readonly number[] }) => (value[2] === 1 ? "yes" : "no"),
        },
        data: variants.flatMap((variant, y) =>
          contenders.map((contender, x) => [x, y, stands(variant, contender) ? 1 : 0]),
        ),
      },
    },
  }
}
