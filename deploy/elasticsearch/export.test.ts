import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { templates } from './export.ts'

test('the templates that are here are those the node writes', () => {
  expect(globSync('*.json', { cwd: import.meta.dirname }).sort()).toEqual(Object.keys(templates).sort())
})

test.each(Object.entries(templates))('%s is what the code makes; export.ts writes it anew', (name, template) => {
  expect(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))).toEqual(template)
})
