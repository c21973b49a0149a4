import { expect, test } from 'vitest'
import type { Plan } from '../analyze/plan.js'
import { Shape, type Way } from './shape.js'

const PLAN = {
  sql: 'select id from t where x = $1 order by id',
  parameterTypes: ['integer'],
  ordered: true,
  timeDependent: [],
  opaqueFunctions: [],
} as unknown as Plan

/** Runs `waiting` instances at these costs, and says how. */
function run(shape: Shape, waiting: number, costs: Record<Way, number>, now = 0): string[] {
  const attempts: string[] = []
  for (let left = waiting; left > 0;) {
    const { way, count } = shape.next(left, now)
    shape.took(way, count, costs[way] * count)
    attempts.push(`${way} ${count}`)
    left -= count
  }
  return attempts
}

test('both ways are tried with growing samples, then the faster one is taken', () => {
  const shape = new Shape(1, PLAN)
  const first = run(shape, 3_000, { each: 0.04, together: 0.02 })
  expect(first.slice(0, 6)).toEqual(['each 32', 'together 32', 'each 128', 'together 128', 'each 512', 'together 512'])
  expect(run(shape, 2_000, { each: 0.04, together: 0.02 })).toEqual(['together 1000', 'together 1000'])
})

test('where both ways take about as long, one statement is taken', () => {
  const [near, far] = [new Shape(1, PLAN), new Shape(2, PLAN)]
  run(near, 2_000, { each: 0.03, together: 0.04 })
  run(far, 2_000, { each: 0.02, together: 0.04 })
  expect(near.next(1_000, 0).way).toBe('together')
  expect(far.next(1_000, 0).way).toBe('each')
})

test('a way that is far slower is tried with a few instances only, and again after a while', () => {
  const shape = new Shape(1, PLAN)
  const costs = { each: 0.05, together: 5 }
  expect(run(shape, 1_064, costs)).toEqual(['each 32', 'together 32', 'each 1000'])
  expect(run(shape, 1_000, costs, 1_000)).toEqual(['each 1000'])
  expect(run(shape, 1_000, costs, 60_000)[0]).toBe('together 32')
  expect(run(shape, 1_000, costs, 60_001)).toEqual(['each 1000'])
})

test('what the first statement takes to be planned is no reason to give it up', () => {
  const shape = new Shape(1, PLAN)
  shape.took('each', 32, 32 * 0.1)
  shape.took('together', 32, 32 * 0.1 + 40)
  expect(shape.next(1_000, 0)).toEqual({ way: 'each', count: 128 })
  shape.took('each', 128, 128 * 0.1)
  expect(shape.next(1_000, 0)).toEqual({ way: 'together', count: 128 })
})

test('a single disturbed measurement does not decide', () => {
  const shape = new Shape(1, PLAN)
  run(shape, 2_000, { each: 0.04, together: 0.02 })
  shape.took('together', 1_000, 300)
  expect(shape.next(1_000, 0).way).toBe('together')
})

test('what was measured while answers were shown makes a way no dearer', () => {
  const shape = new Shape(1, PLAN)
  run(shape, 2_000, { each: 0.04, together: 0.02 })
  for (let message = 0; message < 50; message += 1) shape.took('together', 1_000, 100, true)
  expect(shape.next(1_000, 0).way).toBe('together')
  for (let message = 0; message < 50; message += 1) shape.took('together', 1_000, 100)
  expect(shape.next(1_000, 0).way).toBe('each')
})

test('few instances, and shapes with functions that give something else each time, run one by one', () => {
  expect(new Shape(1, PLAN).next(3, 0)).toMatchObject({ way: 'each' })
  expect(new Shape(1, { ...PLAN, timeDependent: ['random()'] }).form).toBeUndefined()
  expect(new Shape(1, { ...PLAN, parameterTypes: [] }).form).toBeUndefined()
})

test('expensive instances are sent in smaller messages', () => {
  const shape = new Shape(1, { ...PLAN, timeDependent: ['now()'] })
  shape.took('each', 10, 200)
  expect(shape.next(1_000, 0)).toEqual({ way: 'each', count: 3 })
})

test('a slow shape runs among the others again after several fast runs, each time after more of them', () => {
  const shape = new Shape(1, PLAN)
  const runsUntilFast = () => {
    shape.becameSlow()
    let runs = 0
    for (; shape.isSlow; runs += 1) shape.ranApart(true)
    return runs
  }
  const first = runsUntilFast()
  expect(runsUntilFast()).toBe(2 * first)
  shape.becameSlow()
  shape.ranApart(true)
  shape.ranApart(false)
  expect(shape.isSlow).toBe(true)
})
