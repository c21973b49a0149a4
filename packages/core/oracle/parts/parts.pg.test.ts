import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/engine.js'
import { Shapes } from '../../src/refresh/shape.js'
import { serverVersion } from '../run/database.js'
import { runCase } from '../run/runner.js'
import { generatePartsCase } from './generate.js'
import { plantedPartBugs, type PlantedPartBug } from './planted-bugs.js'

const version = await serverVersion()

function run(seed: number, transactions: number) {
  const input = generatePartsCase({ seed, version, transactions }).case
  return runCase(input, {
    createEngine: (options) => createEngine(options, { shapes: new Shapes(false, 0) }),
    historyShare: 20,
  })
}

test.for([1, 2, 3])('results that are read in part equal fresh ones: seed %i', { timeout: 120_000 }, async (seed) => {
  const { failures, statistics } = await run(seed, 60)
  expect(failures).toEqual([])
  expect(statistics.routing.parts).toBeGreaterThan(20)
})

describe('the oracle finds faults of reading in part', () => {
  test.for(Object.keys(plantedPartBugs) as PlantedPartBug[])('%s', { timeout: 120_000 }, async (bug) => {
    using _planted = plantedPartBugs[bug]()
    const { failures } = await run(1, 60)
    expect(failures.map(({ kind }) => kind)).toContain('stale')
  })
})
