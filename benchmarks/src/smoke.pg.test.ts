import { expect, test } from 'vitest'
import type { BenchmarkModule } from './harness/benchmark.js'
import * as precision from './precision.bench.js'
import * as routing from './routing.bench.js'

/** Those that drive the inside of the engine, or tell whether it is right. The others take longer than a test may. */
const benchmarks: Readonly<Record<string, BenchmarkModule>> = { precision, routing }

test.each(Object.entries(benchmarks))('%s runs, and leaves no figure out', async (_, { run }) => {
  const figures = await run({ quick: true, rounds: 1 })
  for (const [name, value] of Object.entries(figures)) expect([name, typeof value]).toEqual([name, 'number'])
  expect(figures['missed'] ?? 0).toBe(0)
})
