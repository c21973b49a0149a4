import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { rows, setupLink, v1, v2 } from '../../test/support/link.js'
import type { ScriptedLink } from '../../test/support/scripted-link.js'
import { rowsMessage } from '../protocol.js'

const BAD_REQUEST = ['BAD_REQUEST', -32600, 400] as const
const FORBIDDEN = ['FORBIDDEN', -32003, 403] as const
const INTERNAL = ['INTERNAL_SERVER_ERROR', -32603, 500] as const

describe('negotiation', () => {
  test('it announces itself, and hands on rows', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe('orders', { shop: 1 })
    expect(server.last.input).toMatchObject({ shop: 1, '~live': { transformer: true, shape: 'object' } })
    server.last.start()
    server.last.rows(rows, v1)
    expect(recorder.data).toEqual([rows])
  })

  test('a procedure whose schema refuses the announcement is asked again without it', () => {
    const { server, subscribe, statuses } = setupLink()
    using recorder = subscribe('orders', { shop: 1 })
    server.last.start()
    server.last.fail(...BAD_REQUEST)
    expect(server.connections.map(({ input }) => input)).toEqual([expect.anything(), { shop: 1 }])
    expect(new Set(server.connections.map(({ id }) => id)).size, 'request ids').toBe(2)
    server.last.data(rows)
    expect(recorder.errors).toEqual([])
    expect(recorder.data).toEqual([rows])
    expect(statuses()).toEqual(['connecting', 'live'])
  })

  test('and is remembered, so that later subscriptions ask without it at once', () => {
    const { server, subscribe } = setupLink()
    using _first = subscribe()
    server.last.fail(...BAD_REQUEST)
    server.last.data(rows)
    using _second = subscribe()
    expect(server.connections).toHaveLength(3)
    expect(server.last.announcement).toBeUndefined()
    using _other = subscribe('items')
    expect(server.last.announcement).toBeDefined()
  })

  test('an input that is wrong without the announcement too fails, and nothing is remembered', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe('orders', { shop: 'wrong' })
    server.last.fail(...BAD_REQUEST)
    server.last.fail(...BAD_REQUEST)
    expect(recorder.errors).toHaveLength(1)
    using _right = subscribe('orders', { shop: 1 })
    expect(server.last.announcement).toBeDefined()
  })

  test('other errors are not asked again', () => {
    const { server, subscribe, statuses } = setupLink()
    using recorder = subscribe()
    server.last.fail(...FORBIDDEN)
    expect(recorder.errors).toHaveLength(1)
    expect(server.connections).toHaveLength(1)
    expect(statuses()).toEqual(['connecting', 'ended'])
  })

  test('what is no live query passes unchanged', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe('chat')
    const data = [{ id: '7', data: 'hello' }, 'text', [1], null, undefined]
    for (const value of data) server.last.data(value)
    expect(recorder.data).toEqual(data)
    server.last.complete()
    expect(recorder.isComplete).toBe(true)
  })

  test('a missing transformer is noticed', () => {
    const { server, subscribe } = setupLink({ transformer: undefined as never })
    using recorder = subscribe()
    expect(server.last.announcement?.transformer).toBe(false)
    server.last.rows(rows, v1)
    expect(recorder.errors).toEqual([expect.objectContaining({ message: expect.stringContaining('liveLink()') })])
    expect(server.last.isOpen).toBe(false)
  })

  test('rows that do not arrive whole end the subscription with an error', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe()
    const message = { '~live': 2, kind: 'rows', count: 2, lines: '{}', single: false, status: 'live' }
    server.last.start()
    server.last.tracked('v1~7.1.10:10:~e.1', message)
    expect(recorder.errors).toHaveLength(1)
    expect(server.last.isOpen).toBe(false)
  })
})

describe('statuses', () => {
  test('follow the server and the connection', () => {
    const { server, subscribe, statuses, events } = setupLink()
    const recorder = subscribe('orders', { shop: 1 })
    server.last.state('connecting')
    server.last.state('pending')
    server.last.rows(rows, v1)
    server.last.status('stale', v1)
    server.last.state('connecting', new Error('gone'))
    server.last.state('pending')
    server.last.status('live', v1)
    recorder.unsubscribe()
    expect(statuses()).toEqual(['connecting', 'live', 'stale', 'reconnecting', 'live', 'ended'])
    expect(recorder.data).toHaveLength(1)
    expect(new Set(events.map(({ subscription, path, input }) => JSON.stringify([subscription, path, input])))).toEqual(
      new Set(['[1,"orders",{"shop":1}]']),
    )
  })

  test('tRPC’s own connection states still reach the application', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe()
    server.last.state('connecting')
    server.last.start()
    server.last.state('pending')
    expect(recorder.states).toEqual(['connecting', 'started', 'pending'])
  })
})

describe('never backwards', () => {
  test('a late frame of an earlier socket is dropped', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe()
    server.last.rows([{ id: 2 }], v2)
    server.last.rows([{ id: 1 }], v1)
    expect(recorder.data).toEqual([[{ id: 2 }]])
  })

  test('older rows that the server knows to be stale are shown as such', () => {
    const { server, subscribe, statuses } = setupLink()
    using recorder = subscribe()
    server.last.rows([{ id: 2 }], v2)
    server.last.rows([{ id: 1 }], v1, 'stale')
    expect(recorder.data).toEqual([[{ id: 2 }], [{ id: 1 }]])
    expect(statuses()).toEqual(['connecting', 'live', 'stale'])
  })
})

