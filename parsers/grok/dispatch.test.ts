import { expect, test } from 'vitest'
import { createDispatcher, type DispatchPack } from './dispatch.ts'
import { compileGrok, type Grok } from './grok.ts'

const packs: DispatchPack[] = [
  { name: 'sshd', programs: ['sshd'], groks: [compileGrok('Failed password for %{USER:user}')] },
  { name: 'sudo', programs: ['sudo'], groks: [compileGrok('%{USER:user} : .*COMMAND=%{GREEDYDATA:command}')] },
  { name: 'either', groks: [compileGrok('(?:opened|closed) by %{USER:who}'), compileGrok('lease of %{IP:ip}')] },
  { name: 'any', groks: [compileGrok('^%{INT:n} %{INT:m}$')] },
]

/** Counts how often a pack is asked. */
function counted(pack: DispatchPack): { pack: DispatchPack; asked: () => number } {
  let asked = 0
  const groks = pack.groks.map(
    (grok): Grok => ({
      ...grok,
      required: grok.required,
      match: (line) => {
        asked++
        return grok.match(line)
      },
      apply: (line, into) => grok.apply(line, into),
    }),
  )
  return { pack: { ...pack, groks }, asked: () => asked }
}

test.each([
  ['Failed password for amy', 'sshd', 0, { user: 'amy' }],
  ['session opened by root', 'either', 0, { who: 'root' }],
  ['session closed by root', 'either', 0, { who: 'root' }],
  ['lease of 192.0.2.1', 'either', 1, { ip: '192.0.2.1' }],
  ['1 2', 'any', 0, { n: '1', m: '2' }],
])('%s goes to %s', (line, pack, grok, event) => {
  expect(createDispatcher(packs).match(line)).toEqual({ pack, grok, event })
})

test.each(['', 'unknown', 'Failed passwort for amy', 'opened', '해태'])('no pack knows %s', (line) =>
  expect(createDispatcher(packs).match(line)).toBeUndefined(),
)

test('a line without any of their texts asks no pack but the one that needs none', () => {
  const all = packs.map(counted)
  createDispatcher(all.map(({ pack }) => pack)).match('nothing of the kind')
  expect(all.map(({ asked }) => asked())).toEqual([0, 0, 0, 1])
})

test('the pack that matched a source last is asked first', () => {
  const twins = ['a', 'b'].map((name) => counted({ name, groks: [compileGrok(`key${name} %{INT:n}`)] }))
  const dispatcher = createDispatcher(twins.map(({ pack }) => pack))
  dispatcher.match('keyb 1', { source: 's' })
  dispatcher.match('keyb 2 keya 3', { source: 's' })
  expect(twins.map(({ asked }) => asked())).toEqual([0, 2])
})

test('the program decides before everything else', () => {
  const line = 'Failed password for x : COMMAND=y'
  const dispatcher = createDispatcher(packs)
  expect(dispatcher.match(line, { program: 'sudo' })?.pack).toBe('sudo')
  expect(dispatcher.match(line, { program: 'sshd' })?.pack).toBe('sshd')
  expect(dispatcher.match(line, { program: 'other' })?.pack).toBe('sshd')
})

test('texts inside texts are all found', () => {
  const nested = ['she sells', 'he', 'hers', 'sells'].map((text) => ({ name: text, groks: [compileGrok(text)] }))
  const dispatcher = createDispatcher([...nested].reverse())
  expect(dispatcher.match('ushers')?.pack).toBe('hers')
  expect(dispatcher.match('she sells')?.pack).toBe('sells')
})

test('many different characters in the texts never hide a pack', () => {
  const many = Array.from({ length: 400 }, (_, i) => ({
    name: `${i}`,
    groks: [compileGrok(`${String.fromCharCode(0xac00 + i)}${String.fromCharCode(0xac01 + i)} %{INT:n}`)],
  }))
  const dispatcher = createDispatcher(many)
  for (const i of [0, 7, 254, 255, 399])
    expect(dispatcher.match(`${String.fromCharCode(0xac00 + i)}${String.fromCharCode(0xac01 + i)} 5`)?.pack).toBe(
      `${i}`,
    )
})
