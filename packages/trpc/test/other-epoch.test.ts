/** Two servers that name their rows alike, as can happen by chance: nothing of one may be applied to the rows of the other. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { announce } from '../src/protocol.js'
import { Reader } from './support/calls.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder } from './support/recorder.js'
import { openSession } from './support/session.js'
import { createShop, order, type OrderRow, type Shop, type ShopRouter } from './support/shop.js'
import { transports } from './support/transports.js'

// A history takes the name of its epoch from here.
beforeEach(() => void vi.spyOn(crypto, 'randomUUID').mockReturnValue('a1b2c3d4-0000-4000-8000-000000000000'))
afterEach(() => vi.restoreAllMocks())

const list = (name: string) => Array.from({ length: 20 }, (_, index) => order(index + 1, `${name}-${index + 1}`))
const changed = (rows: readonly OrderRow[], code: string) => [order(1, code), ...rows.slice(1)]

/** A client with `liveLink` that is called without a server. */
async function openBeside(router: ShopRouter): Promise<Reader<unknown>> {
  const caller = router.createCaller({}) as unknown as { all(input: unknown): Promise<AsyncIterable<unknown, void>> }
  return new Reader(await caller.all(announce(undefined, { transformer: true, resume: undefined })))
}

describe.each(transports)('over $name', (transport) => {
  test('a client that comes back after a restart is sent no patch to the rows of another server', async () => {
    const [before, after] = [list('before'), list('after')]
    const old = new FakeRealtime<Shop>(() => before)
    await using session = await openSession(transport, old, { link: true })
    using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
    await recorder.until((rows) => rows.length === 20)

    const fresh = new FakeRealtime<Shop>(() => after)
    fresh.rewind(200)
    const router = createShop(fresh)
    await using other = await openBeside(router)
    const { state } = await other.message()
    fresh.commit(() => changed(after, 'changed'))
    expect(await other.message()).toMatchObject({ kind: 'patch', from: 0 })
    expect(state).toMatch(/\.0$/)

    await session.served.replace({ router })
    expect(await recorder.until((rows) => rows[0]!.code === 'changed')).toEqual(changed(after, 'changed'))
    fresh.commit(() => changed(after, 'again'))
    expect(await recorder.until((rows) => rows[0]!.code === 'again')).toEqual(changed(after, 'again'))
    expect(recorder.data).toHaveLength(3)
  })
})
