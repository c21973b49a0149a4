import { describe, expect, test } from 'vitest'
import type { RoutedChange } from '../route/contract.js'
import { Schedule } from './schedule.js'

const change = { kind: 'change', table: 'orders', operation: 'insert', columns: [] } as const

function setUp(throttleMs = 500) {
  let now = 10_000
  const clock = { now: () => now, setTimeout: () => undefined, clearTimeout: () => {} }
  const schedule = new Schedule(throttleMs, clock, () => 1)
  return { schedule, advance: (ms: number) => (now += ms), now: () => now }
}

/** Changes come every `everyMs`; a refresh takes no time and begins as soon as it may. Returns when refreshes began. */
function simulate(everyMs: number, durationMs: number, throttleMs = 500): number[] {
  const { schedule, advance, now } = setUp(throttleMs)
  const began: number[] = []
  const start = now()
  for (let elapsed = 0; elapsed < durationMs; elapsed++, advance(1)) {
    if (elapsed % everyMs === 0) schedule.mark(elapsed, change)
    const due = schedule.dueAt()
    if (due !== undefined && due <= now()) {
      schedule.begin(1)
      schedule.succeed()
      began.push(now() - start)
    }
  }
  return began
}

describe('the schedule of a live query', () => {
  test('parity 46: the first change refreshes at once', () => {
    const { schedule, now } = setUp()
    expect(schedule.dueAt()).toBeUndefined()
    schedule.mark(1, change)
    expect(schedule.dueAt()).toBeLessThanOrEqual(now())
  })

  test('the first result opens no window: the first change after it is refreshed at once', () => {
    const { schedule, now } = setUp()
    schedule.mark(1, { kind: 'first' })
    schedule.begin(1)
    schedule.succeed()
    schedule.mark(2, change)
    expect(schedule.dueAt()).toBeLessThanOrEqual(now())
  })

  test('parity 47: a burst is followed by one trailing refresh, which covers its last change', () => {
    const { schedule, advance, now } = setUp()
    schedule.mark(1, change)
    schedule.begin(1)
    for (let tick = 2; tick <= 50; tick++) schedule.mark(tick, change)
    schedule.succeed()
    expect(schedule.dueAt()).toBe(now() + 500)
    advance(500)
    expect(schedule.begin(1)).toHaveLength(5)
    schedule.succeed()
    expect(schedule.dueAt()).toBeUndefined()
  })

  test('parity 48: the window is 500 ms unless set', () => {
    const { schedule, now } = setUp(2_000)
    schedule.mark(1, change)
    schedule.begin(1)
    schedule.mark(2, change)
    schedule.succeed()
    expect(schedule.dueAt()).toBe(now() + 2_000)
  })

  test.each([1, 10, 99, 102, 499, 500])(
    'parity 49, fault 20: one refresh in each window, never two, under a change every %i ms',
    (everyMs) => {
      const began = simulate(everyMs, 20_000)
      const gaps = began.slice(1).map((time, index) => time - began[index]!)
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500)
      expect(Math.max(...gaps)).toBeLessThan(500 + everyMs)
    },
  )

  test('fault 19: steady changes do not starve the refresh', () => {
    expect(simulate(10, 10_000)).toHaveLength(20)
  })

  test('a failed refresh is tried again after a growing delay, and is as dirty as before', () => {
    const { schedule, advance, now } = setUp(0)
    schedule.mark(7, change)
    const delays = Array.from({ length: 4 }, () => {
      advance(1e6)
      schedule.begin(1)
      schedule.fail()
      return schedule.dueAt()! - now()
    })
    expect(delays).toEqual([500, 1_000, 2_000, 4_000])
    expect(schedule.pendingSince).toBe(7)
  })

  test.each(['postpone', 'abort', 'miss'] as const)(
    'what was left undone by %s is told with what came since',
    (undone) => {
      const { schedule, advance } = setUp(0)
      schedule.mark(1, change)
      for (let n = 0; n < 3; n++) {
        advance(1e6)
        schedule.begin(1)
        if (undone === 'miss') schedule.interrupt()
        schedule[undone](false)
      }
      schedule.mark(2, { kind: 'interval' })
      expect(schedule.begin(2)).toEqual([change, { kind: 'retry' }, { kind: 'interval' }])
    },
  )

  test('however many causes it had, it is known to have been tried', () => {
    const { schedule } = setUp(0)
    for (let n = 0; n < 9; n++) schedule.mark(1, change)
    schedule.begin(1)
    schedule.postpone()
    expect(schedule.begin(2)).toEqual([change, change, change, change, { kind: 'retry' }])
  })

  test('of a refresh that failed the causes were told, and are not told again', () => {
    const { schedule } = setUp(0)
    schedule.mark(1, change)
    expect(schedule.begin(1)).toEqual([change])
    schedule.fail()
    expect(schedule.begin(2)).toEqual([{ kind: 'retry' }])
  })

  test('a refresh that did not take place is news the second time, or once it was waited for in vain; then it is known', () => {
    const miss = (...certain: boolean[]) => {
      const { schedule } = setUp(0)
      schedule.mark(1, change)
      return certain.map((isCertain) => (schedule.begin(1), schedule.miss(isCertain)))
    }
    expect(miss(false, false, false, true)).toEqual(['untold', 'news', 'known', 'known'])
    expect(miss(true, false)).toEqual(['news', 'known'])
    expect(miss(false, true, false)).toEqual(['untold', 'news', 'known'])
  })

  test.each(['succeed', 'fail', 'interrupt'] as const)(
    'after %s the next one that does not take place is the first',
    (end) => {
      const { schedule } = setUp(0)
      schedule.mark(1, change)
      schedule.begin(1)
      schedule.miss(false)
      schedule.begin(1)
      if (end === 'interrupt') schedule.abort()
      schedule[end]()
      schedule.mark(2, change)
      schedule.begin(2)
      expect(schedule.miss(false)).toBe('untold')
    },
  )

  test('what is known to be missed is not told again after the engine’s own connection was lost', () => {
    const { schedule } = setUp(0)
    schedule.mark(1, change)
    schedule.begin(1)
    schedule.miss(true)
    schedule.interrupt()
    schedule.begin(2)
    expect(schedule.miss(true)).toBe('known')
  })

  test('no barrier, and no window, changes when a connection is asked for again', () => {
    const { schedule, now } = setUp(60_000)
    schedule.mark(1, change)
    const delays = [50, 100, 200, 400].map(() => {
      schedule.begin(1)
      schedule.miss(false)
      expect(schedule.dueAt(true)).toBe(schedule.dueAt())
      return schedule.dueAt()! - now()
    })
    expect(delays).toEqual([50, 100, 200, 400])
    schedule.begin(1)
    schedule.fail()
    expect(schedule.dueAt(true)).toBe(-Infinity)
  })

  test('a new connection is a reason to try again at once', () => {
    const { schedule } = setUp(0)
    schedule.mark(7, change)
    schedule.begin(1)
    schedule.abort()
    schedule.mark(8, { kind: 'gap', because: 'reconnected' })
    expect(schedule.dueAt()).toBeLessThanOrEqual(10_000)
  })

  test('a change while the refresh runs makes it dirty again, since that change', () => {
    const { schedule } = setUp(0)
    schedule.mark(1, change)
    schedule.begin(1)
    schedule.mark(2, change)
    expect(schedule.pendingSince).toBe(1)
    schedule.succeed()
    expect(schedule.pendingSince).toBe(2)
  })

  test('fault 04: a tick that began before the registration never gives the first result', () => {
    const { schedule } = setUp(0)
    schedule.enroll(6)
    schedule.mark(5, change)
    expect(schedule.pendingSince).toBe(6)
  })
})

