import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Alert, AlertChange } from '../../core/detect.ts'
import type { Documents } from '../../core/documents.ts'
import { openAlertBook } from './alert-book.ts'
import { openDocuments } from './sqlite.ts'

function alert(id: string, more: Partial<Alert> = {}): Alert {
  return {
    id,
    digest: `digest of ${id}`,
    ruleId: 'rule',
    ruleVersion: '1',
    title: 'Many failed logins',
    description: '',
    level: 'high',
    kind: 'correlation',
    firstSeen: 1000,
    lastSeen: 2000,
    group: {},
    eventIds: ['0-1'],
    count: 1,
    entities: {},
    why: [],
    tags: [],
    falsePositives: [],
    ...more,
  }
}
const raised = (of: Alert, revision = 1, supersedes: string[] = []): AlertChange => ({
  alert: of,
  state: revision === 1 ? 'raised' : 'changed',
  revision,
  supersedes,
})
const withdrawn = (of: Alert, revision: number): AlertChange => ({
  alert: of,
  state: 'withdrawn',
  revision,
  supersedes: [],
})

async function open(documents?: Documents) {
  const kept = documents ?? (await openDocuments({ path: ':memory:' }))
  const book = openAlertBook(kept)
  const ids = async (options?: Parameters<typeof book.list>[0]) => (await book.list(options)).alerts.map(({ id }) => id)
  return { book, ids, documents: kept }
}

test('an alert is listed open, with its revision and without history', async () => {
  const { book } = await open()
  await book.save([raised(alert('a'))], 5000)
  const { alerts, after } = await book.list()
  expect(alerts).toEqual([
    { ...alert('a'), state: 'raised', revision: 1, supersedes: [], status: 'open', updatedAt: 5000, history: [] },
  ])
  expect(after).toBeUndefined()
  expect(await book.get('a')).toEqual(alerts[0])
})

