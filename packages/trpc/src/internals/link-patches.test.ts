import { describe, expect, test } from 'vitest'
import { setupLink, v1, v2, v3 } from '../../test/support/link.js'
import type { ScriptedLink } from '../../test/support/scripted-link.js'

describe('patches', () => {
  const patched = () => {
    const it = setupLink()
    const recorder = it.subscribe('orders', { shop: 1 })
    it.server.last.start()
    it.server.last.rows([{ id: 1, at: new Date(1) }, { id: 2 }], v1)
    return { ...it, recorder }
  }

  test('make whole rows; those that they do not name are the identical objects, and so are columns', () => {
    const { server, recorder } = patched()
    server.last.patch(1, { u: [0, { id: 5 }], i: [2, { id: 3 }] }, v2)
    const [before, after] = recorder.data as { id: number; at?: Date }[][]
    expect(after).toEqual([{ id: 5, at: new Date(1) }, { id: 2 }, { id: 3 }])
    expect(after![1]).toBe(before![1])
    expect(after![0]!.at).toBe(before![0]!.at)
    expect(before).toEqual([{ id: 1, at: new Date(1) }, { id: 2 }])
  })

  test('rows that a patch made keep their identity when all rows are sent', () => {
    const { server, recorder } = patched()
    server.last.patch(1, { u: [0, { id: 5 }] }, v2)
    server.last.rows([{ id: 5, at: new Date(1) }, { id: 9 }], v3)
    const [, before, after] = recorder.data as object[][]
    expect(after![0]).toBe(before![0])
  })

  test.each([
    ['follows other rows', (server: ScriptedLink) => server.last.patch(7, { r: [0] }, v3)],
    ['is of another server', (server: ScriptedLink) => server.last.patch(1, { r: [0] }, { ...v3, state: 'f.2' })],
    [
      'is of another server, and leads to its present number',
      (server: ScriptedLink) => server.last.patch(2, {}, { ...v3, state: 'f.1' }),
    ],
    ['names a row that is not there', (server: ScriptedLink) => server.last.patch(1, { u: [9, {}] }, v2)],
    ['cannot be read', (server: ScriptedLink) => server.last.tracked('v2~7.1.20:20:~e.2', '~2l1|{')],
  ])('one that %s makes the link ask for all rows', (_, send) => {
    const { server, recorder, statuses } = patched()
    send(server)
    expect(recorder.data).toHaveLength(1)
    expect(server.connections.map(({ isOpen }) => isOpen)).toEqual([false, true])
    expect(server.last.announcement?.resume).toBe('-~7.1.10~-')
    server.last.start()
    server.last.rows([{ id: 7 }], v3)
    expect(recorder.data.at(-1)).toEqual([{ id: 7 }])
    expect(recorder.errors).toEqual([])
    expect(statuses()).toEqual(['connecting', 'live'])
  })

  test('one that comes before any rows makes the link ask for all rows', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe('orders')
    server.last.start()
    server.last.status('stale', { version: '-', snapshot: '7.1.10:10:', state: '-' })
    server.last.patch(1, { i: [0, { id: 1 }] }, v2)
    expect(recorder.data).toEqual([])
    expect(server.connections.map(({ isOpen }) => isOpen)).toEqual([false, true])
  })

  test('a late one of an earlier socket is dropped', () => {
    const { server, recorder } = patched()
    server.last.rows([{ id: 3 }], v3)
    server.last.patch(1, { r: [0] }, v2)
    expect(recorder.data).toHaveLength(2)
    expect(server.connections).toHaveLength(1)
  })

  test('an application’s own text that looks like one is handed on', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe('chat')
    server.last.tracked('1', '~2l0|{}')
    expect(recorder.data).toEqual([{ id: '1', data: '~2l0|{}' }])
  })
})

describe('a status', () => {
  const held = () => {
    const it = setupLink()
    const recorder = it.subscribe('orders', { shop: 1 })
    it.server.last.start()
    it.server.last.rows([{ id: 1 }], v2)
    return { ...it, recorder }
  }

  test('of the rows that are held changes nothing else', () => {
    const { server, recorder, statuses } = held()
    server.last.status('stale', { ...v2, snapshot: v3.snapshot })
    expect(server.connections).toHaveLength(1)
    expect(recorder.data).toHaveLength(1)
    expect(statuses()).toEqual(['connecting', 'live', 'stale'])
  })

  test.each([
    ['another version', { ...v2, version: 'v1' }],
    ['another number', { ...v2, state: 'e.1' }],
    ['another epoch', { ...v2, state: 'f.2' }],
  ])('of rows of %s makes the link ask for all rows', (_, other) => {
    const { server, recorder, statuses } = held()
    server.last.status('stale', other)
    expect(server.connections.map(({ isOpen }) => isOpen)).toEqual([false, true])
    expect(server.last.announcement?.resume).toBe('-~7.1.20~-')
    server.last.start()
    // The server that is asked for all rows has none yet.
    server.last.status('stale', { version: '-', snapshot: v2.snapshot, state: '-' })
    server.last.rows([{ id: 7 }], v3)
    expect(recorder.data).toEqual([[{ id: 1 }], [{ id: 7 }]])
    expect(server.connections).toHaveLength(2)
    expect(statuses()).toEqual(['connecting', 'live', 'stale', 'live'])
  })
})

test('rows that came plain, from a server of another version, take the place of what was held', () => {
  const { server, clock, subscribe } = setupLink()
  using recorder = subscribe('orders')
  server.last.start()
  server.last.rows([{ id: 1 }], v2)
  server.last.data([{ id: 7 }])
  // The first server again: tRPC has sent back to it what it said last.
  server.last.status('live', v2)
  expect(server.connections.map(({ isOpen }) => isOpen)).toEqual([false, true])
  expect(server.last.announcement?.resume).toBe('-~7.1.20~-')
  server.last.start()
  server.last.data([{ id: 8 }])
  server.last.fail('INTERNAL_SERVER_ERROR', -32603, 500)
  clock.advance(1_000)
  expect(server.last.announcement?.resume).toBe('-~7.1.20~-')
  server.last.rows([{ id: 1 }], v2)
  expect(recorder.data).toEqual([[{ id: 1 }], [{ id: 7 }], [{ id: 8 }], [{ id: 1 }]])
})
