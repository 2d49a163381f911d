import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAuditd } from './auditd.ts'

const head = 'type=X msg=audit(1768352523.123:42): '

test.each([
  ['plain fields', `${head}pid=1 comm="a b" key=(null) exe=?`, { pid: '1', comm: 'a b' }],
  ['hex in a field of free text', `${head}comm=612062 pid=6120`, { comm: 'a b', pid: '6120' }],
  ['a title with its NULs', `${head}proctitle=736800 2D63`.replace(' 2D63', '2D63'), { proctitle: 'sh -c' }],
  [
    'the message of a program',
    `${head}pid=1 msg='op=login acct="kim" res=failed'`,
    { op: 'login', acct: 'kim', res: 'failed' },
  ],
  ['an apostrophe within', `${head}msg='cmd="it's" res=success'`, { cmd: "it's", res: 'success' }],
  ['old and new', `${head}old auid=1 new auid=2`, { old_auid: '1', new_auid: '2' }],
  ['commas between', `${head}auid=1, new auid=2`, { auid: '1', new_auid: '2' }],
  ['names behind the mark', `${head}uid=0\x1dUID="root"`, { uid: '0', enriched: { UID: 'root' } }],
  ['an address', `${head}saddr=020001BB0A000001`, { socket: { family: 'ipv4', port: 443, address: '10.0.0.1' } }],
  ['a path for a socket', `${head}saddr=01002F746D702F7300`, { socket: { family: 'unix', path: '/tmp/s' } }],
  [
    'a long address',
    `${head}saddr=0A0000500000000020010DB800000000000000000000000100000000`,
    { socket: { family: 'ipv6', port: 80, address: '2001:db8::1' } },
  ],
  [
    'a refusal',
    `${head}avc:  denied  { read write } for  pid=1`,
    { avc: { result: 'denied', request: 'read write' }, pid: '1' },
  ],
  ['architecture and call', `${head}arch=c000003e syscall=59`, { arch: 'x86_64', syscall_name: 'execve' }],
  [
    'a node and the kernel’s spelling',
    'audit: type=1400 audit(1.5:7): a=1',
    { record_type: 'AVC', time: '1.5', sequence: 7 },
  ],
  ['a first value wins', `${head}pid=1 msg='pid=2'`, { pid: '1' }],
])('%s', (_why, text, found) => expect(readAuditd(text)).toMatchObject(found))

test('the arguments of a program, in parts or in hex', () => {
  const text = 'type=EXECVE msg=audit(1.5:2): argc=4 a0="sh" a1="20" a2=6C73202D6C a3_len=4 a3[0]=61 a3[1]=62'
  expect(readAuditd(text)).toMatchObject({ args: ['sh', '20', 'ls -l', 'ab'] })
})

test.each([
  ['another text', 'audit happened'],
  ['no time', 'type=X msg=audit(:1): a=1'],
  ['no number', 'type=X msg=audit(1.0): a=1'],
  ['nothing', ''],
])('%s is no record', (_why, text) => expect(readAuditd(text)).toBeUndefined())

test('a prototype is no field', () =>
  expect(Object.getPrototypeOf(readAuditd(`${head}__proto__=x a=1`))).toBe(Object.prototype))

test('nothing throws, whatever follows the head', () => {
  const bits = fc.constantFrom(
    '=',
    "'",
    '"',
    ' ',
    '{',
    '}',
    'a',
    'msg=',
    'saddr=0',
    'argc=9 ',
    '\x1d',
    ',',
    'old ',
    'FF',
    'avc:  denied  {',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(bits, { maxLength: 100 }).map((all) => all.join('')),
      ),
      (text) => {
        readAuditd(head + text)
        readAuditd(`type=EXECVE msg=audit(1.1:1): ${text}`)
      },
    ),
    { numRuns: 2000, interruptAfterTimeLimit: 2000 },
  )
})
