import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { announce, formatEventId, isMessage, parseEventId, receive, rowsMessage, statusMessage } from './protocol.js'

const held = { version: 'abc-_1', snapshot: '7.1.10:12:11' }

describe('an input with an announcement', () => {
  const inputs: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['an object', { shop: 1 }],
    ['an empty object', {}],
    ['an object with a lastEventId of its own', { lastEventId: 'mine', shop: 1 }],
    ['an object with something under our key', { '~live': 'mine' }],
    ['a string', 'text'],
    ['an empty string', ''],
    ['a number', 0],
    ['a boolean', false],
    ['an array', [1, 2]],
    ['a date', new Date(5)],
    ['a map', new Map([['a', 1]])],
  ]

  test.each(inputs)('gives back %s', (_, input) => {
    const sent = superjson.parse(superjson.stringify(announce(input, { transformer: true, resume: undefined })))
    const received = receive(sent)
    expect(received.input).toEqual(input)
    expect(received.announcement?.transformer).toBe(true)
    expect(received.resume).toBeUndefined()
  })

  test.each(inputs)('gives back %s after a reconnect, for which tRPC adds its lastEventId', (_, input) => {
    const sent = {
      ...announce(input, { transformer: false, resume: undefined }),
      lastEventId: formatEventId(held, 'n1'),
    }
    const received = receive(JSON.parse(JSON.stringify(sent)))
    expect(received.input).toEqual(JSON.parse(JSON.stringify({ input })).input)
    expect(received.resume).toEqual(held)
  })

  test('tells what the client holds when the link itself subscribes again', () => {
    const sent = announce(undefined, { transformer: false, resume: formatEventId(held, 'n1') })
    expect(receive(sent).resume).toEqual(held)
  })

  test('believes the id that tRPC sends, which is newer, before the one of the link', () => {
    const newer = { version: 'newer', snapshot: '7.1.20:20:' }
    const sent = announce(undefined, { transformer: false, resume: formatEventId(held, 'n1') })
    expect(receive({ ...sent, lastEventId: formatEventId(newer, 'n2') }).resume).toEqual(newer)
  })
})

test.each([
  ['nothing', undefined],
  ['an object', { shop: 1, lastEventId: '7' }],
  ['another use of the key', { '~live': true }],
  ['another protocol', { '~live': { protocol: 99, shape: 'object' } }],
])('an input without an announcement is left as it is: %s', (_, input) => {
  expect(receive(input)).toEqual({ announcement: undefined, input, resume: undefined })
})

describe('event ids', () => {
  test('say what the client holds', () => expect(parseEventId(formatEventId(held, 'n1'))).toEqual(held))

  test('of a client without rows say nothing', () => {
    expect(parseEventId(formatEventId({ version: '', snapshot: '' }, 'n1'))).toBeUndefined()
  })

  test.each(['', '1', 'a~b', 'a~b~c~d'])('that are not ours say nothing: %j', (id) => {
    expect(parseEventId(id)).toBeUndefined()
  })

  test('stay short behind many running transactions, and then ask for more, never for less', () => {
    const running = Array.from({ length: 500 }, (_, index) => 1_000_000 + index)
    const id = formatEventId({ version: 'v', snapshot: `7.1.1000000:1000600:${running.join()}` }, 'n1')
    expect(parseEventId(id)).toEqual({ version: 'v', snapshot: '7.1.1000600:1000600:' })
  })
})

test('messages are told from an application’s own data', () => {
  const rows = rowsMessage(held, 'live', { count: 0, lines: '', single: false })
  expect([rows, statusMessage(held, 'stale'), {}, [], null, 'text', { '~live': 2 }].map(isMessage)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ])
})
