/** Join questions that fail: nothing is missed meanwhile, and what can pass is asked again. */
import type { Compilable } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'
import { replaceMethod } from '../oracle/run/replace-method.js'
import type { Plan, PlanTable } from '../src/analyze/plan.js'
import type { EngineOverrides } from '../src/engine.js'
import type { RealtimeOptions } from '../src/index.js'
import { backendOf } from '../src/util/pool.js'
import { systemClock, type Clock } from '../src/util/clock.js'
import { ManualClock } from './support/clock.js'
import { terminate } from './support/connections.js'
import type { TestData } from './support/database.js'
import { openShop, type Shop } from './support/shop.js'
import { recordRefreshes, refreshesOf, until } from './support/updates.js'

const SECOND = 1_000
const STEP = 5 * SECOND
const DAY = 24 * 3_600 * SECOND

const itemsOf = ({ db }: TestData<Shop>, user: number): Compilable<{ product: string }> =>
  db
    .selectFrom('items as i')
    .innerJoin('orders as o', 'o.id', 'i.order_id')
    .select('i.product')
    .where('o.user_id', '=', user)
    .orderBy('i.id')

/** The items of users 1 and 2, and how many of them a change refreshes. */
async function openItems(
  shop: TestData<Shop>,
  clock: Clock,
  options: Partial<RealtimeOptions<Shop>> = {},
  overrides: EngineOverrides = {},
) {
  const realtime = shop.engine({ auditMs: DAY, ...options }, { clock, heartbeatMs: DAY, ...overrides })
  const lives = [1, 2].map((user) => realtime.live(itemsOf(shop, user)))
  await Promise.all(lives.map((live) => live.ready))
  await realtime.settle()
  const refreshes = recordRefreshes(realtime)
  return {
    realtime,
    lives,
    products: () => lives.map(({ rows }) => rows.map(({ product }) => product)),
    route: () => lives[0]!.explain().routes.find(({ table }) => table === 'items')!,
    /** The users whose items were run again. */
    async refreshedBy(change: string): Promise<readonly number[]> {
      const before = refreshes.length
      await shop.run(change)
      await realtime.barrier()
      return refreshes
        .slice(before)
        .map(({ parameters }) => Number(parameters[0]))
        .toSorted((a, b) => a - b)
    },
    /** In steps that no tick under way takes for a silence of the server. */
    async pass(ms: number): Promise<void> {
      for (let rest = ms; rest > 0; rest -= STEP) {
        ;(clock as ManualClock).advance(Math.min(rest, STEP))
        await realtime.barrier()
      }
    },
    [Symbol.asyncDispose]: () => realtime[Symbol.asyncDispose](),
  }
}

test('a question that waits for a lock for too long is asked again after a while, and more rarely each time', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using items = await openItems(shop, clock)
  expect(await items.refreshedBy(`update items set product = 'a' where id = 1`)).toEqual([1])
  const locker = await shop.connect()
  const failOnce = async (product: string) => {
    await locker.query('begin; lock table orders in access exclusive mode')
    await shop.run('update items set product = $1 where id = 1', [product])
    await expect.poll(() => items.route().by).toBe('every')
    await locker.query('commit')
    await items.realtime.barrier()
    expect(items.products()).toEqual([[product], ['banana']])
  }
  for (const [product, seconds] of [
    ['b', 30],
    ['c', 60],
  ] as const) {
    await failOnce(product)
    expect(items.route()).toMatchObject({
      by: 'every',
      because: `the question took longer than 500 ms; it is asked again in ${seconds} s`,
    })
    await items.pass(seconds * SECOND - 1)
    expect(await items.refreshedBy(`update items set product = 'every' where id = 1`)).toEqual([1, 2])
    await items.pass(1)
    expect(items.route()).toMatchObject({ by: 'join', because: undefined })
  }
  expect(await items.refreshedBy(`update items set product = 'd' where id = 1`)).toEqual([1])
  await failOnce('e')
  expect(items.route().because).toContain('asked again in 30 s')
  expect(items.realtime.errors.map(String)).toEqual([])
})

test('a question that PostgreSQL does not understand is asked once', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using items = await openItems(shop, clock, {}, { plan: withUnknownTypes })
  expect(await items.refreshedBy(`update items set product = 'a' where id = 1`)).toEqual([1, 2])
  expect(items.route()).toMatchObject({
    by: 'every',
    because: expect.stringMatching(/refused the question: .*no_such_type.*; it is asked no more until/),
  })
  await items.pass(60 * SECOND)
  expect(items.route().by).toBe('every')
})

function withUnknownTypes(plan: Plan): Plan {
  const unknown = (columns: PlanTable['comparable']) =>
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, { ...column, type: 'no_such_type' }]))
  return { ...plan, tables: plan.tables.map((table) => ({ ...table, comparable: unknown(table.comparable) })) }
}

