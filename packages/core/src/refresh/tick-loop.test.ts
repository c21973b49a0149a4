import type { Client, Pool } from 'pg'
import { expect, test } from 'vitest'
import type { ChangeSource } from '../capture/contract.js'
import type { Batch } from '../change.js'
import { systemClock } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import type { Refreshable } from './contract.js'
import { TickLoop, type TickSession } from './tick-loop.js'

const BATCH: Batch = { changes: [], snapshot: '1:1:', gap: undefined }
const BUSY_POOL = { idleCount: 0, waitingCount: 0 } as Pool

function sessionOf(): TickSession {
  const query = () => Promise.resolve([{}, { rows: [{ id: 'exported' }] }, {}])
  return { reader: { query } as unknown as Client, origin: '1.1', isDirect: true, abandon: () => {} }
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
  const loop = new TickLoop<Refreshable>({
    pool: BUSY_POOL,
    clock: systemClock,
    source: () => source as ChangeSource,
    session: () => session,
    route: () => Promise.resolve(),
    onFailure: (_, failed) => failures.push(failed),
    onProgress: () => {},
    maxConnections: 1,
    isPooled: false,
    statementTimeoutMs: 1_000,
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
