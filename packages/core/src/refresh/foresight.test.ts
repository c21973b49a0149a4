import { expect, test } from 'vitest'
import { systemClock } from '../util/clock.js'
import type { Plan } from '../analyze/plan.js'
import type { Refreshable } from './contract.js'
import { Foresight, type Ahead } from './foresight.js'
import { PreparedNames } from './prepared.js'
import { Schedule } from './schedule.js'
import { Shapes } from './shape.js'

const PLAN = { sql: 'select 1', parameterTypes: [], timeDependent: [], opaqueFunctions: [] } as unknown as Plan
const NOW = 1_000

function setUp() {
  const shapes = new Shapes()
  shapes.of(PLAN).took('each', 1, 0.5)
  const names = new PreparedNames()
  names.prepare(shapes.of(PLAN)).done()
  const foresight = new Foresight<Refreshable>(shapes, 1_000)
  const look = (certain: Refreshable[] = []) => foresight.look(certain, names, NOW)
  /** Ticks that refresh these, whatever was expected. */
  const see = (ticks: number, ...queries: Refreshable[]) => {
    for (let tick = 0; tick < ticks; tick += 1) foresight.saw(queries, look())
  }
  return { shapes, foresight, look, see }
}

function query(overrides: Partial<Refreshable> = {}): Refreshable {
  return {
    sql: PLAN.sql,
    parameters: [],
    scope: {},
    plan: PLAN,
    isClosed: false,
    schedule: new Schedule(0, systemClock, () => 1),
    mayReread: () => false,
    ...overrides,
  } as Refreshable
}

test('what three ticks in a row refreshed is expected, until one does not', () => {
  const { look, see } = setUp()
  const [one, other] = [query(), query()]
  see(2, one, other)
  expect(look()).toBeUndefined()
  see(1, one)
  expect(look()?.queries).toEqual([one])
  see(1)
  expect(look()).toBeUndefined()
})

test('each mistake doubles the ticks that are needed, and every right guess takes one off', () => {
  const { look, see } = setUp()
  const one = query()
  const ticksUntilExpected = () => {
    let ticks = 0
    for (; !look(); ticks += 1) see(1, one)
    return ticks
  }
  expect(ticksUntilExpected()).toBe(3)
  see(1)
  expect(ticksUntilExpected()).toBe(6)
  see(1)
  expect(ticksUntilExpected()).toBe(12)
  see(9, one)
  see(1)
  expect(ticksUntilExpected()).toBe(6)
})

test('what the way to a server takes makes no query dear, and no guess a mistake', () => {
  const { foresight, look, see, shapes } = setUp()
  shapes.of(PLAN).took('each', 1, 0.5)
  for (let run = 0; run < 100; run += 1) shapes.of(PLAN).took('each', 1, 41)
  const one = query()
  see(3, one)
  expect(look()).toBeUndefined()
  foresight.tookAlone(45)
  foresight.tookAlone(40)
  const guessed = (ms: number) => foresight.saw([one], { ms, queries: [one] } as unknown as Ahead<Refreshable>)
  expect(look()?.queries).toEqual([one])
  guessed(49)
  expect(look()?.queries).toEqual([one])
  guessed(51)
  see(1, one)
  expect(look()).toBeUndefined()
})

test('what is due is certain, and is no mistake', () => {
  const { look, foresight } = setUp()
  const one = query()
  const ahead = look([one])
  expect(ahead?.queries).toEqual([one])
  foresight.saw([one], ahead)
  expect(look()).toBeUndefined()
})

test('nothing is expected of many, dear, large, failing, closed or waiting ones', () => {
  const many = Array.from({ length: 5 }, () => query())
  const failing = query()
  failing.schedule.begin(1)
  failing.schedule.fail()
  const waiting = query({ schedule: new Schedule(60_000, systemClock, () => 1) })
  waiting.schedule.mark(1, { kind: 'interval' })
  waiting.schedule.begin(1)
  waiting.schedule.succeed()
  const alone = [query({ mayReread: () => true }), failing, query({ isClosed: true }), waiting]
  for (const queries of [many, ...alone.map((one) => [one])]) {
    const { look, see } = setUp()
    see(3, ...queries)
    expect(look()).toBeUndefined()
  }
  const { look, see, shapes } = setUp()
  see(3, query())
  for (let run = 0; run < 100; run += 1) shapes.of(PLAN).took('each', 1, 100)
  expect(look()).toBeUndefined()
})
