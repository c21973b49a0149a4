import { describe, expect, test } from 'vitest'
import { createEngine } from '../src/engine.js'
import { generateCase } from './generate.js'
import { describeCase, describeFailure, readRegressions } from './report.js'
import { serverVersion } from './run/database.js'
import { tryCase, type Failure } from './run/runner.js'
import type { Case } from './case.js'
import { verdictOf } from './verdict.js'

const regressions = await readRegressions()
const isCI = process.env['CI'] === 'true'
/** A wrong result counts once and for all: only what the environment did is tried again, in `expectTrue`. */
const options = { timeout: 240_000, retry: 0 }

async function expectTrue(input: Case): Promise<number> {
  let outcome = await run(input)
  const failure = await verdictOf(outcome.failures, isCI ? again : undefined)
  const report = failure ? describeFailure(failure, input) : ''
  const replay = failure ? `\n\npnpm oracle --seed ${input.seed} shrinks this:\n${describeCase(input)}` : ''
  expect(report + replay).toBe('')
  return outcome.statistics?.checks ?? 0

  async function again(first: Failure): Promise<readonly Failure[]> {
    console.log(`tried again:\n${describeFailure(first, input)}`)
    outcome = await run(input)
    return outcome.failures
  }
}

function run(input: Case): ReturnType<typeof tryCase> {
  return tryCase(input, { createEngine: (options) => createEngine(options) })
}

describe('every live result equals a fresh run of its query', () => {
  test.for([101, 102, 103, 104, 105, 106])('seed %i', options, async (seed) => {
    const generated = generateCase({ seed, version: await serverVersion(), transactions: 20, shapes: 10 })
    expect(await expectTrue(generated.case)).toBeGreaterThan(0)
  })
})

describe.skipIf(regressions.length === 0)('what failed once', () => {
  test.for(regressions)('$file: $title', options, async (regression) => {
    await expectTrue(regression.case)
  })
})
