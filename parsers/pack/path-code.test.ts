import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { readOf, writeOf } from './path-code.ts'

const event: EcsEvent = {
  a: { b: { 'c"d': 1 }, list: [1, 2], text: 'abc', none: null, number: 5 },
  text: 'abc',
}

test.each([
  ['a value', ['a', 'b', 'c"d'], 1],
  ['an object', ['a', 'b'], { 'c"d': 1 }],
  ['nothing there', ['a', 'x', 'y'], undefined],
  ['null', ['a', 'none'], undefined],
  ['below null', ['a', 'none', 'x'], undefined],
  ['below a text', ['text', 'x'], undefined],
  ['below a list', ['a', 'list', 'x'], undefined],
  ['below a number', ['a', 'number', 'x'], undefined],
])('reads %s', (_why, names, expected) => expect(readOf(names)?.(event)).toEqual(expected))

test.each([
  ['of every object', ['a', 'constructor']],
  ['of every list', ['a', 'list', 'length']],
  ['of every text', ['text', 'trim']],
  ['of every number', ['a', 'number', 'toFixed']],
  ['of an element', ['a', 'list', '0']],
  ['without any', []],
])('leaves names %s to a look at what is own', (_why, names) => expect(readOf(names)).toBeUndefined())

test.each([
  ['one name', {}, ['a'], { a: 9 }],
  ['two names', {}, ['a', 'b'], { a: { b: 9 } }],
  ['three names', {}, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['beside others', { a: { x: 1 } }, ['a', 'b', 'c'], { a: { x: 1, b: { c: 9 } } }],
  ['a text in the way', { a: 'x' }, ['a', 'b'], { a: { b: 9 } }],
  ['a list in the way', { a: { b: [1] } }, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['null in the way', { a: null }, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['a name every object has', {}, ['constructor', 'name'], { constructor: { name: 9 } }],
  ['a quote in a name', {}, ['a"]', "b'"], { 'a"]': { "b'": 9 } }],
])('writes: %s', (_why, into: EcsEvent, names, expected) => {
  writeOf(names)(into, 9)
  expect(into).toEqual(expected)
})