test('an event that the server’s tRPC did not know as tracked is read all the same, and goes with what comes', () => {
  const { server, subscribe, statuses } = setupLink()
  using recorder = subscribe()
  const message = (id: number) => rowsMessage('live', { count: 1, lines: superjson.stringify({ id }), single: false })
  server.last.data(['v2~7.1.20:20:~e.1', message(2), null])
  // It cannot be told from a reconnect to a server that was not told what the client holds.
  server.last.data(['v1~7.1.10:10:~f.1', message(1), null])
  expect(recorder.data).toEqual([[{ id: 2 }], [{ id: 1 }]])
  expect(statuses()).toEqual(['connecting', 'live'])
})

describe('a server in trouble', () => {
  test.each([
    ['an error of the server', (server: ScriptedLink) => server.last.fail(...INTERNAL)],
    ['no answer of a tRPC server', (server: ScriptedLink) => server.last.failWithoutAnswer()],
  ])('after %s it comes back by itself, with what it holds', (_, fail) => {
    const { server, subscribe, statuses, clock } = setupLink()
    using recorder = subscribe('orders', { shop: 1 })
    server.last.rows(rows, v1)
    fail(server)
    expect(recorder.errors).toEqual([])
    expect(statuses().at(-1)).toBe('reconnecting')
    clock.advance(999)
    expect(server.connections).toHaveLength(1)
    clock.advance(1)
    expect(server.last.announcement?.resume).toBe('v1~7.1.10~e.1')
    server.last.status('live', v1)
    expect(statuses().at(-1)).toBe('live')
    expect(recorder.data).toHaveLength(1)
  })

  test('tries follow each other ever more slowly, and quickly again after a success', () => {
    const { server, subscribe, clock } = setupLink()
    using _recorder = subscribe()
    server.last.rows(rows, v1)
    server.last.fail(...INTERNAL)
    clock.advance(1_000)
    server.last.fail(...INTERNAL)
    clock.advance(1_999)
    expect(server.connections).toHaveLength(2)
    clock.advance(1)
    expect(server.connections).toHaveLength(3)
    server.last.status('live', v1)
    server.last.fail(...INTERNAL)
    clock.advance(1_000)
    expect(server.connections).toHaveLength(4)
  })

  test('before the first rows the error is the application’s', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe()
    server.last.fail(...INTERNAL)
    expect(recorder.errors).toHaveLength(1)
  })

  test('an error that no retry cures ends the subscription after rows as well', () => {
    const { server, subscribe } = setupLink()
    using recorder = subscribe()
    server.last.rows(rows, v1)
    server.last.fail(...FORBIDDEN)
    expect(recorder.errors).toHaveLength(1)
  })

  test('leaving on being told of the failure ends the waiting too', () => {
    const { server, clock, subscribe } = setupLink({
      onStatus: ({ status }) => {
        if (status === 'reconnecting') recorder.unsubscribe()
      },
    })
    const recorder = subscribe()
    server.last.start()
    server.last.rows(rows, v1)
    server.last.fail(...INTERNAL)
    expect(clock.pending).toBe(0)
    expect(server.connections).toHaveLength(1)
  })

  test('leaving while it waits ends the waiting', () => {
    const { server, subscribe, clock } = setupLink()
    const recorder = subscribe()
    server.last.rows(rows, v1)
    server.last.fail(...INTERNAL)
    recorder.unsubscribe()
    expect(clock.pending).toBe(0)
  })
})

describe('unsubscribing', () => {
  test('after the server has started stops at once', () => {
    const { server, subscribe, clock } = setupLink()
    const recorder = subscribe()
    server.last.start()
    recorder.unsubscribe()
    expect(server.last.isOpen).toBe(false)
    expect(clock.pending).toBe(0)
  })

  test('before that stops when it has, since older servers lose a stop that comes too early', () => {
    const { server, subscribe, clock } = setupLink()
    const recorder = subscribe()
    recorder.unsubscribe()
    expect(server.last.isOpen).toBe(true)
    server.last.start()
    expect(server.last.isOpen).toBe(false)
    expect(recorder.states).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('waits for that no longer than ten seconds', () => {
    const { server, subscribe, clock } = setupLink()
    subscribe().unsubscribe()
    clock.advance(10_000)
    expect(server.last.isOpen).toBe(false)
  })

  test.each(['before', 'after'])('does not wait for a server that is away (%s)', (when) => {
    const { server, subscribe, clock } = setupLink()
    const recorder = subscribe()
    if (when === 'before') server.last.state('connecting', new Error('gone'))
    recorder.unsubscribe()
    if (when === 'after') server.last.state('connecting', new Error('gone'))
    expect(server.last.isOpen).toBe(false)
    expect(clock.pending).toBe(0)
  })

  test('is silent: nothing that still comes reaches the application', () => {
    const { server, subscribe } = setupLink()
    const recorder = subscribe()
    recorder.unsubscribe()
    server.last.fail(...INTERNAL)
    expect(recorder.errors).toEqual([])
    expect(recorder.data).toEqual([])
  })
})
