import { describe, expect, test } from 'vitest'
import { createEngine } from '../src/engine.js'
import { generateCase } from './generate.js'
import { describeCase, describeFailure, readRegressions } from './report.js'
import { serverVersion } from './run/database.js'
import { runCase } from './run/runner.js'
import type { Case } from './case.js'

const regressions = await readRegressions()

async function expectTrue(input: Case): Promise<number> {
  const { failures, statistics } = await runCase(input, { createEngine: (options) => createEngine(options) })
  const report = failures.map((failure) => describeFailure(failure, input)).join('\n\n')
  const replay = failures.length > 0 ? `\n\npnpm oracle --seed ${input.seed} shrinks this:\n${describeCase(input)}` : ''
  expect(report + replay).toBe('')
  return statistics.checks
}

describe('every live result equals a fresh run of its query', () => {
  test.for([101, 102, 103, 104, 105, 106])('seed %i', { timeout: 120_000 }, async (seed) => {
    const generated = generateCase({ seed, version: await serverVersion(), transactions: 20, shapes: 10 })
    expect(await expectTrue(generated.case)).toBeGreaterThan(0)
  })
})

describe.skipIf(regressions.length === 0)('what failed once', () => {
  test.for(regressions)('$file: $title', { timeout: 120_000 }, async (regression) => {
    await expectTrue(regression.case)
  })
})
