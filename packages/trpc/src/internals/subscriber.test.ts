import { describe, expect, test, vi } from 'vitest'
import { deferred } from '../../test/support/deferred.js'
import { Subscriber, type Source, type SourceEvents } from './subscriber.js'

/** A source whose state is a number, owed whenever it has changed. */
class Counter implements Source<number> {
  readonly close = vi.fn()
  value = 0
  room = true
  onRoom: () => void = () => {}
  #sent = 0

  take() {
    if (this.value === this.#sent) return undefined
    this.#sent = this.value
    return { value: this.value }
  }

  hasRoom(onRoom: () => void): boolean {
    this.onRoom = onRoom
    return this.room
  }
}

function setup(signal?: AbortSignal) {
  const counter = new Counter()
  let events!: SourceEvents
  const prepared = deferred<void>()
  const open = vi.fn(() => counter)
  const prepare = vi.fn(async (given: SourceEvents) => {
    events = given
    await prepared.promise
    return open
  })
  const subscriber = new Subscriber(prepare, signal)
  const show = (value: number) => {
    counter.value = value
    events.onChange()
  }
  return { subscriber, counter, prepare, open, prepared, show, fail: (error: unknown) => events.onError(error) }
}

const done = { done: true, value: undefined }

describe('values', () => {
  test('nothing is prepared before the first value is asked for', async () => {
    const { subscriber, prepare } = setup()
    expect(prepare).not.toHaveBeenCalled()
    await subscriber.return()
    expect(prepare).not.toHaveBeenCalled()
  })

  test('a pending next() is answered by the next change', async () => {
    const { subscriber, prepared, show, open } = setup()
    const next = subscriber.next()
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    show(1)
    expect(await next).toEqual({ done: false, value: 1 })
  })

  test('a slow reader gets the newest value, and none in between', async () => {
    const { subscriber, prepared, show, counter } = setup()
    counter.value = 1
    prepared.resolve()
    expect((await subscriber.next()).value).toBe(1)
    show(2)
    show(3)
    show(4)
    expect((await subscriber.next()).value).toBe(4)
    const next = subscriber.next()
    show(5)
    expect((await next).value).toBe(5)
  })

  test('several pending calls are answered in their order', async () => {
    const { subscriber, prepared, show, open } = setup()
    const calls = [subscriber.next(), subscriber.next()]
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    show(1)
    show(2)
    expect(await Promise.all(calls)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
    ])
  })

  test('without room it waits, and then gives the newest value', async () => {
    const { subscriber, prepared, show, counter, open } = setup()
    counter.room = false
    const next = subscriber.next()
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    show(1)
    show(2)
    counter.room = true
    counter.onRoom()
    expect((await next).value).toBe(2)
  })
})

describe('the end', () => {
  test('return() settles a pending next(), closes the source, and is final', async () => {
    const { subscriber, prepared, counter, open } = setup()
    const next = subscriber.next()
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    expect(await subscriber.return()).toEqual(done)
    expect(await next).toEqual(done)
    expect(await subscriber.next()).toEqual(done)
    await subscriber.return()
    expect(counter.close).toHaveBeenCalledTimes(1)
  })

  test('an abort settles a pending next() and closes the source', async () => {
    const abort = new AbortController()
    const { subscriber, prepared, counter, open } = setup(abort.signal)
    const next = subscriber.next()
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    abort.abort()
    expect(await next).toEqual(done)
    expect(counter.close).toHaveBeenCalledTimes(1)
  })

  test('an abort before iteration begins prepares nothing', async () => {
    const abort = new AbortController()
    const { subscriber, prepare } = setup(abort.signal)
    abort.abort()
    expect(await subscriber.next()).toEqual(done)
    expect(prepare).not.toHaveBeenCalled()
  })

  test.each(['abort', 'return'])('%s while the application still makes the query opens nothing', async (way) => {
    const abort = new AbortController()
    const { subscriber, prepared, open } = setup(abort.signal)
    const next = subscriber.next()
    if (way === 'abort') abort.abort()
    else await subscriber.return()
    expect(await next).toEqual(done)
    prepared.resolve()
    await prepared.promise
    await Promise.resolve()
    expect(open).not.toHaveBeenCalled()
  })

  test('leaves no listener on a signal that outlives it', async () => {
    const abort = new AbortController()
    const remove = vi.spyOn(abort.signal, 'removeEventListener')
    const { subscriber, prepared, counter } = setup(abort.signal)
    counter.value = 1
    prepared.resolve()
    await subscriber.next()
    await subscriber.return()
    expect(remove).toHaveBeenCalledTimes(1)
  })
})

describe('errors', () => {
  test('reject the pending next() once; after that it is done', async () => {
    const { subscriber, prepared, counter, open, fail } = setup()
    const next = subscriber.next()
    prepared.resolve()
    await vi.waitFor(() => expect(open).toHaveBeenCalled())
    fail(new Error('final'))
    await expect(next).rejects.toThrow('final')
    expect(await subscriber.next()).toEqual(done)
    expect(counter.close).toHaveBeenCalledTimes(1)
  })

  test('that come while nobody asks reject the next call', async () => {
    const { subscriber, prepared, counter, fail } = setup()
    counter.value = 1
    prepared.resolve()
    await subscriber.next()
    fail(new Error('final'))
    await expect(subscriber.next()).rejects.toThrow('final')
    expect(await subscriber.next()).toEqual(done)
  })

  test('of the application’s resolver reach the caller', async () => {
    const { subscriber, prepared } = setup()
    const next = subscriber.next()
    prepared.reject(new Error('no query'))
    await expect(next).rejects.toThrow('no query')
  })

  test('while a value is made reach the caller', async () => {
    const { subscriber, prepared, counter } = setup()
    counter.take = () => {
      throw new Error('mapper failed')
    }
    const next = subscriber.next()
    prepared.resolve()
    await expect(next).rejects.toThrow('mapper failed')
    expect(counter.close).toHaveBeenCalledTimes(1)
  })
})
