import { describe, expect, test } from 'vitest'
import { createEngine } from '../src/engine.js'
import { generateCase } from './generate.js'
import { plantedPatchBugs, type PlantedPatchBug } from './planted-patch-bugs.js'
import { serverVersion } from './run/database.js'
import { runCase } from './run/runner.js'

const version = await serverVersion()

/**
 * Each bug with a seed that finds it, for PostgreSQL 18 and the generator as it is. For new ones:
 * `pnpm oracle --bug '<name>' --size 12 --shapes 8 --values parsed --throttle 0`.
 */
const FOUND_BY: Record<PlantedPatchBug, readonly number[]> = {
  'a patch lacks the rows that moved': [3, 7],
  'a patch keeps a removed row': [1, 3],
  'a patch inserts one place too early': [1, 2],
  'a patch updates a row to what it was': [3, 4],
}

async function problemsIn(seed: number): Promise<readonly string[]> {
  const settings = { values: 'parsed', throttleMs: 0 } as const
  const { case: input } = generateCase({ seed, version, transactions: 12, shapes: 8, settings })
  const { failures } = await runCase(input, { createEngine: (options) => createEngine(options), historyShare: 0 })
  return failures.map(({ kind, message }) => `${kind}: ${message}`)
}

describe.skipIf(version !== 18)('the oracle finds faults of patches', () => {
  test.for(Object.keys(plantedPatchBugs) as PlantedPatchBug[])('%s', { timeout: 120_000 }, async (bug) => {
    using _planted = plantedPatchBugs[bug]()
    const found: string[] = []
    for (const seed of FOUND_BY[bug]) if (found.length === 0) found.push(...(await problemsIn(seed)))
    expect(found).toContainEqual(expect.stringMatching(/^subscriber: the patch leads to other rows/))
  })
})

// Otherwise what finds the bugs would prove nothing.
test.skipIf(version !== 18)('without a planted bug the same cases pass', { timeout: 120_000 }, async () => {
  for (const seed of new Set(Object.values(FOUND_BY).flat())) expect(await problemsIn(seed)).toEqual([])
})