describe('the changes that the rows lack', () => {
  const row = {} as RoutedChange

  test('are known while every mark says them', () => {
    const { schedule } = setUp()
    schedule.mark(1, change, [row])
    schedule.mark(2, change, [row, row])
    expect(schedule.changes).toHaveLength(3)
    schedule.begin(2)
    expect(schedule.changes).toEqual([])
    schedule.mark(3, change, [row])
    schedule.succeed()
    expect(schedule.changes).toHaveLength(1)
  })

  test.each<[string, (schedule: Schedule) => void]>([
    ['a mark that says none', (schedule) => schedule.mark(2, change)],
    [
      'too many',
      (schedule) =>
        schedule.mark(
          2,
          change,
          Array.from({ length: 200 }, () => row),
        ),
    ],
    ['a refresh that failed', (schedule) => (schedule.begin(2), schedule.fail())],
    ['a refresh that did not take place', (schedule) => (schedule.begin(2), schedule.abort())],
    ['a refresh that was left to others', (schedule) => (schedule.begin(2), schedule.postpone())],
  ])('are not known after %s, whatever comes then', (_, happens) => {
    const { schedule } = setUp()
    schedule.mark(1, change, [row])
    happens(schedule)
    schedule.mark(3, change, [row])
    expect(schedule.changes).toBeUndefined()
  })
})
