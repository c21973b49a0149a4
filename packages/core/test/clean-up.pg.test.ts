/** What is left when a live query, the engine, or the installation ends: nothing. */
import { expect, test, vi } from 'vitest'
import { ManualClock } from './support/clock.js'
import { otherBackends } from './support/connections.js'
import { openDatabase, type TestData } from './support/database.js'
import { openThroughProxy } from './support/proxy.js'
import { openShop } from './support/shop.js'
import { until } from './support/updates.js'

const HOUR = 3_600_000

const resources = () => process.getActiveResourcesInfo().sort()

/** Nothing that was not there before; what was may have ended meanwhile. Awaited without timers, which are resources too. */
async function expectResources<DB>(before: readonly string[], data: TestData<DB>): Promise<void> {
  for (let tries = 0; tries < 200 && added(before).length > 0; tries += 1) await data.run('select pg_sleep(0.02)')
  expect(added(before)).toEqual([])
}

function added(before: readonly string[]): string[] {
  const left = [...before]
  return resources().filter((resource) => {
    const index = left.indexOf(resource)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

test('stop leaves nothing in the process, and no connection', async () => {
  await using shop = await openShop()
  await shop.run('select 1')
  const before = resources()
  const application = shop.application()
  const realtime = shop.engine({ ...application, throttleMs: 500, safetyPollMs: 100, auditMs: 100 })
  const lives = [
    realtime.live(application.db.selectFrom('users').selectAll()),
    realtime.live(application.db.selectFrom('orders').selectAll(), { refreshEvery: 20 }),
    realtime.live(application.db.selectFrom('items').selectAll(), { throttleMs: 60_000 }),
  ]
  await Promise.all(lives.map((live) => live.ready))
  await shop.run(`update users set name = 'Eve'; update items set price = 2; update items set price = 3`)
  await realtime.stop()
  await application.pool.end()
  await expectResources(before, shop)
  await vi.waitFor(async () => expect(await otherBackends(shop)).toEqual([]))
})

test('stop during a cut leaves nothing either', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await shop.run('select 1')
  const before = resources()
  const realtime = shop.engine(application)
  const live = realtime.live(application.db.selectFrom('users').selectAll())
  await live.ready
  application.proxy.cut()
  await until(live, ({ status }) => status === 'stale')
  await realtime.stop()
  expect(live.status).toBe('closed')
  await application.pool.end()
  await expectResources(before, shop)
})

test('fault 21: after a live query is closed, no timer, look-up or refresh of it is left', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using realtime = shop.engine({ auditMs: HOUR, throttleMs: 500 }, { clock, heartbeatMs: HOUR })
  await realtime.start()
  const kept = realtime.live(shop.db.selectFrom('orders').select('id'))
  await kept.ready
  await realtime.settle()
  clock.advance(2_000)
  const timers = clock.pending
  for (let round = 0; round < 50; round += 1) {
    const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '<', round), {
      refreshEvery: 1_000,
    })
    await live.ready
    live.close()
  }
  await realtime.settle()
  clock.advance(2_000)
  expect(realtime.size).toBe(1)
  expect(clock.pending).toBe(timers)
  const refreshes: unknown[] = []
  realtime.observe((event) => refreshes.push(event))
  await shop.run(`update users set name = 'Eve'`)
  await realtime.barrier()
  clock.advance(2_000)
  await realtime.barrier()
  expect(refreshes).toEqual([])
})

/** Everything that a user could find in the database's catalogs. */
async function objectsOf<DB>(data: TestData<DB>): Promise<unknown[]> {
  return data.run(`
    select 'relation' as kind, oid::regclass::text as name, relacl::text as rights from pg_class
      where relnamespace <> all ('{pg_catalog,information_schema,pg_toast}'::regnamespace[])
    union all select 'function', oid::regprocedure::text, proacl::text from pg_proc
      where pronamespace <> all ('{pg_catalog,information_schema}'::regnamespace[])
    union all select 'trigger', tgrelid::regclass || '.' || tgname, tgenabled::text from pg_trigger where not tgisinternal
    union all select 'schema', nspname, nspacl::text from pg_namespace where nspname !~ '^pg_(temp|toast_temp)'
    union all select 'type', oid::regtype::text, '' from pg_type where typnamespace <> all ('{pg_catalog,information_schema,pg_toast}'::regnamespace[])
    union all select 'event trigger', evtname, '' from pg_event_trigger
    union all select 'default right', defaclacl::text, '' from pg_default_acl
    union all select 'publication', pubname, '' from pg_publication
    union all select 'slot', slot_name, '' from pg_replication_slots where database = current_database()
    order by 1, 2, 3`)
}

test('parity 06, fault 16: uninstall removes everything, in every schema and partition, and nothing else', async () => {
  await using data = await openDatabase<Record<string, { id: number }>>(`
    create schema "Other ""one"""; create table "Other ""one"""."the things" (id int);
    create table users (id int); create table parts (id int) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10) partition by range (id);
    create table parts_1_1 partition of parts_1 for values from (0) to (5);
    create table base (id int); create table child () inherits (base);
    create function mine() returns trigger language plpgsql as 'begin return null; end';
    create trigger mine after insert on users for each row execute function mine()`)
  const before = await objectsOf(data)
  await using realtime = data.engine()
  const tables = ['Other "one".the things', 'users', 'parts', 'parts_1_1', 'base']
  await Promise.all(tables.map((name) => realtime.live(data.db.selectFrom(name).select('id')).ready))
  const during = await objectsOf(data)
  expect(during.length).toBeGreaterThan(before.length)
  await realtime.stop()
  expect(await objectsOf(data)).toEqual(during)
  await realtime.uninstall()
  expect(await objectsOf(data)).toEqual(before)
  await data.run(`insert into users values (1); insert into parts values (1); insert into child values (1)`)

  await realtime.start()
  const again = realtime.live(data.db.selectFrom('users').select('id'))
  await again.ready
  await data.run('insert into users values (2)')
  await realtime.barrier()
  expect(again.rows).toEqual([{ id: 1 }, { id: 2 }])
})

test('uninstalling twice, or what was never installed, is no error', async () => {
  await using shop = await openShop()
  const before = await objectsOf(shop)
  await using realtime = shop.engine()
  await realtime.uninstall()
  await realtime.start()
  await realtime.stop()
  await realtime.uninstall()
  await realtime.uninstall()
  expect(await objectsOf(shop)).toEqual(before)
})

test('a schema of one’s own name is used, and removed', async () => {
  await using shop = await openShop()
  const before = await objectsOf(shop)
  await using realtime = shop.engine({ schema: 'my "live" queries' })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
  expect(
    await shop.run(`select from pg_namespace where nspname in ('_pg_realtime', 'my "live" queries')`),
  ).toHaveLength(1)
  await realtime.stop()
  await realtime.uninstall()
  expect(await objectsOf(shop)).toEqual(before)
})

test('uninstall of one server while another one runs: that one installs anew, and goes on', async () => {
  await using shop = await openShop()
  await using staying = shop.engine({ auditMs: 50 })
  const live = staying.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await using leaving = shop.engine()
  await leaving.uninstall()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await until(live, ({ single }) => single?.name === 'Eve')
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await until(live, ({ single }) => single?.name === 'Mallory')
})
