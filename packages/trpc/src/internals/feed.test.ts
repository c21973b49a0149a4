import { ConnectionLostError, MissingObjectError } from '@pg-realtime/core'
import { describe, expect, test, vi } from 'vitest'
import { linkCall, plainCall, Reader } from '../../test/support/calls.js'
import { deferred } from '../../test/support/deferred.js'
import { setup, two } from '../../test/support/items.js'
import { createLive } from './create-live.js'
import { Feed } from './feed.js'
import type { Call } from './live-types.js'

describe('the life of a live query', () => {
  test('subscribers of the same query share it, those of another scope do not', async () => {
    const { realtime, live, items } = setup()
    const mine = live(
      (_: Call) => items,
      ({ ctx }: Call) => ({ scope: { settings: { user: (ctx as { user: string }).user } } }),
    )
    const readers = ['ann', 'ann', 'bob'].map((user) => new Reader(mine({ ...plainCall(), ctx: { user } })))
    await Promise.all(readers.map((reader) => reader.value()))
    expect(realtime.size).toBe(2)
    await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()))
  })

  test('it outlives its last subscriber by the grace period', async () => {
    const { realtime, clock, all } = setup()
    const reader = new Reader(all(plainCall()))
    await reader.value()
    await reader[Symbol.asyncDispose]()
    clock.advance(999)
    expect(realtime.size).toBe(1)
    clock.advance(1)
    expect(realtime.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('one who comes back in the meantime finds it', async () => {
    const { realtime, clock, all } = setup()
    const first = new Reader(all(plainCall()))
    await first.value()
    await first[Symbol.asyncDispose]()
    clock.advance(500)
    await using second = new Reader(all(plainCall()))
    realtime.commit(() => two)
    expect(await second.value()).toEqual(two)
    clock.advance(5_000)
    expect(realtime.size).toBe(1)
  })

  test('graceMs: 0 closes it at once', async () => {
    const { realtime, items } = setup()
    const live = createLive(realtime, { graceMs: 0 })
    const reader = new Reader(live((_: Call) => items)(plainCall()))
    await reader.value()
    await reader[Symbol.asyncDispose]()
    expect(realtime.size).toBe(0)
  })

  test('a subscriber that leaves before the first result holds nothing either', async () => {
    const { realtime, clock, all } = setup()
    const first = deferred<void>()
    realtime.firstResults = first.promise
    const reader = new Reader(all(plainCall()))
    const next = reader.next()
    await vi.waitFor(() => expect(realtime.size).toBe(1))
    await reader[Symbol.asyncDispose]()
    expect(await next).toEqual({ done: true, value: undefined })
    clock.advance(1_000)
    expect(realtime.size).toBe(0)
  })

  test('the engine’s stop keeps the rows, and its next start brings the subscription back', async () => {
    const { realtime, clock, all } = setup()
    await using reader = new Reader(all(linkCall()))
    await reader.message()
    await realtime.stop()
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'stale' })
    expect(realtime.size).toBe(0)
    // Asks once more, is refused, and from then on waits to be called.
    clock.advance(1_000)
    await vi.waitFor(() => expect(realtime.statusListeners).toBe(1))
    clock.advance(100_000)
    expect(realtime.opened).toHaveLength(2)
    const next = reader.message()
    await realtime.start()
    expect(await next).toMatchObject({ kind: 'status', status: 'live' })
    expect(realtime.statusListeners).toBe(0)
  })

  test('a live query that closes before its first rows is opened again, ever more slowly, until it succeeds', async () => {
    const { realtime, clock, all } = setup()
    const first = deferred<void>()
    realtime.firstResults = first.promise
    await using reader = new Reader(all(linkCall()))
    const told = reader.message()
    for (const [count, delayMs] of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000].entries()) {
      await vi.waitFor(() => expect(realtime.size).toBe(1))
      realtime.endAll(new ConnectionLostError('no database yet'))
      clock.advance(delayMs - 1)
      expect(realtime.opened).toHaveLength(count + 1)
      clock.advance(1)
      expect(realtime.opened).toHaveLength(count + 2)
    }
    expect(await told).toMatchObject({ kind: 'status', status: 'stale', version: '' })
    const rows = reader.message()
    first.resolve()
    expect(await rows).toMatchObject({ kind: 'rows', status: 'live' })
  })

  test('a live query that closes with a final error before its first rows ends the subscription', async () => {
    const { realtime, all } = setup()
    realtime.firstResults = new Promise(() => {})
    const next = new Reader(all(plainCall())).next()
    const failed = expect(next).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await vi.waitFor(() => expect(realtime.size).toBe(1))
    realtime.endAll(new MissingObjectError('orders'))
    await failed
  })

  test('a live query that closes after its first rows is opened again whatever the reason: a migration may be under way', async () => {
    const { realtime, clock, all } = setup()
    await using reader = new Reader(all(plainCall()))
    await reader.value()
    realtime.endAll(new MissingObjectError('orders'))
    realtime.commit(() => two)
    const next = reader.value()
    clock.advance(1_000)
    expect(await next).toEqual(two)
  })

  test('the rows stand until the query that was opened again has some', async () => {
    const { realtime, clock, all } = setup()
    await using reader = new Reader(all(plainCall()))
    await reader.value()
    realtime.firstResults = new Promise(() => {})
    realtime.endAll(new ConnectionLostError('gone'))
    const next = reader.value()
    clock.advance(1_000)
    expect(realtime.size).toBe(1)
    realtime.loseConnection(new ConnectionLostError('gone again'))
    realtime.commit(() => two)
    expect(await next).toEqual(two)
  })

  test('its changes are told also where what keeps track of the rows fails', async () => {
    const { realtime, clock, items: query } = setup()
    const error = new TypeError('lost track')
    const [onChange, onFinal] = [vi.fn(), vi.fn()]
    const onRows = () => {
      throw error
    }
    const feed = new Feed({ realtime, query, options: {}, graceMs: 0, clock, onChange, onRows, onFinal })
    realtime.commit(() => two)
    expect(onChange).toHaveBeenCalledTimes(1)
    expect(feed.state.rows).toEqual(two)
    expect(realtime.listenerErrors).toEqual([error])
    feed.close()
  })

  test('a subscriber that leaves while the engine is stopped leaves nothing behind', async () => {
    const { realtime, all, clock } = setup()
    const reader = new Reader(all(plainCall()))
    await reader.value()
    await realtime.stop()
    await reader[Symbol.asyncDispose]()
    await realtime.start()
    expect(realtime.opened).toHaveLength(1)
    expect(realtime.statusListeners).toBe(0)
    expect(clock.pending).toBe(0)
  })
})
