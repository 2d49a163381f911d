import { expect, test } from 'vitest'
import type { Alert } from '../../core/detect.ts'
import { diffAlerts } from './diff.ts'

const alert = (id: string, ruleId: string, eventIds: string[], digest = eventIds.join('')): Alert => ({
  id,
  digest,
  ruleId,
  ruleVersion: id,
  title: ruleId,
  description: '',
  level: 'low',
  kind: 'event',
  firstSeen: 0,
  lastSeen: 0,
  group: {},
  eventIds,
  count: eventIds.length,
  entities: {},
  why: [],
  tags: [],
  falsePositives: [],
})
const told = (before: Alert[], after: Alert[]) =>
  diffAlerts(before, after).map(({ change, alert: { id }, before: was }) => [change, id, was?.id])

test.each([
  [
    'the same events are the same alert under another id',
    [alert('1', 'r', ['a'])],
    [alert('2', 'r', ['a'])],
    [['same', '2', undefined]],
  ],
  [
    'more events make it a changed one',
    [alert('1', 'r', ['a'])],
    [alert('2', 'r', ['a', 'b'])],
    [['changed', '2', '1']],
  ],
  [
    'another rule on the same event is new',
    [alert('1', 'r', ['a'])],
    [alert('2', 's', ['a'])],
    [
      ['new', '2', undefined],
      ['gone', '1', undefined],
    ],
  ],
  ['nothing before: new', [], [alert('2', 'r', ['a'])], [['new', '2', undefined]]],
  ['nothing after: gone', [alert('1', 'r', ['a'])], [], [['gone', '1', undefined]]],
  [
    'an alert that falls into two changes once and is new once',
    [alert('1', 'r', ['a', 'b'])],
    [alert('2', 'r', ['a']), alert('3', 'r', ['b'])],
    [
      ['new', '3', undefined],
      ['changed', '2', '1'],
    ],
  ],
  [
    'two that become one: one changed, one gone',
    [alert('1', 'r', ['a']), alert('2', 'r', ['b'])],
    [alert('3', 'r', ['a', 'b'])],
    [
      ['gone', '2', undefined],
      ['changed', '3', '1'],
    ],
  ],
  [
    'an equal one is not taken by one that only shares an event',
    [alert('1', 'r', ['a'])],
    [alert('2', 'r', ['a', 'b']), alert('3', 'r', ['a'])],
    [
      ['new', '2', undefined],
      ['same', '3', undefined],
    ],
  ],
])('%s', (_why, before, after, expected) => expect(told(before, after)).toEqual(expected))