test('an alert nobody raised is undefined, and cannot be triaged or paged from', async () => {
  const { book } = await open()
  for (const id of ['a', '', '__proto__', '\ud800', 'x'.repeat(5000)]) {
    expect(await book.get(id)).toBeUndefined()
    await expect(book.setStatus(id, 'closed', 'kim', 1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(book.list({ after: id })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
})

test('saving the same change again changes nothing, triage included', async () => {
  const { book, documents } = await open()
  await book.save([raised(alert('a'))], 1)
  await book.setStatus('a', 'closed', 'kim', 2, 'a test of ours')
  const before = await documents.get('alerts', 'a')
  await book.save([raised(alert('a')), raised(alert('a'))], 3)
  expect(await documents.get('alerts', 'a')).toEqual(before)
})

test('an older revision that comes late changes nothing', async () => {
  const { book } = await open()
  await book.save([raised(alert('a', { count: 9 }), 3)], 1)
  await book.save([raised(alert('a', { count: 5 }), 2)], 2)
  expect(await book.get('a')).toMatchObject({ count: 9, revision: 3, updatedAt: 1 })
})

test('newest lastSeen first, ties by id, and a revision moves an alert without doubling it', async () => {
  const { book, ids } = await open()
  await book.save([raised(alert('a', { lastSeen: 10 })), raised(alert('b', { lastSeen: 30 }))], 1)
  await book.save([raised(alert('c', { lastSeen: 20 })), raised(alert('d', { lastSeen: 20 }))], 1)
  expect(await ids()).toEqual(['b', 'd', 'c', 'a'])
  await book.save([raised(alert('a', { lastSeen: 99 }), 2)], 2)
  expect(await ids()).toEqual(['a', 'b', 'd', 'c'])
})

test('triage and its history survive a revision, which is noted', async () => {
  const { book } = await open()
  await book.save([raised(alert('a'))], 1)
  await book.setStatus('a', 'acknowledged', 'kim', 2)
  await book.setStatus('a', 'closed', 'lee', 3, 'false positive')
  await book.save([raised(alert('a', { count: 7 }), 2)], 4)
  expect(await book.get('a')).toMatchObject({
    status: 'closed',
    count: 7,
    updatedAt: 4,
    history: [
      { at: 2, who: 'kim', change: 'open -> acknowledged' },
      { at: 3, who: 'lee', change: 'acknowledged -> closed: false positive' },
      { at: 4, who: 'haetae', change: 'revision 2 changed: 7 events' },
    ],
  })
})

test('a withdrawn alert is listed as such', async () => {
  const { book, ids } = await open()
  await book.save([raised(alert('a'))], 1)
  await book.save([withdrawn(alert('a'), 2)], 2)
  expect(await ids()).toEqual(['a'])
  expect(await book.get('a')).toMatchObject({ state: 'withdrawn', status: 'open', revision: 2 })
})

test('what another alert continues leaves the list, keeps its link, and hands its triage on', async () => {
  const { book, ids } = await open()
  await book.save([raised(alert('old'))], 1)
  await book.setStatus('old', 'acknowledged', 'kim', 2)
  await book.save([withdrawn(alert('old'), 2), raised(alert('new', { count: 3 }), 1, ['old'])], 3)
  expect(await ids()).toEqual(['new'])
  expect(await book.get('new')).toMatchObject({
    status: 'acknowledged',
    history: [{ who: 'kim' }, { who: 'haetae', change: 'revision 2 withdrawn: 1 events' }, { who: 'haetae' }],
  })
  expect(await book.get('old')).toMatchObject({ state: 'withdrawn' })
})

test('triage of a superseded alert goes to the one that continues it, over several steps', async () => {
  const { book } = await open()
  await book.save([raised(alert('a')), raised(alert('b'), 1, ['a']), raised(alert('c'), 1, ['b'])], 1)
  expect(await book.setStatus('a', 'closed', 'kim', 2)).toMatchObject({ id: 'c', status: 'closed' })
  expect(await book.get('c')).toMatchObject({ status: 'closed' })
})

test('alerts that supersede each other do not hang', async () => {
  const { book } = await open()
  await book.save([raised(alert('a'), 1, ['b', 'a']), raised(alert('b'), 1, ['a'])], 1)
  expect(await book.setStatus('a', 'closed', 'kim', 2)).toMatchObject({ status: 'closed' })
})

test('an alert that was withdrawn for another one and is true after all is listed again', async () => {
  const { book, ids } = await open()
  await book.save([raised(alert('a'))], 1)
  await book.save([withdrawn(alert('a'), 2), raised(alert('b'), 1, ['a'])], 2)
  await book.save([withdrawn(alert('b'), 2), raised(alert('a'), 3, ['b'])], 3)
  expect(await ids()).toEqual(['a'])
})

test('a superseded alert that comes late, as after a replay, stays hidden', async () => {
  const { book, ids } = await open()
  await book.save([raised(alert('new'), 1, ['old'])], 1)
  await book.save([raised(alert('old'))], 2)
  expect(await ids()).toEqual(['new'])
})

test('pages hold every alert once, with a status too', async () => {
  const { book, ids } = await open()
  const all = Array.from({ length: 25 }, (_, i) => alert(`a${i}`, { lastSeen: i % 7 }))
  await book.save(
    all.map((one) => raised(one)),
    1,
  )
  for (let i = 0; i < 25; i += 2) await book.setStatus(`a${i}`, 'closed', 'kim', 2)
  const expected = await ids({ limit: 500 })
  expect(new Set(expected).size).toBe(25)
  for (const status of [undefined, 'closed', 'open'] as const) {
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await book.list({ limit: 4, after, status })
      seen.push(...page.alerts.map(({ id }) => id))
      after = page.after
      if (after === undefined) break
    }
    const wanted = expected.filter((id) => !status || (Number(id.slice(1)) % 2 === 0) === (status === 'closed'))
    expect(seen).toEqual(wanted)
  }
})

test('a full last page says so', async () => {
  const { book } = await open()
  await book.save([raised(alert('a')), raised(alert('b'))], 1)
  expect((await book.list({ limit: 2 })).after).toBeUndefined()
  expect((await book.list({ limit: 1 })).after).toBe('b')
})

test('paging goes on from an alert that was superseded meanwhile', async () => {
  const { book } = await open()
  await book.save([raised(alert('a', { lastSeen: 3 })), raised(alert('b', { lastSeen: 2 }))], 1)
  const { after } = await book.list({ limit: 1 })
  await book.save([raised(alert('c', { lastSeen: 9 }), 1, ['a'])], 2)
  expect((await book.list({ limit: 1, after })).alerts.map(({ id }) => id)).toEqual(['b'])
})

test('a save that fails leaves the list as it was, and can be repeated', async () => {
  const { documents } = await open()
  let failing = true
  const crashing: Documents = {
    ...documents,
    get: (...a) => documents.get(...a),
    put: (...a) => documents.put(...a),
    list: (...a) => documents.list(...a),
    delete: (...a) => documents.delete(...a),
    putAll: async (...a) => {
      if (failing) throw new Error('killed')
      return documents.putAll(...a)
    },
    close: async () => {},
  }
  const dying = await open(crashing)
  failing = false
  await dying.book.save([raised(alert('a', { lastSeen: 1 }))], 1)
  failing = true
  await expect(dying.book.save([raised(alert('b'), 1, ['a'])], 3)).rejects.toThrow('killed')
  expect(await dying.ids()).toEqual(['a'])
  failing = false
  await dying.book.save([raised(alert('b'), 1, ['a'])], 3)
  expect(await dying.ids()).toEqual(['b'])
})

test('a triage while revisions are saved is not lost', async () => {
  const { book } = await open()
  await book.save([raised(alert('a'))], 1)
  await Promise.all([
    ...[2, 3, 4, 5].map((revision) => book.save([raised(alert('a', { count: revision }), revision)], revision)),
    book.setStatus('a', 'closed', 'kim', 9),
    book.save([raised(alert('a', { count: 6 }), 6)], 6),
  ])
  expect(await book.get('a')).toMatchObject({ status: 'closed', count: 6, revision: 6 })
})

test('hostile times and ids are listed and found', async () => {
  const { book, ids } = await open()
  const hostile = ["'; --", '__proto__', 'a/b', '한글', '9'.repeat(50)]
  await book.save(
    hostile.map((id, i) => raised(alert(id, { lastSeen: [-1, Number.NaN, Infinity, 1e15, 0][i] as number }))),
    1,
  )
  expect((await ids()).sort()).toEqual([...hostile].sort())
  for (const id of hostile) expect((await book.get(id))?.id).toBe(id)
})

test('saving in any batches, once or twice, gives the same list', async () => {
  const changes = [
    raised(alert('a', { lastSeen: 5 })),
    raised(alert('a', { lastSeen: 6, count: 2 }), 2),
    raised(alert('b', { lastSeen: 3 })),
    withdrawn(alert('a', { lastSeen: 6, count: 2 }), 3),
    raised(alert('c', { lastSeen: 7 }), 1, ['a']),
    withdrawn(alert('b', { lastSeen: 3 }), 2),
  ]
  const once = await open()
  await once.book.save(changes, 1)
  const expected = (await once.book.list()).alerts
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(changes.length), { maxLength: 4 }),
      fc.nat(changes.length),
      async (cuts, replay) => {
        const { book, documents } = await open()
        const places = [0, ...cuts.sort((x, y) => x - y), changes.length]
        for (let i = 1; i < places.length; i++) await book.save(changes.slice(places[i - 1], places[i]), 1)
        await book.save(changes.slice(replay), 1)
        expect((await book.list()).alerts).toEqual(expected)
        await documents.close()
      },
    ),
    { numRuns: 60, interruptAfterTimeLimit: 1000 },
  )
})
