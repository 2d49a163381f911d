// Expression -> a function of a row. What each thing means is said in core/query.ts. No regular expression over log text.

import { isIP } from 'node:net'
import type { Cell } from '../../core/cells.ts'
import type { Scalar } from '../../core/event.ts'
import type { Comparison, Expression, FunctionName } from '../../core/query.ts'
import { compareText, toNumber } from '../../core/scalars.ts'
import { compileNetwork } from './network.ts'
import { firstOf, type Row, type Value } from './row.ts'

/** Longest text an expression may make. */
const MAX_TEXT = 65_536

export type Compiled = (row: Row) => Value

export function compileExpression(e: Expression): Compiled {
  switch (e.kind) {
    case 'literal':
      return () => e.value
    case 'column':
      return (row) => row.get(e.name)
    case 'not': {
      const of = compileExpression(e.of)
      return (row) => of(row) !== true
    }
    case 'negate': {
      const of = compileExpression(e.of)
      return (row) => {
        const value = numberOf(of(row))
        return value === undefined ? null : finite(-value)
      }
    }
    case 'and': {
      const of = e.of.map(compileExpression)
      return (row) => of.every((part) => part(row) === true)
    }
    case 'or': {
      const of = e.of.map(compileExpression)
      return (row) => of.some((part) => part(row) === true)
    }
    case 'compare': {
      const [left, right] = [compileExpression(e.left), compileExpression(e.right)]
      return (row) => compareValues(e.op, left(row), right(row))
    }
    case 'math': {
      const [left, right] = [compileExpression(e.left), compileExpression(e.right)]
      return (row) => calculate(e.op, left(row), right(row))
    }
    case 'call':
      return compileCall(e.name, e.args)
  }
}

function compareValues(op: Comparison, left: Value, right: Value): boolean {
  if (left === null || right === null) {
    if (op === '=') return left === right
    return op === '!=' && left !== right
  }
  // `!=` is the opposite of `=`: none of the values is the other one.
  if (op === '!=') return !anyPair(left, right, (a, b) => compareLoosely(a, b) === 0)
  return anyPair(left, right, (a, b) => {
    const order = compareLoosely(a, b)
    if (op === '=') return order === 0
    if (order === undefined) return false
    if (op === '<') return order < 0
    if (op === '<=') return order <= 0
    return op === '>' ? order > 0 : order >= 0
  })
}

function anyPair(left: Value, right: Value, test: (a: Scalar, b: Scalar) => boolean): boolean {
  const lefts = (typeof left === 'object' ? left : [left]) as readonly Scalar[]
  const rights = (typeof right === 'object' ? right : [right]) as readonly Scalar[]
  return lefts.some((a) => rights.some((b) => test(a, b)))
}

/** Undefined: a number and something else, which have no order and are not equal. */
function compareLoosely(a: Scalar, b: Scalar): number | undefined {
  const [x, y] = [toNumber(a), toNumber(b)]
  if ((x === undefined) !== (y === undefined)) return undefined
  return x !== undefined && y !== undefined ? x - y : compareText(String(a), String(b))
}

function calculate(op: '+' | '-' | '*' | '/' | '%', left: Value, right: Value): Cell {
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a === undefined || b === undefined) return null
  if (op === '+') return finite(a + b)
  if (op === '-') return finite(a - b)
  if (op === '*') return finite(a * b)
  return finite(op === '/' ? a / b : a % b)
}

/** Division by zero and overflow have no value. -0 is 0. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value + 0 : null)

function numberOf(value: Value): number | undefined {
  const first = firstOf(value)
  return first === null ? undefined : toNumber(first)
}

function compileCall(name: FunctionName, args: readonly Expression[]): Compiled {
  const [a = () => null, b = () => null, c] = args.map(compileExpression)
  const text = (f: (value: string) => Cell): Compiled => {
    return (row) => {
      const value = firstOf(a(row))
      return value === null ? null : f(String(value))
    }
  }
  const number = (f: (value: number) => number): Compiled => {
    return (row) => {
      const value = numberOf(a(row))
      return value === undefined ? null : finite(f(value))
    }
  }
  /** Any value of the first that goes with the text of the second. */
  const either = (test: (value: string, other: string) => boolean): Compiled => {
    return (row) => {
      const [left, right] = [a(row), firstOf(b(row))]
      return left !== null && right !== null && anyPair(left, right, (x, y) => test(String(x), String(y)))
    }
  }
  switch (name) {
    case 'lower':
      return text((value) => value.toLowerCase())
    case 'upper':
      return text((value) => value.toUpperCase().slice(0, MAX_TEXT))
    case 'len':
      return text((value) => [...value].length)
    case 'tostring':
      return text((value) => value)
    case 'tonumber':
      return number((value) => value)
    case 'abs':
      return number(Math.abs)
    case 'floor':
      return number(Math.floor)
    case 'ceil':
      return number(Math.ceil)
    case 'round':
      return (row) => {
        const [value, digits] = [numberOf(a(row)), numberOf(b(row)) ?? 0]
        if (value === undefined) return null
        const factor = 10 ** Math.min(15, Math.max(-15, Math.trunc(digits)))
        return finite(Math.round(value * factor) / factor)
      }
    case 'substr':
      return (row) => {
        const [value, start, length] = [firstOf(a(row)), numberOf(b(row)), c && numberOf(c(row))]
        if (value === null || start === undefined) return null
        const characters = [...String(value)]
        const from = start < 0 ? Math.max(0, characters.length + start) : start
        return characters.slice(from, length === undefined ? undefined : from + Math.max(0, length)).join('')
      }
    case 'concat': {
      const parts = args.map(compileExpression)
      return (row) =>
        parts
          .map((part) => firstOf(part(row)) ?? '')
          .join('')
          .slice(0, MAX_TEXT)
    }
    case 'contains':
      return either((value, other) => value.includes(other))
    case 'startswith':
      return either((value, other) => value.startsWith(other))
    case 'endswith':
      return either((value, other) => value.endsWith(other))
    case 'if':
      return (row) => (a(row) === true ? b(row) : (c?.(row) ?? null))
    case 'coalesce': {
      const parts = args.map(compileExpression)
      return (row) => {
        for (const part of parts) {
          const value = part(row)
          if (value !== null) return value
        }
        return null
      }
    }
    case 'cidr': {
      const networks = new Map<string, ((address: string) => boolean) | undefined>()
      return either((value, network) => {
        if (!networks.has(network)) {
          if (networks.size > 1000) networks.clear()
          networks.set(network, compileNetwork(network))
        }
        return isIP(value) !== 0 && networks.get(network)?.(value) === true
      })
    }
  }
}