test('questions are asked once the engine’s own role may read all rows', async () => {
  await using shop = await openShop()
  const role = await shop.role()
  await shop.run(`
    grant create on database ${shop.name} to ${role.name};
    alter table users owner to ${role.name}; alter table orders owner to ${role.name}; alter table items owner to ${role.name};
    alter table orders enable row level security; alter table orders force row level security;
    create policy none on orders using (false)`)
  const clock = new ManualClock()
  await using items = await openItems(shop, clock, shop.application({ pool: role.login }))
  expect(await items.refreshedBy(`update items set product = 'a' where id = 1`)).toEqual([1, 2])
  expect(items.route()).toMatchObject({
    by: 'every',
    because: 'the engine’s own role may not read all rows of the tables; it is asked again in 30 s',
  })
  await shop.run(`alter role ${role.name} bypassrls`)
  await items.pass(30 * SECOND)
  expect(await items.refreshedBy(`update items set product = 'b' where id = 1`)).toEqual([1])
})

test('fault: a question is interrupted while its tick has other changes and questions', async () => {
  await using shop = await openShop()
  await using items = await openItems(shop, new ManualClock())
  const { realtime } = items
  const codes = ['Ada', 'Bob'].map((name) => realtime.live(codesOf(shop, name)))
  const orders = [1, 2].map((user) =>
    realtime.live(shop.db.selectFrom('orders').select('code').where('user_id', '=', user)),
  )
  await Promise.all([...codes, ...orders].map((live) => live.ready))
  await realtime.settle()
  const counts = () => [...items.lives.map(refreshesOf), ...codes.map(refreshesOf), ...orders.map(refreshesOf)]
  const before = counts()
  const locker = await shop.connect()
  await locker.query('begin; lock table users in access exclusive mode')
  await shop.run(`update items set product = 'a' where id = 1; update orders set code = 'A-2' where id = 1`)
  await expect.poll(() => codes[0]!.explain().routes.find(({ table }) => table === 'orders')!.by).toBe('every')
  await locker.query('commit')
  await realtime.barrier()
  expect(items.products()).toEqual([['a'], ['banana']])
  expect(codes.map(({ rows }) => rows)).toEqual([[{ code: 'A-2' }], [{ code: 'B-1' }]])
  expect(orders.map(({ rows }) => rows)).toEqual([[{ code: 'A-2' }], [{ code: 'B-1' }]])
  // The question that waited reaches every instance; the one that was asked with it is answered.
  expect(counts().map((count, index) => count - before[index]!)).toEqual([1, 0, 1, 1, 1, 0])
  expect(await items.refreshedBy(`update items set product = 'b' where id = 2`)).toEqual([2])
  expect(realtime.errors.map(String)).toEqual([])
})

const codesOf = ({ db }: TestData<Shop>, name: string) =>
  db.selectFrom('orders as o').innerJoin('users as u', 'u.id', 'o.user_id').select('o.code').where('u.name', '=', name)

test('fault: the connection is lost between a question’s failure and its ROLLBACK', async () => {
  await using shop = await openShop()
  using rollbacks = onRollback((pid) => terminate(shop, [{ pid }]))
  await using items = await openItems(shop, systemClock)
  const locker = await shop.connect()
  await locker.query('begin; lock table orders in access exclusive mode')
  await shop.run(`update items set product = 'a' where id = 1`)
  await expect.poll(() => rollbacks.count).toBe(1)
  await locker.query('commit')
  await until(items.lives[0]!, ({ single, status }) => single?.product === 'a' && status === 'live')
  expect(items.realtime.errors.map(({ code }) => code)).toContain('CONNECTION_LOST')
  await items.realtime.settle()
  expect(await items.refreshedBy(`update items set product = 'b' where id = 2`)).toEqual([2])
  expect(items.products()).toEqual([['a'], ['b']])
})

/** Does something before a question is rolled back, by clients that are made from now on. */
function onRollback(before: (backend: number) => Promise<unknown>): { readonly count: number } & Disposable {
  let count = 0
  type Query = (...parts: unknown[]) => unknown
  const replaced = replaceMethod(pg.Client.prototype as { query: Query }, 'query', (original, client) => (...parts) => {
    if (textOf(parts[0]) !== 'ROLLBACK TO SAVEPOINT questions') return original(...parts)
    count += 1
    return before(backendOf(client)).then(() => original(...parts))
  })
  return {
    get count() {
      return count
    },
    [Symbol.dispose]: () => replaced[Symbol.dispose](),
  }
}

function textOf(query: unknown): unknown {
  return typeof query === 'object' && query !== null && 'text' in query ? query.text : query
}
