import { ConnectionLostError } from '@pg-realtime/core'
import superjson from 'superjson'
import { describe, expect, test, vi } from 'vitest'
import { linkCall, Reader } from '../../test/support/calls.js'
import { deferred } from '../../test/support/deferred.js'
import { FakeRealtime, token } from '../../test/support/fake-realtime.js'
import { ManualClock } from '../../test/support/manual-clock.js'
import type { Resume } from '../protocol.js'
import { createLive } from './create-live.js'
import { SharedBarrier } from './floor.js'
import type { Call } from './live-types.js'

interface Tables {
  items: { id: number }
}

const old = [{ id: 1 }]
const fresh = [{ id: 2 }]

/** Two servers: the client was served by one that had seen `seen`, and comes back to one that shows `old`. */
async function reconnect(options: { seen: number; server: number; rows?: readonly object[] }) {
  const realtime = new FakeRealtime<Tables>(() => options.rows ?? old)
  realtime.rewind(options.server)
  const barrier = deferred<void>()
  realtime.barriers = () => barrier.promise
  const clock = new ManualClock()
  const live = createLive(realtime, { transformer: superjson, clock, resumeWaitMs: 5_000 })
  const all = live((_: Call) => realtime.db.selectFrom('items').selectAll())
  const open = (resume: Resume) => new Reader(all(linkCall({ resume })))
  const version = async (rows: readonly object[]) => {
    const other = new FakeRealtime<Tables>(() => rows)
    return (
      await other.live(other.db.selectFrom('items').selectAll()).ready,
      other.live(other.db.selectFrom('items').selectAll()).version
    )
  }
  return { realtime, clock, barrier, open, version, seen: token(options.seen) }
}

test('a client that holds the present version gets its status and no rows', async () => {
  const { open, version, seen } = await reconnect({ seen: 100, server: 100 })
  await using reader = open({ version: await version(old), snapshot: seen })
  expect(await reader.message()).toMatchObject({ kind: 'status', status: 'live' })
})

test('a client that holds another version gets the rows', async () => {
  const { open, version, seen } = await reconnect({ seen: 100, server: 101 })
  await using reader = open({ version: await version(fresh), snapshot: seen })
  expect(await reader.message()).toMatchObject({ kind: 'rows', status: 'live', snapshot: token(101) })
})

test('a client keeps what it has seen when the server that answers is behind with the same rows', async () => {
  const { open, version, seen, realtime } = await reconnect({ seen: 200, server: 100 })
  await using reader = open({ version: await version(old), snapshot: seen })
  expect(await reader.message()).toMatchObject({ kind: 'status', status: 'live', snapshot: seen })
  // Still behind: what it shows now was overtaken before the client came.
  realtime.commit(() => [])
  const next = reader.message()
  realtime.rewind(300)
  realtime.commit(() => fresh)
  expect(await next).toMatchObject({ kind: 'rows', status: 'live', snapshot: token(301), count: 1 })
})

describe('when the server that answers shows older rows', () => {
  test('they are held back until it has caught up', async () => {
    const { open, version, seen, realtime, clock } = await reconnect({ seen: 200, server: 100 })
    await using reader = open({ version: await version(fresh), snapshot: seen })
    const next = reader.message()
    await vi.waitFor(() => expect(realtime.barrierCalls).toBe(1))
    clock.advance(4_999)
    realtime.rewind(250)
    realtime.commit(() => fresh)
    expect(await next).toMatchObject({ kind: 'status', status: 'live', snapshot: token(251) })
  })

  test('a barrier tells that they are true by now all the same', async () => {
    const { open, version, seen, barrier } = await reconnect({ seen: 200, server: 100 })
    await using reader = open({ version: await version(fresh), snapshot: seen })
    const next = reader.message()
    barrier.resolve()
    expect(await next).toMatchObject({ kind: 'rows', status: 'live' })
  })

  test('they come as stale after the bound, and count as live as soon as the server has caught up', async () => {
    const { open, version, seen, realtime, clock, barrier } = await reconnect({ seen: 200, server: 100 })
    await using reader = open({ version: await version(fresh), snapshot: seen })
    const next = reader.message()
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    clock.advance(5_000)
    // The client keeps the token that it has seen, for the next server.
    expect(await next).toMatchObject({ kind: 'rows', status: 'stale', snapshot: seen })
    const caughtUp = reader.message()
    realtime.loseConnection(new ConnectionLostError('gone'))
    realtime.recover()
    barrier.resolve()
    expect(await caughtUp).toMatchObject({ kind: 'status', status: 'live' })
    expect(clock.pending).toBe(0)
  })

  test('a barrier that fails is asked for again', async () => {
    const { open, version, seen, realtime, clock } = await reconnect({ seen: 200, server: 100 })
    realtime.barriers = () => Promise.reject(new Error('not now'))
    await using reader = open({ version: await version(fresh), snapshot: seen })
    const next = reader.message()
    await vi.waitFor(() => expect(clock.pending).toBe(2))
    clock.advance(5_000)
    expect(await next).toMatchObject({ status: 'stale' })
    realtime.barriers = () => Promise.resolve()
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    clock.advance(5_000)
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'live' })
  })

  test('a client that leaves while it waits leaves no timer', async () => {
    const { open, version, seen, clock, realtime } = await reconnect({ seen: 200, server: 100 })
    const reader = open({ version: await version(fresh), snapshot: seen })
    const next = reader.next()
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    await reader[Symbol.asyncDispose]()
    expect((await next).done).toBe(true)
    clock.advance(5_000)
    expect(clock.pending).toBe(0)
    expect(realtime.size).toBe(0)
  })
})

test('another system or timeline has no order: its rows are sent at once', async () => {
  const { open, version } = await reconnect({ seen: 200, server: 100 })
  await using reader = open({ version: await version(fresh), snapshot: '8.1.500:500:' })
  expect(await reader.message()).toMatchObject({ kind: 'rows', status: 'live' })
})

describe('SharedBarrier', () => {
  test('runs once for all who come while one is running, after it', async () => {
    const runs = [deferred<void>(), deferred<void>()]
    const run = vi.fn(() => runs[run.mock.calls.length - 1]!.promise)
    const barrier = new SharedBarrier(run)
    const first = barrier.join()
    const later = [barrier.join(), barrier.join(), barrier.join()]
    expect(run).toHaveBeenCalledTimes(1)
    runs[0]!.resolve()
    await first
    await vi.waitFor(() => expect(run).toHaveBeenCalledTimes(2))
    runs[1]!.resolve()
    await Promise.all(later)
    expect(run).toHaveBeenCalledTimes(2)
  })

  test('goes on after one that failed', async () => {
    const run = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('no')).mockResolvedValue()
    const barrier = new SharedBarrier(run)
    await expect(barrier.join()).rejects.toThrow('no')
    await barrier.join()
    expect(run).toHaveBeenCalledTimes(2)
  })
})
