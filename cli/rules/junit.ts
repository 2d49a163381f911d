// Test results as JUnit XML, which every CI reads.

import type { TestResult } from './test.ts'

export function junit(results: readonly TestResult[]): string {
  const suites = new Map<string, TestResult[]>()
  for (const one of results) suites.set(one.file, [...(suites.get(one.file) ?? []), one])
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="haetae rules test" ${counts(results)}>`]
  for (const [file, cases] of suites) {
    lines.push(`  <testsuite name="${attribute(file)}" ${counts(cases)}>`)
    for (const { rule, name, ms, failure } of cases) {
      const head = `    <testcase classname="${attribute(rule)}" name="${attribute(name)}" time="${(ms / 1000).toFixed(3)}"`
      if (!failure) lines.push(`${head}/>`)
      else
        lines.push(
          `${head}>`,
          `      <failure message="${attribute(failure[0] ?? '')}">${text(failure.join('\n'))}</failure>`,
          '    </testcase>',
        )
    }
    lines.push('  </testsuite>')
  }
  lines.push('</testsuites>')
  return lines.join('\n')
}

const counts = (results: readonly TestResult[]) =>
  `tests="${results.length}" failures="${results.filter(({ failure }) => failure).length}" time="${(results.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(3)}"`

/** XML 1.0 knows no control characters, not even escaped. */
const text = (words: string) =>
  words
    .replace(
      /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '\ufffd',
    )
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
const attribute = (words: string) => text(words).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')
