import { expect, test } from 'vitest'
import { systemClock } from '../util/clock.js'
import { Barriers } from './barrier.js'
import type { Refreshable } from './contract.js'
import { Schedule } from './schedule.js'

/** One query, and a tick loop that a test turns by hand. */
function setUp() {
  const schedule = new Schedule(0, systemClock, () => 1)
  const query = { sql: 'select 1', schedule } as Refreshable
  let [current, completed] = [0, 0]
  const barriers = new Barriers<Refreshable>({
    currentTick: () => current,
    completedTick: () => completed,
    force: () => {},
    queries: () => [query],
    undecidedSince: () => undefined,
  })
  return {
    query,
    barriers,
    /** Runs a tick that finds a change, and begins a refresh. */
    tick() {
      current += 1
      schedule.mark(current, { kind: 'retry' })
      schedule.begin(current)
      completed = current
      barriers.check()
    },
    /** Runs a tick that is not carried through: what it was to route is left to the next one. */
    failTick() {
      current += 1
      barriers.check()
    },
    fail() {
      schedule.fail()
      barriers.failed(query)
      barriers.check()
    },
    succeed() {
      schedule.succeed()
      barriers.check()
    },
  }
}

test('a refresh that fails on the barrier’s own tick, or a later one, fails it', async () => {
  const it = setUp()
  const barrier = it.barriers.wait()
  it.tick()
  it.fail()
  await expect(barrier).rejects.toMatchObject({ code: 'BARRIER_FAILED', queries: ['select 1'] })
})

test('a refresh that began before the barrier and fails is tried again before it is judged', async () => {
  const it = setUp()
  it.tick()
  const barrier = it.barriers.wait()
  it.fail()
  it.tick()
  it.succeed()
  await barrier
})

test('what a tick that failed left to the next one is waited for', async () => {
  const it = setUp()
  let isReached = false
  const barrier = it.barriers.wait().then(() => (isReached = true))
  it.failTick()
  it.tick()
  await new Promise(setImmediate)
  expect(isReached).toBe(false)
  it.succeed()
  await barrier
})

test('a refresh that failed on a tick that failed itself is tried again before it is judged', async () => {
  const it = setUp()
  const barrier = it.barriers.wait()
  it.failTick()
  it.query.schedule.mark(1, { kind: 'retry' })
  it.query.schedule.begin(1)
  it.fail()
  it.tick()
  it.succeed()
  await barrier
})

test('stopping ends every barrier', async () => {
  const it = setUp()
  const barrier = it.barriers.wait()
  it.barriers.stop()
  await expect(barrier).rejects.toMatchObject({ code: 'CLOSED' })
})
