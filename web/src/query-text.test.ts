import { expect, test } from 'vitest'
import { splitQuery, withClause } from './query-text.ts'

test.each([
  ['', '', ''],
  ['a and b', 'a and b', ''],
  ['a | stats count()', 'a', '| stats count()'],
  ['| top x', '', '| top x'],
  ['"a | b" c | head', '"a | b" c', '| head'],
  ['a || b | head', 'a || b', '| head'],
  ['m:/a|b/ | head', 'm:/a|b/', '| head'],
  ['p:/var/log | head', 'p:/var/log', '| head'],
  ['a\\|b | head', 'a\\|b', '| head'],
  ['"never closed | head', '"never closed | head', ''],
])('splitQuery: %s', (query, filter, stages) => expect(splitQuery(query)).toEqual({ filter, stages }))

test.each([
  ['', 'x:1'],
  ['a', 'a and x:1'],
  ['a or b', '(a or b) and x:1'],
  ['| top y', 'x:1 | top y'],
  ['a | top y', 'a and x:1 | top y'],
])('withClause: %s', (query, wanted) => expect(withClause(query, 'x:1')).toBe(wanted))
