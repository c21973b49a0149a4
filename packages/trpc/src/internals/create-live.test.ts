import {
  ConnectionLostError,
  MissingObjectError,
  OpaqueFunctionError,
  PermissionDeniedError,
  QueryFailedError,
  type RealtimeError,
} from '@pg-realtime/core'
import { TRPCError } from '@trpc/server'
import superjson from 'superjson'
import { describe, expect, test, vi } from 'vitest'
import { linkCall, plainCall, Reader } from '../../test/support/calls.js'
import { FakeRealtime } from '../../test/support/fake-realtime.js'
import { one, setup, two, type Items } from '../../test/support/items.js'
import type { PatchMessage } from '../protocol.js'
import { createLive } from './create-live.js'
import type { Call } from './live-types.js'

describe('plain clients', () => {
  test('get the rows, and then the newest rows', async () => {
    const { realtime, all } = setup()
    await using reader = new Reader(all(plainCall()))
    expect(await reader.value()).toEqual(one)
    realtime.commit(() => two)
    realtime.commit(() => [])
    expect(await reader.value()).toEqual([])
  })

  test('are not told when nothing but the status changed', async () => {
    const { realtime, all } = setup()
    await using reader = new Reader(all(plainCall()))
    await reader.value()
    realtime.loseConnection(new ConnectionLostError('gone'))
    realtime.recover()
    const next = reader.value()
    realtime.commit(() => two)
    expect(await next).toEqual(two)
  })

  test('get one row or undefined from live.single', async () => {
    const { realtime, live, items } = setup()
    await using reader = new Reader(live.single((_: Call) => items)(plainCall()))
    expect(await reader.value()).toEqual(one[0])
    realtime.commit(() => [])
    expect(await reader.value()).toBeUndefined()
  })

  test('get mapped rows; a row that did not change is mapped once, for all of them', async () => {
    const { realtime, live, items } = setup(() => two)
    const map = vi.fn(({ name }: { name: string }) => name.toUpperCase())
    const names = live((_: Call) => items, { map })
    await using first = new Reader(names(plainCall()))
    await using second = new Reader(names(plainCall()))
    expect(await first.value()).toEqual(['ONE', 'TWO'])
    expect(await second.value()).toEqual(['ONE', 'TWO'])
    realtime.commit(() => [...two, { id: 3, name: 'three' }])
    expect(await first.value()).toEqual(['ONE', 'TWO', 'THREE'])
    expect(map).toHaveBeenCalledTimes(3)
  })

  test('get bytea as Uint8Array, which transformers know, in lists too', async () => {
    const photo = Buffer.from('photo')
    const { live, items } = setup(() => [{ id: 1, photo, parts: [photo] }])
    await using reader = new Reader(live((_: Call) => items)(plainCall()))
    const [row] = (await reader.value()) as unknown as { photo: Uint8Array; parts: Uint8Array[] }[]
    for (const bytes of [row!.photo, row!.parts[0]!]) {
      expect(Buffer.isBuffer(bytes)).toBe(false)
      expect(bytes).toEqual(new Uint8Array(photo))
    }
    expect(superjson.parse(superjson.stringify(row))).toEqual(row)
  })
})

