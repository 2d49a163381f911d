import { expect, test } from 'vitest'
import { csvCell, csvLine } from './csv.ts'

test.each([
  ['a word', 'root', 'root'],
  ['nothing', null, ''],
  ['a number', -5, '-5'],
  ['text that is a plain number', '-5.25', '-5.25'],
  ['true', true, 'true'],
  ['a comma', 'a,b', '"a,b"'],
  ['a quote', 'say "hi"', '"say ""hi"""'],
  ['a line break', 'a\r\nb', '"a\r\nb"'],
  ['several values', ['a', 1], '"[""a"",1]"'],
  ['a formula', '=1+1', "'=1+1"],
  ['a formula with what needs quotes', '=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
  ['plus', '+cmd', "'+cmd"],
  ['minus', '-cmd', "'-cmd"],
  ['at', '@SUM(A1)', "'@SUM(A1)"],
  ['full-width equals', '\uff1d1+1', "'\uff1d1+1"],
  ['a formula behind blanks', '  =1', '"\'  =1"'.replace('"\'', "'").replace('"', '')],
  ['a tab first', '\t=1', "'\t=1"],
  ['a carriage return first', '\r=1', '"\'\r=1"'],
  ['DDE', '|calc', "'|calc"],
  ['a minus inside', 'a-b', 'a-b'],
  ['an address', '10.0.0.1', '10.0.0.1'],
  ['a blank at the end', 'a ', '"a "'],
])('csvCell: %s', (_why, value, cell) => expect(csvCell(value)).toBe(cell))

test('a line ends as RFC 4180 asks; one empty column is still a line', () => {
  expect(csvLine(['a', null, 'b'])).toBe('a,,b\r\n')
  expect(csvLine([null])).toBe('""\r\n')
})
