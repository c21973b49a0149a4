import type { Client, Pool } from 'pg'
import { expect, test, vi } from 'vitest'
import { ManualClock } from '../../test/support/clock.js'
import type { Plan } from '../analyze/plan.js'
import type { ChangeSource } from '../capture/contract.js'
import type { Batch } from '../change.js'
import type { RealtimeError } from '../errors.js'
import { systemClock, type Clock } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import type { TickSession } from './batch-reader.js'
import type { Accepted, Refreshable } from './contract.js'
import { Schedule } from './schedule.js'
import { TickLoop, type TickLoopOptions } from './tick-loop.js'

const BATCH: Batch = { changes: [], snapshot: '1:1:', gap: undefined }
const NO_CHANGES: Partial<ChangeSource> = { writesNext: () => false, read: () => Promise.resolve(BATCH) }
const CHANGE = { kind: 'change', table: 'orders', operation: 'insert', columns: [] } as const

function sessionOf(): TickSession {
  const query = () => Promise.resolve([{}, { rows: [{ id: 'exported' }] }, {}])
  return { reader: { query } as unknown as Client, origin: '1.1', isDirect: true, abandon: () => {} }
}

/** Its clients are all busy. */
function poolOf(connect: () => Promise<unknown> = () => Promise.reject(new Error('refused'))): Pool {
  return { idleCount: 0, waitingCount: 0, connect } as unknown as Pool
}

function loopOf(options: Partial<TickLoopOptions>): TickLoop<TestQuery> {
  const session = sessionOf()
  return new TickLoop<TestQuery>({
    pool: poolOf(),
    clock: systemClock,
    source: () => NO_CHANGES as ChangeSource,
    session: () => session,
    route: () => Promise.resolve(),
    onFailure: () => {},
    onProgress: () => {},
    maxConnections: 1,
    isPooled: false,
    statementTimeoutMs: 1_000,
    ...options,
  })
}

/** Keeps what it is told. */
class TestQuery implements Refreshable {
  readonly sql = 'select 1'
  readonly parameters = []
  readonly scope = {}
  readonly plan = { sql: this.sql, parameterTypes: [], timeDependent: [], opaqueFunctions: [] } as unknown as Plan
  readonly isClosed = false
  readonly schedule: Schedule
  readonly failures: RealtimeError[] = []
  attempts = 0

  constructor(clock: Clock) {
    this.schedule = new Schedule(60_000, clock, () => 1)
  }

  mayReread(): boolean {
    return false
  }

  splice(): undefined {}

  accept(): Accepted {
    return { changed: true, rows: 1, publish: () => {} }
  }

  fail(error: RealtimeError): void {
    this.failures.push(error)
  }

  refreshed(): void {
    this.attempts += 1
  }
}

/** Resolves when nothing goes on any more that does not wait for the clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
}

test('a request that comes while a tick of a lost session fails is carried out in the next session', async () => {
  let session = sessionOf()
  const reads = [deferred<Batch>(), deferred<Batch>()]
  const begun = [deferred<void>(), deferred<void>()]
  let count = 0
  const source: Partial<ChangeSource> = {
    writesNext: () => false,
    read: () => {
      begun[count]!.resolve()
      return reads[count++]!.promise
    },
  }
  const failures: TickSession[] = []
  const loop = loopOf({
    source: () => source as ChangeSource,
    session: () => session,
    onFailure: (_, failed) => failures.push(failed),
  })
  const lost = session
  loop.request()
  await begun[0]!.promise
  session = sessionOf()
  loop.request()
  reads[0]!.reject(new Error('Connection terminated unexpectedly'))
  await begun[1]!.promise
  reads[1]!.resolve(BATCH)
  await loop.stop()
  expect(failures).toEqual([lost])
  expect(loop.completed).toBe(2)
})

test('a pool that gives no connection is told once, and asked at growing intervals, also while a barrier waits', async () => {
  const clock = new ManualClock()
  const connect = vi.fn(() => Promise.reject(new Error('refused')))
  const loop = loopOf({
    clock,
    pool: poolOf(connect),
    // As a barrier does that waits for everything.
    onProgress: () => loop.force(1),
  })
  const query = new TestQuery(clock)
  loop.mark(query, CHANGE)
  loop.request()
  await settled()
  expect([connect.mock.calls.length, query.attempts]).toEqual([1, 0])
  for (const [index, delay] of [50, 100, 200, 400].entries()) {
    clock.advance(delay - 1)
    await settled()
    expect(connect).toHaveBeenCalledTimes(index + 1)
    clock.advance(1)
    await settled()
    expect([connect.mock.calls.length, query.attempts]).toEqual([index + 2, index + 1])
  }
  expect(query.failures).toMatchObject([{ code: 'CONNECTION_LOST', cause: { message: 'refused' } }])
  await loop.stop()
})

test('a connection that the server ends in each refresh is told the second time', async () => {
  const clock = new ManualClock()
  const cause = Object.assign(new Error('transaction timeout'), { code: '25P04' })
  const client = { on: () => {}, off: () => {}, release: () => {}, query: () => Promise.reject(cause) }
  const loop = loopOf({ clock, pool: poolOf(() => Promise.resolve(client)) })
  const query = new TestQuery(clock)
  loop.mark(query, CHANGE)
  loop.request()
  await settled()
  expect(query.failures).toEqual([])
  clock.advance(50)
  await settled()
  expect(query.failures).toMatchObject([{ code: 'CONNECTION_LOST', cause }])
  expect(query.failures[0]!.message).toMatch(/lost its connection of the pool: transaction timeout/)
  await loop.stop()
})

test('what is left undone with a lost session is told by the loss', async () => {
  const clock = new ManualClock()
  let session: TickSession | undefined
  const loop = loopOf({
    clock,
    session: () => session,
    pool: poolOf(() => {
      session = undefined
      return Promise.reject(new Error('refused'))
    }),
  })
  const query = new TestQuery(clock)
  loop.mark(query, CHANGE)
  for (let round = 0; round < 3; round += 1) {
    session = sessionOf()
    clock.advance(60_000)
    loop.request()
    await settled()
  }
  expect(loop.completed).toBe(3)
  expect([query.failures, query.attempts]).toEqual([[], 0])
  await loop.stop()
})

test('without a session it sleeps, however many queries are due, and goes on when there is one', async () => {
  const clock = new ManualClock()
  let [session, asked]: [TickSession | undefined, number] = [undefined, 0]
  const connect = vi.fn(() => Promise.reject(new Error('refused')))
  const loop = loopOf({ clock, session: () => ((asked += 1), session), pool: poolOf(connect) })
  const query = new TestQuery(clock)
  loop.mark(query, CHANGE)
  loop.request()
  await settled()
  const before = asked
  clock.advance(60_000)
  await settled()
  expect([asked, clock.pending]).toEqual([before, 0])
  session = sessionOf()
  loop.request()
  await settled()
  expect(connect).toHaveBeenCalledTimes(1)
  await loop.stop()
})
