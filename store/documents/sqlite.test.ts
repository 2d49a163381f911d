import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { documentsContract } from './documents.contract.ts'
import { openDocuments } from './sqlite.ts'

const folder = mkdtempSync(join(tmpdir(), 'haetae-documents-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newPath = () => join(folder, `${files++}.db`)

documentsContract('sqlite', () => openDocuments({ path: newPath() }))
documentsContract('sqlite in memory', () => openDocuments({ path: ':memory:' }))

test('what was put is there after the file is opened again', async () => {
  const path = newPath()
  const first = await openDocuments({ path })
  await first.put('c', 'a', { n: 1 })
  await first.put('c', 'a', { n: 2 })
  await first.close()
  const second = await openDocuments({ path })
  expect(await second.get('c', 'a')).toEqual({ id: 'a', value: { n: 2 }, seq: 2 })
  await second.close()
})

test('what was put is there for a second connection while the first is open, as after a kill', async () => {
  const path = newPath()
  const first = await openDocuments({ path })
  await first.put('c', 'a', 1)
  const second = await openDocuments({ path })
  expect((await second.get('c', 'a'))?.value).toBe(1)
  await expect(second.put('c', 'a', 2, 7)).rejects.toMatchObject({ code: 'DOCUMENT_CONFLICT' })
  await second.close()
  await first.close()
})

test('a put is in the write-ahead log when it resolves', async () => {
  const path = newPath()
  const documents = await openDocuments({ path })
  await documents.put('c', 'marker-in-the-wal', 1)
  expect(readFileSync(`${path}-wal`).includes('marker-in-the-wal')).toBe(true)
  await documents.close()
})

test('a file of a newer layout is refused and left alone', async () => {
  const path = newPath()
  const db = new DatabaseSync(path)
  db.exec('PRAGMA user_version = 99')
  db.close()
  await expect(openDocuments({ path })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a file that is no database is refused', async () => {
  await expect(openDocuments({ path: folder })).rejects.toThrow()
})
