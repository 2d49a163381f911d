import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useRef } from 'react'

/** A long list of rows of unknown height; only what is seen is in the page. */
export function VirtualRows<T>({
  items,
  keyOf,
  render,
  stickToEnd = false,
  height,
}: {
  items: readonly T[]
  keyOf: (item: T) => string
  render: (item: T) => ReactNode
  stickToEnd?: boolean
  height: string
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 26,
    getItemKey: (i) => keyOf(items[i] as T),
    overscan: 20,
  })

  // biome-ignore lint/correctness/useExhaustiveDependencies: follow whenever the list grows
  useEffect(() => {
    if (stickToEnd && items.length > 0) rows.scrollToIndex(items.length - 1, { align: 'end' })
  }, [items, stickToEnd])

  return (
    <div ref={scroller} className="scroller" style={{ height }} data-rows={items.length}>
      <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
        {rows.getVirtualItems().map((row) => (
          <div
            key={row.key}
            data-index={row.index}
            ref={rows.measureElement}
            style={{ position: 'absolute', top: 0, left: 0, right: 0, transform: `translateY(${row.start}px)` }}
          >
            {render(items[row.index] as T)}
          </div>
        ))}
      </div>
    </div>
  )
}
