import { ClosedError, ConnectionLostError } from '@pg-realtime/core'
import superjson from 'superjson'
import { describe, expect, test, vi } from 'vitest'
import { linkCall, Reader } from '../../test/support/calls.js'
import { deferred } from '../../test/support/deferred.js'
import { FakeRealtime, token } from '../../test/support/fake-realtime.js'
import { ManualClock } from '../../test/support/manual-clock.js'
import { parseEventId, withoutRows, type PatchMessage, type Resume } from '../protocol.js'
import { createLive } from './create-live.js'
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
  const open = (resume: Partial<Resume> & Pick<Resume, 'version' | 'snapshot'>) => new Reader(all(linkCall({ resume })))
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

  test('an engine that is being stopped, or is, is asked for no barrier until it starts again', async () => {
    const { open, version, seen, realtime, clock, barrier } = await reconnect({ seen: 200, server: 100 })
    const held = { version: await version(fresh), snapshot: seen }
    await using first = open(held)
    await using second = open(held)
    const next = [first.message(), second.message()]
    await vi.waitFor(() => expect(clock.pending).toBe(2))
    expect(realtime.barrierCalls).toBe(1)
    barrier.reject(new ClosedError('The engine was stopped while a barrier was waiting.'))
    await realtime.stop()
    // Two bounds, two tries to open the query again, and two barriers that are to be asked for again.
    await vi.waitFor(() => expect(clock.pending).toBe(6))
    clock.advance(5_000)
    expect(await Promise.all(next)).toMatchObject([{ status: 'stale' }, { status: 'stale' }])
    await vi.waitFor(() => expect(clock.pending).toBe(2))
    expect(realtime.barrierCalls).toBe(1)

    const caughtUp = [first.message(), second.message()]
    realtime.barriers = () => Promise.resolve()
    await realtime.start()
    clock.advance(5_000)
    expect(await Promise.all(caughtUp)).toMatchObject([{ status: 'live' }, { status: 'live' }])
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

describe('a client that comes back to the server that it had', () => {
  async function leave(rows: readonly { id: number; name: string }[]) {
    const realtime = new FakeRealtime<Tables>(() => rows)
    const clock = new ManualClock()
    const live = createLive(realtime, { transformer: superjson, clock })
    const all = live((_: Call) => realtime.db.selectFrom('items').selectAll())
    const reader = new Reader(all(linkCall()))
    const { version, snapshot, state } = await reader.message()
    return { realtime, clock, all, reader, held: { version, snapshot, state } }
  }
  const names = (count: number, name = 'a') => Array.from({ length: count }, (_, id) => ({ id, name: `${name}${id}` }))
  const renamed = (count: number) => [{ id: 0, name: 'changed' }, ...names(10).slice(1, count)]

  test('gets the patches that it missed, also those of a time when nobody was there', async () => {
    const { realtime, all, reader, held } = await leave(names(10))
    await reader[Symbol.asyncDispose]()
    realtime.commit(() => renamed(10))
    realtime.commit(() => renamed(9))
    await using again = new Reader(all(linkCall({ resume: held })))
    const message = await again.message()
    expect(message).toMatchObject({ kind: 'patch', from: 0, state: held.state.replace(/0$/, '2') })
    const lines = (message as PatchMessage).lines
      .split('\n')
      .map((line) => JSON.parse(line.replace('=', '')) as unknown)
    expect(lines).toEqual([{ u: [0, { name: 'changed' }] }, { r: [9] }])
  })

  test('gets all rows when patches would cost more', async () => {
    const { realtime, all, reader, held } = await leave(names(10))
    realtime.commit(() => names(10, 'b'))
    await using again = new Reader(all(linkCall({ resume: held })))
    expect(await again.message()).toMatchObject({ kind: 'rows', count: 10 })
    await reader[Symbol.asyncDispose]()
  })

  test('gets all rows when the live query has ended in the meantime', async () => {
    const { realtime, clock, all, reader, held } = await leave(names(10))
    await reader[Symbol.asyncDispose]()
    clock.advance(5_000)
    realtime.commit(() => renamed(10))
    await using again = new Reader(all(linkCall({ resume: held })))
    expect(await again.message()).toMatchObject({ kind: 'rows' })
  })

  test('gets all rows when it asks for them, since a patch did not fit', async () => {
    const { all, held, reader } = await leave(names(10))
    await using again = new Reader(all(linkCall({ resume: parseEventId(withoutRows(held))! })))
    expect(await again.message()).toMatchObject({ kind: 'rows', ...held })
    await reader[Symbol.asyncDispose]()
  })

  test('with the same rows of another server gets its status, and with the next change all rows', async () => {
    const { realtime, all, held, reader } = await leave(names(10))
    await using again = new Reader(all(linkCall({ resume: { ...held, state: 'else.7' } })))
    expect(await again.message()).toMatchObject({ kind: 'status', state: 'else.7' })
    realtime.commit(() => renamed(10))
    expect(await again.message()).toMatchObject({ kind: 'rows' })
    realtime.commit(() => names(10))
    expect(await again.message()).toMatchObject({ kind: 'patch' })
    await reader[Symbol.asyncDispose]()
  })
})

describe('rows of which a `map` made what the client holds', () => {
  const upper = ({ id }: { id: number }) => ({ key: id })
  const other = ({ id }: { id: number }) => ({ number: id })

  async function serve() {
    const realtime = new FakeRealtime<Tables>(() => old)
    const live = createLive(realtime, { transformer: superjson, clock: new ManualClock() })
    const query = realtime.db.selectFrom('items').selectAll()
    const [first, second] = [live((_: Call) => query, { map: upper }), live((_: Call) => query, { map: other })]
    const reader = new Reader(first(linkCall()))
    const { version, snapshot, state } = await reader.message()
    return { realtime, first, second, reader, held: { version, snapshot, state } }
  }

  test('are sent again where another server, or another `map`, made them', async () => {
    const { second, reader, held } = await serve()
    await using again = new Reader(second(linkCall({ resume: held })))
    expect(await again.message()).toMatchObject({ kind: 'rows', lines: '{"json":{"number":1}}', version: held.version })
    await reader[Symbol.asyncDispose]()
  })

  test('are sent again where there is no `map` any more, or none yet', async () => {
    const { realtime, first, reader, held } = await serve()
    const plain = createLive(realtime, { transformer: superjson, clock: new ManualClock() })
    const all = plain((_: Call) => realtime.db.selectFrom('items').selectAll())
    await using without = new Reader(all(linkCall({ resume: { ...held, state: held.state.replace(/^..../, 'else') } })))
    const { kind, state } = await without.message()
    expect(kind).toBe('rows')
    await using withMap = new Reader(first(linkCall({ resume: { ...held, state } })))
    expect(await withMap.message()).toMatchObject({ kind: 'rows', lines: '{"json":{"key":1}}' })
    await reader[Symbol.asyncDispose]()
  })

  test('are held back like others while the server that answers is behind', async () => {
    const { realtime, second, reader, held } = await serve()
    const barrier = deferred<void>()
    realtime.barriers = () => barrier.promise
    await using again = new Reader(second(linkCall({ resume: { ...held, snapshot: token(200) } })))
    const next = again.message()
    await vi.waitFor(() => expect(realtime.barrierCalls).toBe(1))
    barrier.resolve()
    expect(await next).toMatchObject({ kind: 'rows', status: 'live', snapshot: token(200) })
    await reader[Symbol.asyncDispose]()
  })

  test('are not where this server made them, with this `map`', async () => {
    const { realtime, first, reader, held } = await serve()
    await using again = new Reader(first(linkCall({ resume: held })))
    expect(await again.message()).toMatchObject({ kind: 'status', ...held })
    realtime.commit(() => fresh)
    expect(await again.message()).toMatchObject({ kind: 'patch', from: 0 })
    await reader[Symbol.asyncDispose]()
  })

  test('are not to a subscriber who was sent them, when their live query is opened again', async () => {
    const { realtime, reader, held } = await serve()
    await realtime.stop()
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'stale' })
    const next = reader.message()
    await realtime.start()
    expect(await next).toMatchObject({ kind: 'status', status: 'live', state: held.state })
    await reader[Symbol.asyncDispose]()
  })
})

test('a client that reads slowly is owed one thing, however much it missed: the patches in one message', async () => {
  const rows = Array.from({ length: 100 }, (_, id) => ({ id, n: 0 }))
  const realtime = new FakeRealtime<Tables>(() => rows)
  const live = createLive(realtime, { transformer: superjson })
  await using reader = new Reader(live((_: Call) => realtime.db.selectFrom('items').selectAll())(linkCall()))
  const { state } = await reader.message()
  for (let n = 1; n <= 5; n++) realtime.commit(() => [{ id: 0, n }, ...rows.slice(1)])
  const message = await reader.message()
  expect(message).toMatchObject({ kind: 'patch', from: 0, state: state.replace(/0$/, '5') })
  expect((message as PatchMessage).lines.split('\n')).toHaveLength(5)
  for (let n = 6; n <= 90; n++) realtime.commit(() => [{ id: 0, n }, ...rows.slice(1)])
  expect(await reader.message()).toMatchObject({ kind: 'rows', count: 100 })
})
