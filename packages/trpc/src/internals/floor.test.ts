import { ClosedError } from '@pg-realtime/core'
import { describe, expect, test, vi } from 'vitest'
import { deferred } from '../../test/support/deferred.js'
import { FakeRealtime } from '../../test/support/fake-realtime.js'
import { SharedBarrier } from './floor.js'

describe('SharedBarrier', () => {
  const engineOf = (barrier: () => Promise<void>) => {
    const realtime = new FakeRealtime<object>(() => [])
    realtime.barriers = barrier
    return realtime
  }

  test('runs once for all who come while one is running, after it', async () => {
    const runs = [deferred<void>(), deferred<void>()]
    const run = vi.fn(() => runs[run.mock.calls.length - 1]!.promise)
    const barrier = new SharedBarrier(engineOf(run))
    const first = barrier.join()
    const later = [barrier.join(), barrier.join(), barrier.join()]
    expect(run).toHaveBeenCalledTimes(1)
    runs[0]!.resolve()
    await first
    await vi.waitFor(() => expect(run).toHaveBeenCalledTimes(2))
    runs[1]!.resolve()
    await Promise.all(later)
    expect(run).toHaveBeenCalledTimes(2)
  })

  test('goes on after one that failed', async () => {
    const run = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('no')).mockResolvedValue()
    const barrier = new SharedBarrier(engineOf(run))
    await expect(barrier.join()).rejects.toThrow('no')
    await barrier.join()
    expect(run).toHaveBeenCalledTimes(2)
  })

  test('asks nothing of an engine that is being stopped, or is, and again when it has started', async () => {
    const closing = deferred<void>()
    const realtime = engineOf(() => closing.promise)
    const barrier = new SharedBarrier(realtime)
    const refused = [barrier.join(), barrier.join()].map((join) =>
      expect(join).rejects.toMatchObject({ code: 'CLOSED' }),
    )
    closing.reject(new ClosedError('The engine was stopped while a barrier was waiting.'))
    await Promise.all(refused)
    await expect(barrier.join()).rejects.toMatchObject({ code: 'CLOSED' })
    await realtime.stop()
    await expect(barrier.join()).rejects.toThrow('stopped')
    expect(realtime.barrierCalls).toBe(1)
    realtime.barriers = () => Promise.resolve()
    await realtime.start()
    await barrier.join()
    expect(realtime.barrierCalls).toBe(2)
    expect(realtime.statusListeners).toBe(0)
  })
})