describe('the application’s functions', () => {
  test('are given what tRPC gives, and may be asynchronous', async () => {
    const { realtime, live, items } = setup()
    const procedure = live(
      ({ input }: Call) => Promise.resolve(items.where('id', '=', input as number)),
      ({ ctx }: Call) => Promise.resolve({ scope: { settings: { 'app.user': (ctx as { user: string }).user } } }),
    )
    await using reader = new Reader(procedure({ ...plainCall(5), ctx: { user: 'ann' } }))
    await reader.value()
    expect(realtime.opened).toEqual(['select "id", "name" from "items" where "id" = $1'])
  })

  test('that fail end the subscription with their own error', async () => {
    const { live } = setup()
    const failing = live((_: Call) => {
      throw new TRPCError({ code: 'UNAUTHORIZED' })
    })
    await expect(new Reader(failing(plainCall())).next()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

describe('errors of the first result', () => {
  const sqlState = (code: string) => new QueryFailedError('failed', { cause: Object.assign(new Error(), { code }) })

  test.each<readonly [string, RealtimeError, string]>([
    ['a missing right', new PermissionDeniedError('orders'), 'FORBIDDEN'],
    ['a missing table', new MissingObjectError('orders'), 'NOT_FOUND'],
    ['an opaque function', new OpaqueFunctionError(['f'], 'f'), 'BAD_REQUEST'],
    ['a value of the wrong type', sqlState('22P02'), 'BAD_REQUEST'],
    ['a right that is missing when the query runs', sqlState('42501'), 'FORBIDDEN'],
  ])('%s is final', async (_, error, code) => {
    const { all } = setup(() => {
      throw error
    })
    const failure = await new Reader(all(plainCall())).next().catch((cause: unknown) => cause)
    expect(failure).toBeInstanceOf(TRPCError)
    expect(failure).toMatchObject({ code, cause: error, message: expect.stringContaining(error.code) })
    expect((failure as Error).message).not.toContain('orders')
  })

  test.each<readonly [string, RealtimeError]>([
    ['a lost connection', new ConnectionLostError('gone')],
    ['a statement timeout', sqlState('57014')],
    ['too many connections', sqlState('53300')],
  ])('%s is waited out', async (_, error) => {
    const { realtime, all } = setup(() => {
      throw error
    })
    await using reader = new Reader(all(plainCall()))
    const next = reader.value()
    await vi.waitFor(() => expect(realtime.size).toBe(1))
    realtime.commit(() => one)
    expect(await next).toEqual(one)
  })

  test('an engine that throws at once is no different', async () => {
    const { realtime, all } = setup()
    realtime.live = () => {
      throw new MissingObjectError('orders')
    }
    await expect(new Reader(all(plainCall())).next()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('errors after the first rows end nothing', async () => {
    const { realtime, all } = setup()
    await using reader = new Reader(all(plainCall()))
    await reader.value()
    realtime.commit(() => {
      throw new MissingObjectError('dropped')
    })
    const next = reader.value()
    realtime.commit(() => two)
    expect(await next).toEqual(two)
  })
})

describe('clients with liveLink', () => {
  test('get messages: the rows as lines, with version, snapshot and status', async () => {
    const { realtime, all } = setup(() => two)
    await using reader = new Reader(all(linkCall()))
    const message = await reader.message()
    expect(message).toMatchObject({
      kind: 'rows',
      status: 'live',
      count: 2,
      single: false,
      snapshot: realtime.snapshot,
    })
    expect((message as { lines: string }).lines.split('\n').map((line) => superjson.parse(line))).toEqual(two)
  })

  test('get a patch from then on, of the columns that changed', async () => {
    const { realtime, all } = setup(() => two)
    await using reader = new Reader(all(linkCall()))
    const { state } = await reader.message()
    realtime.commit(() => [two[0]!, { ...two[1]!, name: 'TWO' }])
    const patch = await reader.message()
    expect(patch).toMatchObject({ kind: 'patch', from: 0, status: 'live', snapshot: realtime.snapshot })
    expect(patch.state).toBe(state.replace(/0$/, '1'))
    expect((patch as PatchMessage).lines).toBe('={"u":[1,{"name":"TWO"}]}')
  })

  test('of live.single get a patch of the row that comes first, and none for the others', async () => {
    const { realtime, live, items } = setup(() => two)
    await using reader = new Reader(live.single((_: Call) => items)(linkCall()))
    expect(await reader.message()).toMatchObject({ kind: 'rows', count: 1, single: true })
    realtime.commit(() => [{ id: 1, name: 'ONE' }, two[1]!])
    const steps = async () => JSON.parse(((await reader.message()) as PatchMessage).lines.slice(1)) as unknown
    expect(await steps()).toEqual({ u: [0, { name: 'ONE' }] })
    realtime.commit(() => [{ id: 1, name: 'ONE' }])
    expect(await steps()).toEqual({})
    realtime.commit(() => [])
    expect(await steps()).toEqual({ r: [0] })
  })

  test('of another version are served as plain ones', async () => {
    const { all } = setup()
    const raw = { '~live': { protocol: 1, shape: 'undefined', transformer: true } }
    await using reader = new Reader(all({ ...plainCall(), getRawInput: () => Promise.resolve(raw) }))
    expect(await reader.value()).toEqual(one)
  })

  test('are told when the rows become doubtful, and when they are good again, without being sent them again', async () => {
    const { realtime, all } = setup()
    await using reader = new Reader(all(linkCall()))
    const { version } = await reader.message()
    realtime.loseConnection(new ConnectionLostError('gone'))
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'stale', version })
    realtime.recover()
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'live', version })
  })

  test('are told when there is no first result yet for a reason', async () => {
    const { realtime, all } = setup(() => {
      throw new ConnectionLostError('gone')
    })
    await using reader = new Reader(all(linkCall()))
    expect(await reader.message()).toMatchObject({ kind: 'status', status: 'stale', version: '' })
    realtime.commit(() => one)
    expect(await reader.message()).toMatchObject({ kind: 'rows', status: 'live' })
  })

  test('share one serialisation, whatever their number; a row that did not change is not serialised again', async () => {
    const realtime = new FakeRealtime<Items>(() => two)
    const serialize = vi.spyOn(superjson, 'serialize')
    const live = createLive(realtime, { transformer: superjson })
    const all = live((_: Call) => realtime.db.selectFrom('items').select(['id', 'name']))
    const readers = Array.from({ length: 5 }, () => new Reader(all(linkCall())))
    const lines = (await Promise.all(readers.map((reader) => reader.message()))).map(
      (message) => message.kind === 'rows' && message.lines,
    )
    expect(new Set(lines).size).toBe(1)
    serialize.mockClear()
    const at = new Date(0)
    realtime.commit(() => [...two, { id: 3, name: 'three', at }])
    const patches = (await Promise.all(readers.map((reader) => reader.message()))).map(
      (message) => message.kind === 'patch' && message.lines,
    )
    expect(new Set(patches).size).toBe(1)
    const ours = serialize.mock.calls.filter(([value]) => typeof value === 'object' && value !== null && 'i' in value)
    expect(ours).toEqual([[{ i: [2, { id: 3, name: 'three', at }] }]])
    await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()))
    serialize.mockRestore()
  })

  test('are sent the rows after those that `map` could not take, and an error for these', async () => {
    const { realtime, live, items } = setup(() => two)
    const map = ({ id, name }: { id: number; name: string }) => {
      if (name === 'bad') throw new TypeError('no label')
      return `${id}:${name}`
    }
    const labels = live((_: Call) => items, { map })
    await using slow = new Reader(labels(linkCall()))
    const quick = new Reader(labels(linkCall()))
    await Promise.all([slow.message(), quick.message()])
    realtime.commit(() => [two[0]!, { id: 2, name: 'bad' }])
    await expect(quick.next()).rejects.toThrow('no label')
    for (const name of ['good', 'better']) realtime.commit(() => [two[0]!, { id: 2, name }])
    expect(await slow.message()).toMatchObject({ kind: 'rows', lines: '{"json":"1:one"}\n{"json":"2:better"}' })
    const next = slow.message()
    realtime.commit(() => two)
    expect(await next).toMatchObject({ kind: 'patch' })
  })

  test('are sent what there is now when nobody was sent the row that `map` could not take', async () => {
    const { realtime, live, items } = setup(() => two)
    const map = ({ id, name }: { id: number; name: string }) => {
      if (name === 'bad') throw new TypeError('no label')
      return `${id}:${name}`
    }
    const labels = live((_: Call) => items, { map })
    await using reader = new Reader(labels(linkCall()))
    await reader.message()
    realtime.commit(() => [two[0]!, { id: 2, name: 'bad' }])
    realtime.commit(() => [two[0]!, { id: 2, name: 'good' }])
    const first = await reader.message()
    expect(first).toMatchObject({ kind: 'rows', lines: '{"json":"1:one"}\n{"json":"2:good"}' })
    expect(realtime.listenerErrors).toEqual([])
  })

  test.each([
    [true, undefined],
    [false, superjson],
  ])('whose transformer does not fit the server’s (%s) are refused with the remedy', async (hasOne, transformer) => {
    const { realtime, items } = setup()
    const live = createLive(realtime, transformer ? { transformer } : {})
    const reader = new Reader(live((_: Call) => items)(linkCall({ transformer: hasOne })))
    await expect(reader.next()).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: expect.stringContaining('pass the same one to both'),
    })
  })

  test('have every event under an id of its own, so that tRPC drops none as known', async () => {
    const { realtime, all } = setup()
    await using reader = new Reader(all(linkCall()))
    const ids = [(await reader.message()).eventId]
    realtime.loseConnection(new ConnectionLostError('gone'))
    ids.push((await reader.message()).eventId)
    realtime.recover()
    ids.push((await reader.message()).eventId)
    expect(new Set(ids).size).toBe(3)
  })
})
