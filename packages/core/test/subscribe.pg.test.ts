import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ClosedError, InvalidOptionError } from '../src/index.js'
import { openGate } from './support/gate.js'
import { deferred } from '../src/util/deferred.js'
import { openShop, type Shop } from './support/shop.js'
import { Tap } from './support/tap.js'
import { nextUpdate, recordUpdates, refreshesOf } from './support/updates.js'
import type { TestData } from './support/database.js'

/** An engine whose next opening is held, analyzed and not yet captured, from `hold` until `letGo`. */
async function holdingEngine(shop: TestData<Shop>) {
  const [held, released] = [deferred<void>(), deferred<void>()]
  let holds = false
  const tap = new Tap({
    async beforeWatch() {
      if (!holds) return
      holds = false
      held.resolve()
      await released.promise
    },
  })
  const realtime = shop.engine({}, { source: tap.source })
  await realtime.start()
  holds = true
  return { realtime, isHeld: held.promise, letGo: released.resolve }
}

const userOf = (shop: TestData<Shop>, id: number) =>
  shop.db.selectFrom('users').select(['id', 'name']).where('id', '=', id)

test('parity 09: the handle holds the first result', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']).orderBy('id'))
  expect(live).toMatchObject({ rows: [], status: 'pending', version: '', snapshot: '' })
  const rows = await live.ready
  expect(rows).toEqual([
    { id: 1, name: 'Ada' },
    { id: 2, name: 'Bob' },
  ])
  expect(live).toMatchObject({ status: 'live', error: undefined })
  expect(live.rows).toBe(rows)
  expect(live.version).not.toBe('')
  expect(live.snapshot).toMatch(/^\d+\.\d+\.\d+:\d+:/)
})

test('parity 10: listeners are called when the result changed, and only then', async () => {
  await using shop = await openShop()
  await shop.run(`create table files (id int primary key, body bytea, at timestamptz, meta json);
    insert into files values (1, '\\x00ff', '2026-01-02 03:04:05Z', '{"a": 1}')`)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ id: number; body: Buffer }>`select * from files`)
  await live.ready
  await realtime.settle()
  const updates = recordUpdates(live)
  const before = refreshesOf(live)
  await shop.run(`begin; update files set body = '\\x01'; update files set body = '\\x00ff'; commit`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBeGreaterThan(before)
  expect(updates).toEqual([])
  await shop.run(`update files set body = '\\x00fe'`)
  await realtime.barrier()
  expect(updates).toMatchObject([{ kind: 'rows', rows: [{ body: Buffer.from([0, 0xfe]) }] }])
})

test('parity 10: a listener is handed the previous rows too, and can be removed', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1))
  const first = await live.ready
  const seen: unknown[] = []
  const unsubscribe = live.subscribe(({ rows, previousRows }) => seen.push([previousRows, rows]))
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(seen).toEqual([[first, [{ id: 1, name: 'Eve' }]]])
  unsubscribe()
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await realtime.barrier()
  expect(seen).toHaveLength(1)
})

test('parity 11: an id can be given another query and parameters, and keeps its holder', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1), { id: 'user' })
  await live.ready
  const updates = recordUpdates(live)
  expect(await live.replace(userOf(shop, 2))).toEqual([{ id: 2, name: 'Bob' }])
  expect(realtime.get('user')).toBe(live)
  expect(updates).toMatchObject([{ rows: [{ id: 2 }], previousRows: [{ id: 1 }] }])
  await shop.run(`update users set name = 'Eve' where id = 1; update users set name = 'Bert' where id = 2`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 2, name: 'Bert' }])
  expect(realtime.size).toBe(1)
})

test('parity 11: a query that cannot be made live leaves the older one in place', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1), { id: 'user' })
  await live.ready
  await expect(live.replace(sql<{ id: number; name: string }>`select * from nowhere`)).rejects.toMatchObject({
    code: 'MISSING_OBJECT',
  })
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live).toMatchObject({ status: 'live', rows: [{ id: 1, name: 'Eve' }] })
})

