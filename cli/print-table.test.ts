import { expect, test } from 'vitest'
import { formatTable } from './print-table.ts'

const table = {
  columns: ['user.name', 'count', 'last'],
  rows: [
    ['root', 12, null],
    ['김민수', 3, ['a', 'b']],
    ['evil\u001b[2J\r\nname\u202e', 0.5, true],
  ],
}

test('as a table: columns line up, wide characters too, and control bytes are shown, never sent', () => {
  expect(formatTable(table, 'table')).toEqual([
    'user.name                  count  last',
    'root                          12',
    '김민수                         3  a, b',
    'evil\\x1b[2J\\r\\nname\\u202e    0.5  true',
  ])
})

test('on a pipe: an object a line, cells as they are', () => {
  const [first, second] = formatTable(table, 'json')
  expect(JSON.parse(first ?? '')).toEqual({ 'user.name': 'root', count: 12, last: null })
  expect(JSON.parse(second ?? '')).toEqual({ 'user.name': '김민수', count: 3, last: ['a', 'b'] })
})

test('raw: tabs between, and none inside', () => {
  expect(formatTable(table, 'raw').at(-1)).toBe('evil\\x1b[2J\\r\\nname\\u202e\t0.5\ttrue')
})

test('what is very long is cut', () => {
  const [, row] = formatTable({ columns: ['m'], rows: [['x'.repeat(500)]] }, 'table')
  expect(row).toBe(`${'x'.repeat(79)}…`)
})
