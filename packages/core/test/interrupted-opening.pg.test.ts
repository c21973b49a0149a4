/** What the engine was in the middle of when its connection was lost, failed or was given up: nothing of it goes on. */
import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { installerKey } from '../src/capture/triggers/attempts.js'
import { ClosedError } from '../src/index.js'
import { deferred } from '../src/util/deferred.js'
import { ManualClock } from './support/clock.js'
import { engineBackends, terminate } from './support/connections.js'
import { openShop } from './support/shop.js'
import { Tap } from './support/tap.js'
import { recordUpdates, until } from './support/updates.js'

const DAY = 86_400_000

/** An engine whose time stands still, with one live query; the next watch is the one of a reconnect. */
async function openEngine() {
  const shop = await openShop()
  const clock = new ManualClock()
  const hooks: Tap['hooks'] = {}
  const realtime = shop.engine(
    { auditMs: DAY, safetyPollMs: 5_000 },
    { clock, heartbeatMs: DAY, source: new Tap(hooks).source },
  )
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await realtime.settle()
  const reconnect = async () => {
    await terminate(shop, await engineBackends(shop))
    await until(live, ({ status }) => status === 'stale')
  }
  return { shop, clock, hooks, realtime, live, reconnect }
}

test('a reconnect that fails leaves no timer of its own behind', async () => {
  const { shop, clock, hooks, realtime, live, reconnect } = await openEngine()
  await using _ = shop
  await using __ = realtime
  let failures = 0
  hooks.beforeWatch = () => {
    if (failures++ < 3) throw new Error('no lock')
  }
  clock.advance(10_000)
  await realtime.settle()
  const timers = clock.pending
  await reconnect()
  await vi.waitFor(() => {
    clock.advance(60)
    expect(live.status).toBe('live')
  })
  expect(failures).toBe(4)
  await realtime.settle()
  clock.advance(10_000)
  await realtime.settle()
  expect(clock.pending).toBe(timers)
})

test('a stop during a reconnect leaves no timer and no connection', async () => {
  const { shop, clock, hooks, realtime, reconnect } = await openEngine()
  await using _ = shop
  const [begun, opening] = [deferred<void>(), deferred<void>()]
  hooks.beforeWatch = () => {
    begun.resolve()
    return opening.promise
  }
  await reconnect()
  clock.advance(1_000)
  await begun.promise
  const stopped = realtime.stop()
  opening.resolve()
  await stopped
  expect(clock.pending).toBe(0)
  await vi.waitFor(async () => expect(await engineBackends(shop)).toEqual([]))
})

test('a stop while triggers wait for a lock gives up the installation', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.start()
  const writer = await shop.connect()
  await writer.query('begin; lock table users in share row exclusive mode')
  const live = realtime.live(shop.db.selectFrom('users').select('name'))
  live.ready.catch(() => {})
  await vi.waitFor(async () => {
    const waiting = await shop.run(`select from pg_locks where relation = 'users'::regclass and not granted`)
    expect(waiting).toHaveLength(1)
  })
  await realtime.stop()
  await vi.waitFor(async () => expect(await engineBackends(shop)).toEqual([]))
  await writer.query('commit')
  expect(await shop.run(`select from pg_trigger where tgrelid = 'users'::regclass and not tgisinternal`)).toEqual([])
})

test('a stop while the start waits for another installer gives that up', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using realtime = shop.engine({}, { clock })
  const installer = await shop.connect()
  await installer.query(`begin; select pg_advisory_xact_lock(${installerKey('_pg_realtime')})`)
  const started = realtime.start()
  const refused = expect(started).rejects.toBeInstanceOf(ClosedError)
  await vi.waitFor(async () => {
    const waiting = await shop.run(`select from pg_locks l join pg_stat_activity a using (pid)
      where l.locktype = 'advisory' and not granted and a.datname = current_database()`)
    expect(waiting).toHaveLength(1)
  })
  await realtime.stop()
  await refused
  expect(clock.pending).toBe(0)
  expect(realtime.status).toBe('stopped')
  await installer.query('commit')
  // A server notices that nobody is there when its statement has ended.
  await vi.waitFor(async () => expect(await engineBackends(shop)).toEqual([]))
  await realtime.start()
  expect(realtime.status).toBe('live')
})

test.each([
  ['the change source has stopped', () => new ClosedError('The change source is not started.')],
  ['the connection is lost', () => new Error('Connection terminated unexpectedly')],
])('a query that cannot be analyzed anew because %s is no failed query', async (_, error) => {
  await using shop = await openShop()
  const hooks: Tap['hooks'] = {}
  await using realtime = shop.engine({ auditMs: 50 }, { source: new Tap(hooks).source })
  const live = realtime.live(sql<Record<string, unknown>>`select * from users where id = 1`)
  await live.ready
  const updates = recordUpdates(live)
  let failures = 0
  hooks.beforeWatch = () => {
    if (failures++ < 2) throw error()
  }
  await shop.run(`alter table users add column nickname text default 'x'`)
  // The later audits find again what the first ones could not mend.
  await vi.waitFor(() => expect(failures).toBeGreaterThan(2))
  await shop.run(`update users set nickname = 'y'`)
  await until(live, () => live.single?.['nickname'] === 'y')
  expect(updates.filter(({ status }) => status === 'stale')).toEqual([])
  expect(realtime.errors).toEqual([])
})