test('parity 11: nor does it disturb an older one that is still being made live', async () => {
  await using shop = await openShop()
  const { realtime: engine, isHeld, letGo } = await holdingEngine(shop)
  await using realtime = engine
  const live = realtime.live(userOf(shop, 1))
  await isHeld
  await expect(live.replace(sql<{ id: number; name: string }>`select * from nowhere`)).rejects.toMatchObject({
    code: 'MISSING_OBJECT',
  })
  expect(live.status).toBe('pending')
  letGo()
  expect(await live.ready).toEqual([{ id: 1, name: 'Ada' }])
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live).toMatchObject({ status: 'live', rows: [{ id: 1, name: 'Eve' }] })
  live.close()
  expect(realtime.size).toBe(0)
})

test('parity 11: where neither can be made live, the handle is closed with the first one’s error', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ id: number }>`select id from nowhere`)
  const replaced = live.replace(sql<{ id: number }>`select id frm users`)
  await expect(replaced).rejects.toMatchObject({ code: 'QUERY_SYNTAX' })
  await expect(live.ready).rejects.toMatchObject({ code: 'MISSING_OBJECT' })
  expect(live.status).toBe('closed')
})

test('parity 11: a query that fails is no end for a handle that is given another one', async () => {
  await using shop = await openShop()
  const { realtime: engine, isHeld, letGo } = await holdingEngine(shop)
  await using realtime = engine
  const live = realtime.live(sql<{ id: number; name: string }>`select id, name from nowhere`)
  const replaced = live.replace(userOf(shop, 2))
  await isHeld
  // Analyzed before it: by now it has failed.
  await expect(realtime.live(sql`select id, name from nowhere`).ready).rejects.toMatchObject({ code: 'MISSING_OBJECT' })
  letGo()
  await replaced
  expect(await live.ready).toEqual([{ id: 2, name: 'Bob' }])
  // Nor is it one later, when a third one fails.
  await expect(live.replace(sql<{ id: number; name: string }>`select * from nowhere`)).rejects.toMatchObject({
    code: 'MISSING_OBJECT',
  })
  await shop.run(`update users set name = 'Bert' where id = 2`)
  await realtime.barrier()
  expect(live).toMatchObject({ status: 'live', single: { id: 2, name: 'Bert' } })
})

test('parity 11: a handle that is closed while another query is made live for it', async () => {
  await using shop = await openShop()
  const { realtime: engine, isHeld, letGo } = await holdingEngine(shop)
  await using realtime = engine
  const live = realtime.live(userOf(shop, 1))
  const replaced = live.replace(userOf(shop, 2).orderBy('id'))
  replaced.catch(() => {})
  await isHeld
  expect(live.close()).toBe(true)
  letGo()
  await expect(replaced).rejects.toBeInstanceOf(ClosedError)
  await expect(live.ready).rejects.toBeInstanceOf(ClosedError)
  await realtime.barrier()
  expect(realtime.size).toBe(0)
})

test('parity 11, fault 05: an older query that is still running never answers for the newer one', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  const orders = (user: number, wait = false) =>
    sql<{ code: string }>`select code from orders ${wait ? gate.join : sql``} where user_id = ${user}`
  await gate.close()
  const live = realtime.live(orders(1, true), { id: 'orders', refreshEvery: false })
  await gate.someoneWaits()
  await live.replace(orders(2))
  const updates = recordUpdates(live)
  await gate.open()
  await realtime.barrier()
  expect(live.rows).toEqual([{ code: 'B-1' }])
  expect(updates).toEqual([])
  expect(realtime.size).toBe(1)
})

test('parity 11, fault 05: nor does an older query’s refresh', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  const orders = (user: number, wait = false) =>
    sql<{ code: string }>`select code from orders ${wait ? gate.join : sql``} where user_id = ${user}`
  const live = realtime.live(orders(1, true), { refreshEvery: false })
  await live.ready
  await gate.close()
  await shop.run(`update orders set code = 'A-2' where id = 1`)
  await gate.someoneWaits()
  await live.replace(orders(2))
  await gate.open()
  await realtime.barrier()
  expect(live.rows).toEqual([{ code: 'B-1' }])
})

test('parity 11, fault 05: nor does one that was still being analyzed', async () => {
  await using shop = await openShop()
  const { realtime: engine, isHeld, letGo } = await holdingEngine(shop)
  await using realtime = engine
  const live = realtime.live(userOf(shop, 1))
  await isHeld
  // Another shape: instances of one shape wait for the capture of its tables together.
  await live.replace(userOf(shop, 2).orderBy('id'))
  letGo()
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 2, name: 'Bob' }])
  expect(realtime.size).toBe(1)
})

