import { BarChart, CustomChart, HeatmapChart, LineChart } from "echarts/charts"
import { GridComponent, LegendComponent, TitleComponent, VisualMapComponent } from "echarts/components"
import { type EChartsCoreOption, init, use } from "echarts/core"
import { SVGRenderer } from "echarts/renderers"
import { font, ink } from "./palette.ts"

use([
  BarChart,
  LineChart,
  HeatmapChart,
  CustomChart,
  GridComponent,
  LegendComponent,
  TitleComponent,
  VisualMapComponent,
  SVGRenderer,
])

/** What is drawn: ECharts' options and the size in pixels. */
export interface Figure {
  /** Of the file, without its ending. */
  readonly name: string
  /** What can be read off it, in words: the text in place of the picture. */
  readonly alt: string
  readonly width: number
  readonly height: number
  readonly option: EChartsCoreOption
}

/** The picture as SVG text; the same options give the same text. */
export function svgOf({ width, height, option }: Figure): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      textStyle: { fontFamily: font, color: ink },
      ...option,
    })
    // Names in it count the pictures that this process has drawn.
    return `${chart.renderToSVGString().replace(/zr\d+-/g, "zr-")}\n`
  } finally {
    chart.dispose()
  }
}
