import { describe, expect, test, vi } from 'vitest'
import type { Failure } from './run/runner.js'
import { isOfEnvironment, verdictOf } from './verdict.js'

const failure = (kind: Failure['kind'], message = 'message'): Failure => ({ kind, message, round: 0, query: 'q1' })

const wrong: readonly Failure[] = [
  failure('stale', 'missing: 1\nstatus live'),
  failure('stale', 'missing: 1\nstatus stale: ConnectionLostError'),
  failure('history', 'snapshot 7.1.10:10: shows other rows'),
  failure('subscriber', 'the patch leads to other rows: []'),
  failure('subscriber', 'snapshot 7.1.10:10: is older after 7.1.20:20:'),
  failure('error', 'TypeError: x is not a function\nConnection terminated'),
  failure('write', '23514 new row violates a check\ninsert into a'),
  failure('write', '55P03 canceling statement due to lock timeout\nupdate a'),
  failure('write', '23505 duplicate key\ninsert into a values (57014)'),
  failure('refused', 'OpaqueFunctionError: f() has a body that PostgreSQL keeps as a string'),
  failure('barrier', 'TypeError: undefined'),
]

const environment: readonly Failure[] = [
  failure('hang', 'the case took more than 300000 ms; comparing with fresh results'),
  failure('hang', 'TimeoutError: The operation was aborted due to timeout'),
  failure('aborted', 'Error: connect ECONNREFUSED 127.0.0.1:5432'),
  failure('write', ' Connection terminated unexpectedly\nupdate a'),
  failure('write', '57P01 terminating connection due to administrator command\nupdate a'),
  failure('refused', 'ConnectionLostError: The connection was lost.'),
  failure('refused', 'QueryFailedError: canceling statement due to statement timeout'),
  failure('barrier', 'ConnectionLostError: The connection was lost.'),
]

const report = ({ kind, message }: Failure): string => `${kind}: ${message}`

describe('what is wrong', () => {
  test.each(wrong.map((one) => [report(one), one] as const))('counts at once: %s', async (_, one) => {
    const again = vi.fn(() => Promise.resolve([]))
    expect(isOfEnvironment(one)).toBe(false)
    expect(await verdictOf([one], again)).toBe(one)
    expect(again).not.toHaveBeenCalled()
  })

  test('counts also where the environment failed before it was noticed', async () => {
    const again = vi.fn(() => Promise.resolve([]))
    expect(await verdictOf([environment[0]!, wrong[0]!], again)).toBe(wrong[0])
    expect(again).not.toHaveBeenCalled()
  })

  test('counts when it is found the second time, rather than what the environment did', async () => {
    expect(await verdictOf([environment[0]!], () => Promise.resolve([environment[1]!, wrong[1]!]))).toBe(wrong[1])
  })
})

describe('a failure of the environment', () => {
  test.each(environment.map((one) => [report(one), one] as const))('is tried again: %s', async (_, one) => {
    const again = vi.fn(() => Promise.resolve([]))
    expect(isOfEnvironment(one)).toBe(true)
    expect(await verdictOf([one], again)).toBeUndefined()
    expect(again).toHaveBeenCalledExactlyOnceWith(one)
  })

  test('counts if it is there the second time, or if nothing is tried again', async () => {
    expect(await verdictOf([environment[0]!], () => Promise.resolve([environment[2]!]))).toBe(environment[2])
    expect(await verdictOf([environment[0]!])).toBe(environment[0])
  })
})

test('a case without failures is not run again', async () => {
  const again = vi.fn(() => Promise.resolve([]))
  expect(await verdictOf([], again)).toBeUndefined()
  expect(again).not.toHaveBeenCalled()
})
