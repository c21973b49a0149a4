import { describe, expect, test } from 'vitest'
import { initialState, nextState, RECONNECT, STABLE_MS, type ConnectionEvent, type ConnectionState } from './state.js'

const connecting: ConnectionState = { kind: 'connecting', epoch: 2, attempt: 1, wasLive: true }
const live: ConnectionState = { kind: 'live', epoch: 2, attempt: 3, since: 0 }
const waiting: ConnectionState = { kind: 'waiting', epoch: 2, attempt: 3, wasLive: true, until: 1_000 }
const stopped = initialState()

const states: Record<string, ConnectionState> = { stopped, connecting, live, waiting }
const events: Record<string, ConnectionEvent> = {
  start: { kind: 'start' },
  opened: { kind: 'opened', epoch: 2 },
  failed: { kind: 'failed', epoch: 2 },
  lost: { kind: 'lost', epoch: 2 },
  'opened, of an old connection': { kind: 'opened', epoch: 1 },
  'failed, of an old connection': { kind: 'failed', epoch: 1 },
  'lost, of an old connection': { kind: 'lost', epoch: 1 },
  due: { kind: 'due' },
  stop: { kind: 'stop' },
}

// Every state × event: what is not in the table stays as it is.
const arrows: Record<string, Record<string, ConnectionState['kind']>> = {
  stopped: { start: 'connecting', stop: 'stopped' },
  connecting: { opened: 'live', failed: 'waiting', stop: 'stopped' },
  live: { lost: 'waiting', stop: 'stopped' },
  waiting: { due: 'connecting', stop: 'stopped' },
}

describe('the connection state machine', () => {
  for (const [from, state] of Object.entries(states)) {
    for (const [name, event] of Object.entries(events)) {
      const to = arrows[from]![name]
      test(`${from} × ${name} → ${to ?? 'unchanged'}`, () => {
        const next = nextState(state, event, 1_000, () => 0)
        if (to === undefined) expect(next).toBe(state)
        else expect(next.kind).toBe(to)
      })
    }
  }

  test('waiting is over no earlier than its time', () => {
    expect(nextState(waiting, { kind: 'due' }, 999, () => 0)).toBe(waiting)
    expect(nextState(waiting, { kind: 'due' }, 1_000, () => 0)).toEqual({ ...connecting, epoch: 3, attempt: 4 })
  })

  test('waits longer after each failed try, with jitter, up to a bound', () => {
    const delay = (attempt: number, random: number) => {
      const next = nextState({ ...connecting, attempt }, { kind: 'failed', epoch: 2 }, 0, () => random)
      return next.kind === 'waiting' ? next.until : NaN
    }
    expect(delay(0, 0)).toBe(RECONNECT.firstMs / 2)
    expect(delay(0, 1)).toBe(RECONNECT.firstMs)
    expect(delay(3, 1)).toBe(RECONNECT.firstMs * 8)
    expect(delay(1_000, 1)).toBe(RECONNECT.maxMs)
  })

  test('a connection that lasted starts again from the shortest wait, one that did not goes on', () => {
    const lost = { kind: 'lost', epoch: 2 } as const
    const until = STABLE_MS + RECONNECT.firstMs
    expect(nextState(live, lost, STABLE_MS, () => 1)).toMatchObject({ attempt: 0, until })
    expect(nextState(live, lost, STABLE_MS - 1, () => 1)).toMatchObject({ attempt: 3 })
  })
})
