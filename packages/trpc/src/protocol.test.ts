import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import {
  announce,
  formatEventId,
  isCurrent,
  parseEventId,
  patchText,
  readMessage,
  receive,
  rowsMessage,
  shortSnapshot,
  statusMessage,
} from './protocol.js'

const held = { version: 'abc-_1', snapshot: '7.1.10:12:11', state: 'a1b2.3' }

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
    const newer = { version: 'newer', snapshot: '7.1.20:20:', state: 'a1b2.4' }
    const sent = announce(undefined, { transformer: false, resume: formatEventId(held, 'n1') })
    expect(receive({ ...sent, lastEventId: formatEventId(newer, 'n2') }).resume).toEqual(newer)
  })
})

test.each([
  ['nothing', undefined],
  ['an object', { shop: 1, lastEventId: '7' }],
  ['another use of the key', { '~live': true }],
  ['no known shape', { '~live': { protocol: 99, shape: 'other' } }],
])('an input without an announcement is left as it is: %s', (_, input) => {
  expect(receive(input)).toEqual({ announcement: undefined, input, resume: undefined })
})

describe('event ids', () => {
  test('say what the client holds', () => expect(parseEventId(formatEventId(held, 'n1'))).toEqual(held))

  test.each(['7.1.10:10:', '7.1.9:19:', '7.1.9:12:9,11', '7.1.10:10:10'])('keep the snapshot %s', (snapshot) => {
    expect(parseEventId(formatEventId({ ...held, snapshot }))?.snapshot).toBe(snapshot)
  })

  test('of a client without rows say nothing', () => {
    expect(parseEventId(formatEventId({ version: '', snapshot: '', state: '' }, 'n1'))).toBeUndefined()
  })

  test.each(['', '1', 'a~b', 'a~b~c~d~e'])('that are not ours say nothing: %j', (id) => {
    expect(parseEventId(id)).toBeUndefined()
  })

  test('stay short behind many running transactions, and then ask for more, never for less', () => {
    const running = Array.from({ length: 500 }, (_, index) => 1_000_000 + index)
    expect(shortSnapshot(`7.1.1000000:1000600:${running.join()}`)).toBe('7.1.1000600:1000600:')
  })

  test('name the system by its last digits', () => {
    expect(shortSnapshot('7439201123456789012.1.1042:1045:1043')).toBe('9012.1.1042:1045:1043')
  })
})

test.each([1, 3])(
  'a client of protocol %s is known as one that reads plain rows only, and its input is its own',
  (protocol) => {
    const input = { shop: 1, '~live': { protocol, shape: 'object', transformer: true }, lastEventId: 'abc' }
    const received = receive(input)
    expect(received.input).toEqual({ shop: 1 })
    expect(isCurrent(received.announcement)).toBe(false)
  },
)

test('a patch is a text that carries its status, and the number that it follows', () => {
  expect(readMessage(patchText('stale', 12, '{"r":[1]}\n{}'))).toMatchObject({
    kind: 'patch',
    status: 'stale',
    from: 12,
    lines: '{"r":[1]}\n{}',
  })
})

test('messages are told from an application’s own data', () => {
  const rows = rowsMessage('live', { count: 0, lines: '', single: false })
  const values = [rows, statusMessage('stale'), {}, [], null, '~2x1|', { '~live': 1 }]
  expect(values.map((value) => readMessage(value) !== undefined)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ])
})