test('parity 11: ids never cross scopes', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const scopeOf = (tenant: string) => ({ settings: { 'app.tenant': tenant } })
  const one = realtime.live(userOf(shop, 1), { id: 'me', scope: scopeOf('1') })
  const two = realtime.live(userOf(shop, 2), { id: 'me', scope: scopeOf('2') })
  await Promise.all([one.ready, two.ready])
  expect(realtime.get('me', scopeOf('1'))).toBe(one)
  expect(realtime.get('me', scopeOf('2'))).toBe(two)
  expect(realtime.get('me')).toBeUndefined()
  await expect(two.replace(userOf(shop, 1), { scope: scopeOf('1') })).rejects.toBeInstanceOf(InvalidOptionError)
  expect(two.rows).toEqual([{ id: 2, name: 'Bob' }])
  expect(realtime.close('me', scopeOf('1'))).toBe(true)
  expect(two.status).toBe('live')
})

test('parity 11: taking an id that is in use is an error, not a replacement', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1), { id: 'user' })
  expect(() => realtime.live(userOf(shop, 2), { id: 'user' })).toThrow(InvalidOptionError)
  expect(await live.ready).toEqual([{ id: 1, name: 'Ada' }])
})

test('parity 12: a look-up by id returns the holder, or nothing', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1), { id: 'user' })
  expect(live.id).toBe('user')
  expect(realtime.get('user')).toBe(live)
  expect(realtime.get('nobody')).toBeUndefined()
})

test('parity 13: closing says true once, and ends the refreshes; an unknown id is nothing', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(userOf(shop, 1), { id: 'user' })
  const other = realtime.live(userOf(shop, 1), { throttleMs: 1 })
  await Promise.all([live.ready, other.ready])
  const ended = nextUpdate(live)
  expect(realtime.close('user')).toBe(true)
  expect(await ended).toMatchObject({ kind: 'status', status: 'closed' })
  expect(realtime.close('user')).toBeUndefined()
  expect(live.close()).toBe(false)
  expect(realtime.get('user')).toBeUndefined()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1, name: 'Ada' }])
  expect(other.rows).toEqual([{ id: 1, name: 'Eve' }])
  expect(realtime.size).toBe(1)
})

test('parity 14: parameters work, whatever their type', async () => {
  await using shop = await openShop()
  await shop.run(`create table things (id int, at timestamptz, tags text[], data jsonb, body bytea, big bigint, flag bool);
    insert into things values (1, '2026-01-02T03:04:05Z', '{a,b}', '{"k": [1]}', '\\x0102', 9007199254740993, true)`)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ id: number }>`
    select id from things where at = ${new Date('2026-01-02T03:04:05Z')} and tags = ${['a', 'b']} and data = ${{ k: [1] }}
      and body = ${Buffer.from([1, 2])} and big = ${9007199254740993n} and flag = ${true} and ${null}::int is null`)
  expect(await live.ready).toEqual([{ id: 1 }])
  await shop.run(`update things set big = big - 1`)
  await realtime.barrier()
  expect(live.rows).toEqual([])
  await shop.run(`update things set big = big + 1, id = 2`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 2 }])
})

test('parity 16: two tenants with the same SQL and parameters never share rows', async () => {
  await using shop = await openShop()
  const tenant = await shop.role()
  await shop.run(`grant select on orders to ${tenant.name}; alter table orders enable row level security;
    create policy own on orders to ${tenant.name} using (user_id = current_setting('app.user')::int)`)
  await using realtime = shop.engine()
  const orders = shop.db.selectFrom('orders').select(['id', 'code'])
  const of = (user: number) =>
    realtime.live(orders, { scope: { role: tenant.name, settings: { 'app.user': String(user) } } })
  const [first, second] = [of(1), of(2)]
  expect(await first.ready).toEqual([{ id: 1, code: 'A-1' }])
  expect(await second.ready).toEqual([{ id: 2, code: 'B-1' }])
  const updates = [recordUpdates(first), recordUpdates(second)]
  await shop.run(`update orders set code = code || '!'`)
  await realtime.barrier()
  expect(first.rows).toEqual([{ id: 1, code: 'A-1!' }])
  expect(second.rows).toEqual([{ id: 2, code: 'B-1!' }])
  for (const { rows } of updates.flat()) expect(rows).toHaveLength(1)
})
