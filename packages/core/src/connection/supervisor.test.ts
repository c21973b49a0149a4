/** Sessions that are lost, fail or are given up while they are being made usable. */
import { expect, test } from 'vitest'
import { ManualClock } from '../../test/support/clock.js'
import { deferred, type Deferred } from '../util/deferred.js'
import type { Session, SessionOptions } from './session.js'
import { Supervisor } from './supervisor.js'

/** Sessions without a server; what a supervisor did with them is in `events`. */
class Connections {
  readonly clock = new ManualClock()
  readonly events: string[] = []
  readonly supervisor: Supervisor
  /** Loses the newest session. */
  lose: (message: string) => void = () => {}
  /** What makes the session of this number usable, counted from 1. */
  readonly onOpen = new Map<number, () => Promise<void> | void>()
  #opened = 0

  constructor() {
    const { events } = this
    this.supervisor = new Supervisor({
      config: {},
      clock: this.clock,
      random: () => 1,
      heartbeatMs: 1_000,
      openSession: (options) => Promise.resolve(this.#open(options)),
      onOpen: async () => {
        const session = this.#opened
        events.push(`${session} given`)
        await this.onOpen.get(session)?.()
        events.push(`${session} usable`)
      },
      onLost: (error) => events.push(`lost: ${/failed: (.*?)\. Live/.exec(error.message)?.[1] ?? error.message}`),
      onStatus: (status) => events.push(status),
      onError: () => {},
    })
  }

  #open({ onLost }: SessionOptions): Session {
    this.#opened += 1
    const session = this.#opened
    this.lose = (message) => onLost(new Error(message))
    const close = () => Promise.resolve(void this.events.push(`${session} closed`))
    return { close, abandon: onLost, origin: 'a.1' } as Session
  }

  /** Lets the next try begin, and resolves when nothing happens any more. */
  async reconnect(): Promise<void> {
    this.clock.advance(60_000)
    await settled()
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Live once, and lost: the next session is about to be opened. */
async function lostOnce(): Promise<Connections> {
  const connections = new Connections()
  await connections.supervisor.start()
  connections.lose('first')
  expect(connections.events.splice(0)).toEqual(['connecting', '1 given', '1 usable', 'live', 'stale', 'lost: first'])
  return connections
}

test('a session that fails to be made usable is lost, and then tried again', async () => {
  const connections = await lostOnce()
  connections.onOpen.set(2, () => Promise.reject(new Error('no lock')))
  await connections.reconnect()
  expect(connections.events.splice(0)).toEqual(['2 given', '2 closed', 'lost: no lock'])
  await connections.reconnect()
  expect(connections.events).toEqual(['3 given', '3 usable', 'live'])
})

test.each([
  ['fulfilled', (opening: Deferred<void>) => opening.resolve()],
  ['rejected', (opening: Deferred<void>) => opening.reject(new Error('no answer'))],
])('a session that is lost while it is made usable is lost once that is %s, and no sooner', async (_, settle) => {
  const connections = await lostOnce()
  const opening = deferred<void>()
  connections.onOpen.set(2, () => opening.promise)
  await connections.reconnect()
  connections.lose('cut')
  connections.lose('cut')
  await connections.reconnect()
  // Two openings at a time would prepare one thing for both.
  expect(connections.events.splice(0)).toEqual(['2 given'])
  settle(opening)
  await settled()
  expect(connections.events.splice(0).filter((event) => event !== '2 usable')).toEqual(['2 closed', 'lost: cut'])
  await connections.reconnect()
  expect(connections.events).toEqual(['3 given', '3 usable', 'live'])
})

test('a first session that is lost while it is made usable fails the start', async () => {
  const connections = new Connections()
  connections.onOpen.set(1, () => connections.lose('cut'))
  await expect(connections.supervisor.start()).rejects.toThrow('cut')
  expect(connections.events).toEqual(['connecting', '1 given', '1 usable', '1 closed', 'lost: cut', 'stopped'])
  expect(connections.clock.pending).toBe(0)
})

test('a stop while a session is made usable waits for that, and says that it is lost', async () => {
  const connections = await lostOnce()
  const opening = deferred<void>()
  connections.onOpen.set(2, () => opening.promise)
  await connections.reconnect()
  const stopping = connections.supervisor.stop().then(() => connections.events.push('stop resolved'))
  await settled()
  expect(connections.events.splice(0)).toEqual(['2 given', 'stopped', '2 closed'])
  opening.resolve()
  await stopping
  expect(connections.events.filter((event) => event !== '2 closed')).toEqual([
    '2 usable',
    expect.stringMatching(/^lost: .*given up/),
    'stop resolved',
  ])
  await connections.reconnect()
  expect(connections.clock.pending).toBe(0)
})

test('a session that a stop ends while it is live is not lost', async () => {
  const connections = new Connections()
  await connections.supervisor.start()
  await connections.supervisor.stop()
  connections.lose('late')
  expect(connections.events).toEqual(['connecting', '1 given', '1 usable', 'live', 'stopped', '1 closed'])
})
