import type { WrittenCase } from "../results.ts"
import { figure } from "../table.ts"
import { faintInk, ink } from "./palette.ts"
import type { Figure } from "./svg.ts"

const colours = ["#0b62c4", "#d9822b"]

/** One line a kind of firewall: the time to open by how many rules it has. */
export function growthFigure({ rows }: WrittenCase): Figure {
  const firewalls = [...new Set(rows.map(({ variant }) => variant))]
  const sizes = [...new Set(rows.map(({ contender }) => contender))]
  const medianOf = (firewall: string, size: string): number | undefined =>
    rows.find(({ variant, contender }) => variant === firewall && contender === size)?.median
  const largest = firewalls.map((firewall) => {
    const took = medianOf(firewall, sizes.at(-1) ?? "")
    return `${firewall} ${took === undefined ? "not measured" : `${figure(took)} ms`}`
  })
  return {
    name: "growth",
    alt: `Time to open with the most rules: ${largest.join(", ")}`,
    width: 760,
    height: 260,
    option: {
      title: {
        text: "Time to open, by how many rules the firewall has",
        subtext:
          "Milliseconds from the knock on the wire to the first packet let through, median; fw-watchdog",
        left: 14,
        top: 10,
        itemGap: 5,
        textStyle: { fontSize: 16, color: ink },
        subtextStyle: { fontSize: 12, color: faintInk },
      },
      legend: { bottom: 6, itemGap: 26, data: firewalls, textStyle: { color: ink } },
      grid: { left: 44, right: 60, top: 70, bottom: 62 },
      xAxis: {
        type: "category",
        data: sizes.map(
          (size) => `${Number.parseInt(size, 10).toLocaleString("en").replaceAll(",", " ")} rules`,
        ),
        axisTick: { show: false },
        axisLabel: { color: ink },
      },
      yAxis: {
        type: "value",
        min: 0,
        axisLabel: { color: ink },
        splitLine: { lineStyle: { color: "#e3e6e9" } },
      },
      series: firewalls.map((firewall, at) => ({
        type: "line",
        name: firewall,
        silent: true,
        symbol: "circle",
        symbolSize: 7,
        itemStyle: { color: colours[at] },
        lineStyle: { width: 2 },
        label: {
          show: true,
          position: at === 0 ? "top" : "bottom",
          color: colours[at],
          fontSize: 11,
          formatter: ({ value }: { value: number | string }) =>
            typeof value === "number" ? figure(value) : "",
        },
        data: sizes.map((size) => medianOf(firewall, size) ?? "-"),
      })),
    },
  }
}
