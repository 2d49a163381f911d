// The switch that turns a skip into a failure: with HAETAE_REQUIRE_ALL=1 a run in which a test was skipped fails, and
// says which. Without it skips are listed, so that nobody believes a test ran that did not.

import type { Reporter, TestModule } from 'vitest/node'

export class RequireAll implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => `${module.relativeModuleId}: ${test.fullName}`),
    )
    if (skipped.length === 0) return
    const must = process.env['HAETAE_REQUIRE_ALL'] === '1'
    console.warn(`\n${skipped.length} tests were skipped${must ? ', and HAETAE_REQUIRE_ALL=1 forbids it' : ''}:`)
    for (const name of skipped) console.warn(`  ${name}`)
    if (must) process.exitCode = 1
  }
}
