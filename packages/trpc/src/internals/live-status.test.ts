import { describe, expect, test, vi } from 'vitest'
import { nextStatus, type LinkEvent, type LiveLinkStatus } from './link-status.js'
import { createLiveStatus } from './live-status.js'

describe('the status of a subscription', () => {
  const events: Record<string, LinkEvent> = {
    lost: { kind: 'connection-lost' },
    live: { kind: 'told', status: 'live' },
    stale: { kind: 'told', status: 'stale' },
    data: { kind: 'data' },
    ended: { kind: 'ended' },
  }

  const table: readonly (readonly [LiveLinkStatus, Record<keyof typeof events, LiveLinkStatus>])[] = [
    ['connecting', { lost: 'connecting', live: 'live', stale: 'stale', data: 'live', ended: 'ended' }],
    ['live', { lost: 'reconnecting', live: 'live', stale: 'stale', data: 'live', ended: 'ended' }],
    ['stale', { lost: 'reconnecting', live: 'live', stale: 'stale', data: 'live', ended: 'ended' }],
    ['reconnecting', { lost: 'reconnecting', live: 'live', stale: 'stale', data: 'live', ended: 'ended' }],
    ['ended', { lost: 'ended', live: 'ended', stale: 'ended', data: 'ended', ended: 'ended' }],
  ]

  test.each(table.flatMap(([from, row]) => Object.entries(row).map(([event, to]) => [from, event, to] as const)))(
    '%s, on %s: %s',
    (from, event, to) => expect(nextStatus(from, events[event]!)).toBe(to),
  )
})

describe('the store of statuses', () => {
  const report = (subscription: number, status: LiveLinkStatus, path = 'orders', input?: unknown) => ({
    subscription,
    path,
    input,
    status,
  })

  test('is idle without subscriptions', () => expect(createLiveStatus().get()).toBe('idle'))

  test('shows the worst status of all', () => {
    const store = createLiveStatus()
    store.report(report(1, 'live'))
    expect(store.get()).toBe('live')
    store.report(report(2, 'stale'))
    store.report(report(3, 'connecting'))
    expect(store.get()).toBe('stale')
    store.report(report(3, 'reconnecting'))
    expect(store.get()).toBe('reconnecting')
    store.report(report(3, 'ended'))
    store.report(report(2, 'live'))
    expect(store.get()).toBe('live')
  })

  test('tells subscriptions apart by path and by the content of their input', () => {
    const store = createLiveStatus()
    store.report(report(1, 'live', 'orders', { shop: 1, since: 5n }))
    store.report(report(2, 'stale', 'orders', { shop: 2, since: 5n }))
    expect(store.of('orders', { since: 5n, shop: 1 })).toBe('live')
    expect(store.of('orders', { shop: 2, since: 5n })).toBe('stale')
    expect(store.of('orders', { shop: 3, since: 5n })).toBe('idle')
    expect(store.of('items', { shop: 1, since: 5n })).toBe('idle')
  })

  test('tells its listeners until they are removed, each for itself', () => {
    const store = createLiveStatus()
    const listener = vi.fn()
    const remove = store.subscribe(listener)
    store.subscribe(listener)
    store.report(report(1, 'live'))
    expect(listener).toHaveBeenCalledTimes(2)
    remove()
    store.report(report(1, 'stale'))
    expect(listener).toHaveBeenCalledTimes(3)
  })
})
