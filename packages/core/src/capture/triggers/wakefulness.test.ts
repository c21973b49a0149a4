import { expect, test } from 'vitest'
import { parseSnapshot } from '../pg-snapshot.js'
import { afterRead, ASLEEP, POLL_MS, POLLING, pollDelay, type Sighting, type Wakefulness } from './wakefulness.js'

/** A read at the clock's and the database's time `at`. */
function sighting(
  at: number,
  transactions: number,
  more: Partial<Omit<Sighting, 'snapshot'>> & { snapshot?: string } = {},
): Sighting {
  const { snapshot = '10:10:', ...rest } = more
  return {
    arrival: { at, transactions },
    now: at,
    awakeUntil: 0,
    ownUntil: 0,
    elsewhere: new Set(),
    ...rest,
    snapshot: parseSnapshot(snapshot),
  }
}

function through(state: Wakefulness, ...sightings: Sighting[]): Wakefulness {
  return sightings.reduce(afterRead, state)
}

const AWAKE = through(ASLEEP, sighting(1_000, 4))
const DRAINING = through(AWAKE, ...Array.from({ length: 8 }, (_, n) => sighting(1_010 + n, 0)))

test('sleeps while transactions come one by one, and wakes when they come fast', () => {
  expect(through(ASLEEP, sighting(0, 1), sighting(60, 1), sighting(120, 1), sighting(180, 1)).kind).toBe('asleep')
  expect(through(ASLEEP, sighting(0, 1), sighting(20, 1), sighting(40, 1), sighting(60, 1)).kind).toBe('awake')
  expect(AWAKE.kind).toBe('awake')
  expect([pollDelay(ASLEEP, 0), pollDelay(AWAKE, 0)]).toEqual([undefined, POLL_MS])
})

test('stays awake while reads find something now and then', () => {
  const quiet = Array.from({ length: 7 }, (_, n) => sighting(1_100 + n, 0))
  expect(through(AWAKE, ...quiet, sighting(1_200, 1), ...quiet).kind).toBe('awake')
  expect(DRAINING.kind).toBe('draining')
})

test('drains until the quiet has lapsed, and every transaction that may have kept silent has ended', () => {
  const stillQuiet = through(DRAINING, sighting(2_000, 0, { awakeUntil: 2_500, ownUntil: 2_500 }))
  expect(stillQuiet).toMatchObject({ kind: 'draining', step: 'quiet' })
  const lapsed = through(stillQuiet, sighting(2_500, 0, { awakeUntil: 2_500, ownUntil: 2_500, snapshot: '5:10:5' }))
  expect(lapsed).toMatchObject({ kind: 'draining', step: 'lapsed' })
  // 11 began after the lapse: it rings.
  const waiting = through(lapsed, sighting(2_520, 0, { snapshot: '5:12:5,11' }))
  expect(waiting).toMatchObject({ step: 'waiting', silent: new Set([5n, 11n]) })
  const one = through(waiting, sighting(2_540, 1, { snapshot: '5:20:5,13' }))
  expect(one).toMatchObject({ step: 'waiting', silent: new Set([5n]) })
  expect(through(one, sighting(2_560, 0, { snapshot: '13:20:13' })).kind).toBe('asleep')
})

test('does not wait for transactions of other databases', () => {
  const waiting = through(DRAINING, sighting(2_000, 0), sighting(2_020, 0, { snapshot: '5:12:5,11' }))
  expect(through(waiting, sighting(2_040, 0, { snapshot: '5:12:5,11', elsewhere: new Set([5n]) }))).toMatchObject({
    silent: new Set([11n]),
  })
  expect(through(waiting, sighting(2_040, 0, { snapshot: '5:12:5', elsewhere: new Set([5n]) })).kind).toBe('asleep')
})

test('does not judge the quiet while it is saying something else', () => {
  expect(through(DRAINING, sighting(9_000, 0, { ownUntil: undefined, awakeUntil: 0 }))).toMatchObject({ step: 'quiet' })
})

test('sleeps at once where another reader is awake, who relays', () => {
  expect(through(DRAINING, sighting(2_000, 0, { awakeUntil: 2_900, ownUntil: 2_000 })).kind).toBe('asleep')
})

test('wakes again out of draining, and polls more seldom the longer it drains', () => {
  expect(through(DRAINING, sighting(2_000, 9)).kind).toBe('awake')
  const delays = [1_020, 1_200, 2_000, 60_000].map((at) => pollDelay(DRAINING, at))
  expect(delays).toEqual(delays.toSorted((a, b) => Number(a) - Number(b)))
  expect(delays.at(-1)).toBe(250)
})

test('polls for ever without a doorbell', () => {
  expect(through(POLLING, sighting(0, 100), sighting(1, 0))).toBe(POLLING)
  expect(pollDelay(POLLING, 0)).toBe(250)
})
