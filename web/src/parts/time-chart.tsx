import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import type { WireTable } from '../../../core/api.ts'
import { visible } from '../event-text.ts'

const MAX_SERIES = 10
const MAX_POINTS = 5000
const colours = '#12b886 #4c6ef5 #fa5252 #fab005 #be4bdb #15aabf #fd7e14 #82c91e #868e96 #e64980'.split(' ')

export interface Series {
  readonly name: string
  readonly values: (number | null)[]
}

/** A table by time as lines: one for each figure, or for each value of the one other column. Undefined: it is not one. */
export function seriesOf({ columns, rows }: WireTable): { times: number[]; series: Series[] } | undefined {
  const time = columns.indexOf('@timestamp')
  if (time < 0 || rows.length < 2) return undefined
  const others = columns.map((_column, i) => i).filter((i) => i !== time)
  const figures = others.filter((i) => rows.some((row) => typeof row[i] === 'number'))
  const keys = others.filter((i) => !figures.includes(i))
  const [figure] = figures
  if (figure === undefined || keys.length > 1) return undefined
  const places = new Map<number, number>()
  for (const row of rows) {
    const ms = Date.parse(String(row[time]))
    if (!Number.isFinite(ms)) return undefined
    places.set(ms / 1000, 0)
  }
  const times = [...places.keys()].sort((a, b) => a - b)
  if (times.length < 2 || times.length > MAX_POINTS) return undefined
  times.forEach((at, i) => {
    places.set(at, i)
  })
  const made = new Map<string, (number | null)[]>()
  for (const row of rows) {
    const at = places.get(Date.parse(String(row[time])) / 1000) as number
    for (const i of keys.length > 0 ? [figure] : figures) {
      const name = keys.length > 0 ? String(row[keys[0] as number] ?? '–') : (columns[i] as string)
      const values = made.get(name) ?? new Array<number | null>(times.length).fill(null)
      made.set(name, values)
      values[at] = typeof row[i] === 'number' ? (row[i] as number) : null
    }
  }
  const sum = (values: readonly (number | null)[]) => values.reduce<number>((all, value) => all + (value ?? 0), 0)
  const series = [...made].map(([name, values]) => ({ name, values })).sort((a, b) => sum(b.values) - sum(a.values))
  return { times, series: series.slice(0, MAX_SERIES) }
}

export function TimeChart({ table }: { table: WireTable }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current
    const data = seriesOf(table)
    if (!element || !data) return
    const style = getComputedStyle(element)
    const axis = { stroke: style.color, grid: { stroke: 'rgba(128,128,128,0.15)' }, ticks: { show: false }, size: 40 }
    const plot = new uPlot(
      {
        width: element.clientWidth || 600,
        height: 220,
        legend: { show: true, live: false },
        cursor: { drag: { x: false, y: false } },
        axes: [axis, { ...axis, size: 60 }],
        series: [
          {},
          ...data.series.map(({ name }, i) => ({
            label: visible(name),
            stroke: colours[i % colours.length] as string,
            width: 1.5,
            points: { show: data.times.length < 80, size: 4 },
            spanGaps: true,
          })),
        ],
      },
      [data.times, ...data.series.map(({ values }) => values)],
      element,
    )
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 220 }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
    }
  }, [table])
  return <div ref={box} className="u-wrap" data-chart />
}
