import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import type { HistogramOutput } from '../../../core/api.ts'

/** Bars of events over time; dragging selects a range. */
export function Histogram({
  data,
  onSelect,
}: {
  data: HistogramOutput
  onSelect: (since: number, until: number) => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const select = useRef(onSelect)
  select.current = onSelect

  useEffect(() => {
    const element = box.current
    if (!element) return
    const counts = new Map(data.buckets.map((bucket) => [bucket.start, bucket.count]))
    const times: number[] = []
    const values: number[] = []
    // A range of years at a small interval must not make millions of bars: the server chose about 60.
    const first = Math.floor(data.since / data.intervalMs) * data.intervalMs
    for (let at = first; at < data.until && times.length < 2000; at += data.intervalMs) {
      times.push(at / 1000)
      values.push(counts.get(at) ?? 0)
    }
    const style = getComputedStyle(element)
    const axis = { stroke: style.color, grid: { stroke: 'rgba(128,128,128,0.15)' }, ticks: { show: false }, size: 34 }
    const plot = new uPlot(
      {
        width: element.clientWidth || 600,
        height: 110,
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
        scales: {
          x: { time: true, range: [data.since / 1000, data.until / 1000] },
          y: { range: (_u, _min, max) => [0, Math.max(1, max)] },
        },
        axes: [axis, { ...axis, size: 46 }],
        series: [
          {},
          {
            paths: uPlot.paths.bars?.({ size: [0.9, 40], align: 1 }),
            fill: '#12b886',
            stroke: '#12b886',
            points: { show: false },
          },
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width < 4) return
              const since = Math.round(u.posToVal(u.select.left, 'x') * 1000)
              const until = Math.round(u.posToVal(u.select.left + u.select.width, 'x') * 1000)
              u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false)
              select.current(since, until)
            },
          ],
        },
      },
      [times, values],
      element,
    )
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 110 }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
    }
  }, [data])

  return (
    <div
      ref={box}
      className="u-wrap"
      role="img"
      aria-label={`${data.total} events over time`}
      style={{ minHeight: 110 }}
    />
  )
}
