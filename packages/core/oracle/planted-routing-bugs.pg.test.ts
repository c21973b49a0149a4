import { describe, expect, test } from 'vitest'
import { createEngine } from '../src/engine.js'
import type { Case } from './case.js'
import { plantedRoutingBugs, type PlantedRoutingBug } from './planted-routing-bugs.js'
import { generateRoutingCase } from './routing/generate.js'
import { generatePairs } from './routing/pairs.js'
import { serverVersion } from './run/database.js'
import { runCase, type Failure } from './run/runner.js'

const version = await serverVersion()

/**
 * What finds each bug: rows that go together, of any seed; or random cases of some seeds, which hold for PostgreSQL 18 and
 * the generator as it is. For new ones: `pnpm oracle --routing --size 40 --shapes 16 --history 0 --bug '<name>'`.
 */
const FOUND_BY: Record<PlantedRoutingBug, 'pairs' | readonly number[]> = {
  'the old row is not looked up': [6, 8],
  'a deleted row is not looked up': [1, 2],
  'constants and ranges are checked on the new row alone': [16],
  'a partner that goes in the same batch is unknown': 'pairs',
  'another row of the own table that goes in the same batch is unknown': 'pairs',
  'questions see a later snapshot than their tick': 'pairs',
  'not exists means exists': 'pairs',
  'not in means in': 'pairs',
  'left joins are inner joins': 'pairs',
  'aggregates over nothing return nothing': 'pairs',
  'filters go into derived tables that pick rows': 'pairs',
  'filters go into derived tables in which rows are picked further in': 'pairs',
  'keys are compared as they are written': [1, 8],
  'only the first value of a list counts': [1, 4],
  'only the first occurrence of a table counts': [3, 1],
  'every row sorts behind the limit': [5, 6],
}

async function failuresOf(input: Case): Promise<readonly Failure[]> {
  const { failures } = await runCase(input, { createEngine: (options) => createEngine(options), historyShare: 0 })
  return failures
}

function casesOf(bug: PlantedRoutingBug): readonly Case[] {
  const found = FOUND_BY[bug]
  if (found === 'pairs') return [1, 2].map((seed) => generatePairs(seed))
  return found.map((seed) => generateRoutingCase({ seed, version, transactions: 40, shapes: 16 }).case)
}

describe.skipIf(version !== 18)('the oracle finds faults of routing', () => {
  test.for(Object.keys(plantedRoutingBugs) as PlantedRoutingBug[])('%s', { timeout: 120_000 }, async (bug) => {
    using _planted = plantedRoutingBugs[bug]()
    const found: Failure[] = []
    for (const input of casesOf(bug)) if (found.length === 0) found.push(...(await failuresOf(input)))
    expect(found.map(({ kind }) => kind)).toContain('stale')
  })
})

// Otherwise what finds the bugs would prove nothing.
test('rows that go together are no failure without a planted bug', { timeout: 120_000 }, async () => {
  expect(await failuresOf(generatePairs(1))).toEqual([])
})

test('nor are random cases', { timeout: 120_000 }, async () => {
  for (const input of casesOf('the old row is not looked up')) expect(await failuresOf(input)).toEqual([])
})
