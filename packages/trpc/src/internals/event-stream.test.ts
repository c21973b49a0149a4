import { EventEmitter } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { EventStream } from './event-stream.js'
import { EventTexts, type TrackedEvent } from './event-texts.js'

const texts = new EventTexts({ serialize: (value) => value, deserialize: (value) => value })
const first: TrackedEvent = ['1', { rows: 'é' }]
const second: TrackedEvent = ['2', 'patch']
const text = (event: TrackedEvent) => texts.of(event).toString()

class FakeResponse extends EventEmitter {
  readonly written: string[] = []
  readonly flush = vi.fn()
  hasRoom = true
  writableEnded = false
  destroyed = false

  write(chunk: string | Uint8Array): boolean {
    this.written.push(Buffer.from(chunk as Uint8Array).toString())
    return this.hasRoom
  }
}

function setup() {
  const response = new FakeResponse()
  const stream = new EventStream(response, texts)
  const onRoom = vi.fn()
  /** As tRPC writes an event: line by line, as bytes. */
  const write = (...lines: readonly string[]) => lines.forEach((line) => response.write(Buffer.from(line)))
  const lines = (event: TrackedEvent) => [`data: ${JSON.stringify(event[1])}\n`, `id: ${event[0]}\n`, '\n\n']
  /** Everything that is needed for events to go past tRPC. */
  const begin = () => {
    stream.deliver(first)
    write(...lines(first))
    response.written.length = 0
  }
  return { response, stream, onRoom, write, lines, begin }
}

describe('events go through tRPC', () => {
  test('until the first one has come out whole', () => {
    const { stream, write, lines } = setup()
    expect(stream.deliver(first)).toBe(false)
    write('event: connected\n', 'data: {}\n', '\n\n', ...lines(first).slice(0, 2))
    expect(stream.deliver(first)).toBe(false)
  })

  test('while another one is still on its way', () => {
    const { stream, write, lines, response } = setup()
    stream.deliver(first)
    expect(stream.deliver(second)).toBe(false)
    write(...lines(first))
    const third: TrackedEvent = ['3', 'patch']
    expect(stream.deliver(third)).toBe(false)
    write(...lines(second), ...lines(third))
    expect(stream.deliver(['4', 'patch'])).toBe(true)
    expect(response.written.at(-1)).toBe(text(['4', 'patch']))
  })

  test.each([
    ['other data', ['data: {"rows":"e"}\n', 'id: 1\n', '\n\n']],
    ['another id', ['data: {"rows":"é"}\n', 'id: 2\n', '\n\n']],
    ['a name', ['event: mine\n', 'data: {"rows":"é"}\n', 'id: 1\n', '\n\n']],
    ['something behind it', ['data: {"rows":"é"}\n', 'id: 1\n', ': comment\n', '\n\n']],
    ['nothing', []],
  ])('for ever, where the first one comes out with %s', (_, lines) => {
    const { stream, write } = setup()
    stream.deliver(first)
    write(...lines)
    expect(stream.deliver(second)).toBe(false)
  })
})

describe('events go past tRPC', () => {
  test('once the first one has come out, in whatever pieces, also as text', () => {
    const { stream, response } = setup()
    stream.deliver(first)
    for (const piece of [text(first).slice(0, 9), text(first).slice(9)]) response.write(piece)
    expect(stream.deliver(second)).toBe(true)
    expect(response.written.at(-1)).toBe(text(second))
    expect(response.flush).toHaveBeenCalledTimes(1)
  })

  test('not in the middle of one that tRPC writes', () => {
    const { stream, begin, write, onRoom } = setup()
    begin()
    write('event: ping\n')
    expect(stream.hasRoom(onRoom)).toBe(false)
    write('data: \n')
    expect(onRoom).not.toHaveBeenCalled()
    write('\n\n')
    expect(onRoom).toHaveBeenCalledTimes(1)
    expect(stream.hasRoom(onRoom)).toBe(true)
  })

  test('when the response has room, and with no more listeners the more often it has none', () => {
    const { stream, begin, response, onRoom } = setup()
    begin()
    for (const count of [1, 2, 3]) {
      response.hasRoom = false
      stream.deliver(second)
      expect(stream.hasRoom(onRoom)).toBe(false)
      expect(onRoom).toHaveBeenCalledTimes(count - 1)
      response.hasRoom = true
      response.emit('drain')
      expect(onRoom).toHaveBeenCalledTimes(count)
      expect(response.listenerCount('drain')).toBe(1)
    }
    stream.close()
    expect(response.listenerCount('drain')).toBe(0)
  })

  test.each(['writableEnded', 'destroyed'] as const)('nowhere when the response is %s', (state) => {
    const { stream, begin, response } = setup()
    begin()
    response[state] = true
    expect(stream.deliver(second)).toBe(true)
    expect(response.written).toEqual([])
  })

  test('nobody is called back after the end', () => {
    const { stream, begin, write, onRoom } = setup()
    begin()
    write('event: ping\n')
    stream.hasRoom(onRoom)
    stream.close()
    write('data: \n', '\n\n')
    expect(onRoom).not.toHaveBeenCalled()
  })
})

test('a response with much unsent is given nothing through tRPC either', () => {
  const { stream, response, onRoom, write } = setup()
  response.hasRoom = false
  write('event: connected\n')
  expect(stream.hasRoom(onRoom)).toBe(false)
  response.emit('drain')
  expect(onRoom).toHaveBeenCalledTimes(1)
})

test('the text of an event is made once for those who are sent it one after the other', () => {
  const serialize = vi.fn((value: unknown) => value)
  const counted = new EventTexts({ serialize, deserialize: (value) => value })
  expect(counted.of(['1', 'patch'])).toBe(counted.of(['1', 'patch']))
  expect(serialize).toHaveBeenCalledTimes(1)
  expect(counted.of(['1', 'other']).toString()).toBe('data: "other"\nid: 1\n\n\n')
  expect(counted.of(['2', 'other']).toString()).toBe('data: "other"\nid: 2\n\n\n')
})
