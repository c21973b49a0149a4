import superjson from 'superjson'
import type { Call } from '../../src/internals/live-types.js'
import { createLive } from '../../src/server.js'
import { FakeRealtime } from './fake-realtime.js'
import { ManualClock } from './manual-clock.js'

export interface Items {
  items: { id: number; name: string; photo: Buffer | null; parts: Buffer[] }
}

export const one = [{ id: 1, name: 'one' }]
export const two = [...one, { id: 2, name: 'two' }]

/** An engine, a clock, and a live query for all items. */
export function setup(answer: () => readonly object[] = () => one) {
  const realtime = new FakeRealtime<Items>(answer)
  const clock = new ManualClock()
  const live = createLive(realtime, { transformer: superjson, clock, graceMs: 1_000 })
  const items = realtime.db.selectFrom('items').select(['id', 'name'])
  const all = live((_: Call) => items)
  return { realtime, clock, live, items, all }
}
