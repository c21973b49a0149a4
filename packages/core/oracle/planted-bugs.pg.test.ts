import { describe, expect, test } from 'vitest'
import { createEngine } from '../src/engine.js'
import type { Case } from './case.js'
import { generateCase } from './generate.js'
import { plantedBugs, type PlantedBug } from './planted-bugs.js'
import { generatePairs } from './routing/pairs.js'
import { serverVersion } from './run/database.js'
import { runCase, type Failure } from './run/runner.js'

const version = await serverVersion()

/**
 * Each bug with seeds that find it: the others are for a machine on which the first one's timing was lucky for the bug.
 * They hold for PostgreSQL 18 and the generator as it is; when the generator changes, look for new ones with
 * `pnpm oracle --bug '<name>' --size 12 --shapes 8 --values parsed --throttle 0`.
 */
const FOUND_BY: Record<PlantedBug, readonly number[]> = {
  'inserts are ignored': [4],
  'deletes are ignored': [1],
  'updates are ignored': [3],
  'truncate is ignored': [6, 14, 20],
  'bulk changes are ignored': [1],
  'the old row is unknown': [128, 213],
  'equal numbers count as unchanged': [21],
  'one table is ignored': [1],
  'gaps are ignored': [40, 68, 76],
  'changes come one batch late': [1, 3, 4],
  'the first changes after registration are lost': [1],
  'whole rows use no columns': [24],
  'a column is forgotten': [7, 22, 28, 11],
  'partitions and children are strangers': [11],
  'tables behind views and policies are unknown': [1],
}

/** Random statements rarely write enough rows to count as a change of the whole table. */
function manyRows(seed: number): Case {
  const sql = 'insert into owners select 5000 + n, 1 from generate_series(1, 2000) n'
  return { ...generatePairs(seed), rounds: [{ parallel: false, steps: [{ kind: 'sql', session: 0, sql }] }] }
}

async function staleIn(bug: PlantedBug, seed: number): Promise<readonly Failure[]> {
  const settings = { values: 'parsed', throttleMs: 0 } as const
  const random = () => generateCase({ seed, version, transactions: 12, shapes: 8, settings }).case
  const input = bug === 'bulk changes are ignored' ? manyRows(seed) : random()
  const engine = {
    createEngine: (options: Parameters<typeof createEngine>[0]) => createEngine(options, plantedBugs[bug]()),
  }
  const { failures } = await runCase(input, { ...engine, historyShare: 0 })
  return failures.filter(({ kind }) => kind === 'stale')
}

describe.skipIf(version !== 18)('the oracle finds planted bugs', () => {
  test.for(Object.keys(plantedBugs) as PlantedBug[])('%s', { timeout: 120_000 }, async (bug) => {
    const found: Failure[] = []
    for (const seed of FOUND_BY[bug]) if (found.length === 0) found.push(...(await staleIn(bug, seed)))
    expect(found.length).toBeGreaterThan(0)
  })
})
