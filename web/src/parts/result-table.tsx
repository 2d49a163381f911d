import { Button, Group, Text } from '@mantine/core'
import type { WireCell, WireTable } from '../../../core/api.ts'
import { clause, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import type { AddClause } from './event-row.tsx'
import { TimeChart } from './time-chart.tsx'

/** Rows drawn at first; a browser with ten thousand rows of a table is slow. */
const SHOWN = 500

/** What stages made: as lines over time where it is by time, and as a table. */
export function ResultTable({ table, more, onClause }: { table: WireTable; more: boolean; onClause: AddClause }) {
  const { t } = useText()
  const { columns, rows } = table
  const numeric = columns.map((_column, i) => rows.every((row) => typeof (row[i] ?? 0) === 'number'))
  return (
    <div data-table-rows={rows.length}>
      <TimeChart table={table} />
      <div className="table-scroller">
        <table className="result mono">
          <thead>
            <tr>
              {columns.map((column, i) => (
                <th key={column} data-numeric={numeric[i]}>
                  {visible(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row, r) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity and never move
              <tr key={r}>
                {columns.map((column, i) => (
                  <td key={column} data-numeric={numeric[i]}>
                    <Cell column={column} value={row[i] ?? null} onClause={onClause} isFigure={numeric[i] === true} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(more || rows.length > SHOWN) && (
        <Text size="sm" c="dimmed" p="xs">
          {Math.min(rows.length, SHOWN).toLocaleString()} / {rows.length.toLocaleString()}
          {more ? '+' : ''} · {t('moreRows')}
        </Text>
      )}
    </div>
  )
}

function Cell({
  column,
  value,
  onClause,
  isFigure,
}: {
  column: string
  value: WireCell
  onClause: AddClause
  isFigure: boolean
}) {
  const { t } = useText()
  if (value === null) return <span className="dim">–</span>
  if (typeof value === 'number') return <>{value.toLocaleString(undefined, { maximumFractionDigits: 3 })}</>
  const text = visible(typeof value === 'object' ? value.map(String).join(', ') : String(value))
  // Keys of groups are fields of events: one click narrows to them.
  const isField = !isFigure && typeof value !== 'object' && column.includes('.') && !column.includes('(')
  if (!isField) return <span>{text}</span>
  return (
    <Group gap={2} wrap="nowrap">
      <span>{text}</span>
      <Button size="compact-xs" variant="subtle" title={t('filterFor')} onClick={() => onClause(clause(column, value))}>
        +
      </Button>
      <Button
        size="compact-xs"
        variant="subtle"
        title={t('filterOut')}
        onClick={() => onClause(`not ${clause(column, value)}`)}
      >
        −
      </Button>
    </Group>
  )
}
