/** `refresh` as a map. The queries show every change that reaches them, so that a change filtered out leaves a mark. */
import { expect, test } from 'vitest'
import { result, type RefreshMap } from '../src/index.js'
import { openShop, type Shop } from './support/shop.js'
import { recordUpdates, refreshesOf } from './support/updates.js'

interface User {
  readonly id: number
  readonly name: string
  readonly status: string | null
}

/** A live list of all users with this filter; `after` runs SQL, and tells whether the list was refreshed. */
async function openFiltered(refresh: RefreshMap<Shop, User>) {
  const shop = await openShop()
  const realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name', 'status']).orderBy('id'), { refresh })
  await live.ready
  await realtime.settle()
  return {
    shop,
    realtime,
    live,
    async after(change: string): Promise<'refreshed' | 'left alone'> {
      const before = refreshesOf(live)
      await shop.run(change)
      await realtime.barrier()
      return refreshesOf(live) > before ? 'refreshed' : 'left alone'
    },
    async [Symbol.asyncDispose]() {
      await realtime.stop()
      await shop[Symbol.asyncDispose]()
    },
  }
}

test('parity 24: a literal matches the row’s present value', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`update users set name = 'Eve' where id = 1`)).toBe('refreshed')
  expect(active.live.single?.name).toBe('Eve')
  await using second = await openFiltered({ users: { id: 2 } })
  expect(await second.after(`update users set name = 'Bert' where id = 2`)).toBe('refreshed')
})

test('parity 24: a literal matches by value where the driver gives text', async () => {
  await using scored = await openFiltered({ users: { score: '2.5' } })
  expect(await scored.after(`insert into users (name, score) values ('Cy', 2.5)`)).toBe('refreshed')
  expect(await scored.after(`insert into users (name, score) values ('Di', 3.5)`)).toBe('left alone')
})

test('parity 25: an insert of a match, and an update into the filter, refresh', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`insert into users (name, status) values ('Cy', 'active')`)).toBe('refreshed')
  expect(await active.after(`update users set status = 'active' where id = 2`)).toBe('refreshed')
})

test('parity 26, fault 01: an update out of the filter refreshes', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`update users set status = 'inactive' where id = 1`)).toBe('refreshed')
  expect(active.live.single?.status).toBe('inactive')
})

test('parity 27: a delete of a match refreshes', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`delete from users where id = 1`)).toBe('refreshed')
  expect(active.live.rows).toHaveLength(1)
})

test('parity 28: an update of a used column of a matching row refreshes', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`update users set name = 'Eve' where status = 'active'`)).toBe('refreshed')
})

test('parity 29: what does not match does not refresh', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`update users set name = 'Bert' where id = 2`)).toBe('left alone')
  expect(await active.after(`insert into users (name, status) values ('Cy', 'new')`)).toBe('left alone')
  expect(await active.after(`delete from users where id = 2`)).toBe('left alone')
  expect(active.live.rows).toHaveLength(2)
})

test('parity 30: a change of unused columns does not refresh, though the row matches', async () => {
  await using active = await openFiltered({ users: { status: 'active' } })
  expect(await active.after(`update users set avatar = 'new', email = 'new' where id = 1`)).toBe('left alone')
})

test('parity 31: null matches null, and nothing else', async () => {
  await using unknown = await openFiltered({ users: { status: null } })
  expect(await unknown.after(`insert into users (name, status) values ('Cy', '')`)).toBe('left alone')
  expect(await unknown.after(`insert into users (name) values ('Di')`)).toBe('refreshed')
  expect(await unknown.after(`update users set status = null where id = 1`)).toBe('refreshed')
  expect(await unknown.after(`update users set status = 'known' where id = 1`)).toBe('refreshed')
})

test('parity 32: a predicate gets the old and the new value, and either refreshes', async () => {
  const asked: (string | null)[] = []
  await using active = await openFiltered({
    users: { status: (status) => asked.push(status) > 0 && status === 'active' },
  })
  expect(await active.after(`update users set status = 'paused' where id = 1`)).toBe('refreshed')
  expect(asked).toContain('active')
  asked.length = 0
  expect(await active.after(`update users set status = 'lost' where id = 2`)).toBe('left alone')
  expect(asked).toEqual(['inactive', 'lost'])
  expect(await active.after(`update users set status = 'active' where id = 2`)).toBe('refreshed')
})

test('fault 02: a predicate that throws silences nobody', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const users = shop.db.selectFrom('users').select(['id', 'name']).orderBy('id')
  const broken = realtime.live(users, {
    refresh: {
      users: {
        name: () => {
          throw new Error('broken')
        },
      },
    },
  })
  const sound = realtime.live(users)
  await Promise.all([broken.ready, sound.ready])
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect([broken.single?.name, sound.single?.name]).toEqual(['Eve', 'Eve'])
  expect(realtime.errors).toMatchObject([{ code: 'REFRESH_FILTER_FAILED', cause: { message: 'broken' } }])
})

test('parity 33: result(…) matches the values of the current result, of a list', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(
    shop.db
      .selectFrom('orders as o')
      .innerJoin('items as i', 'i.order_id', 'o.id')
      .where('o.status', '=', 'pending')
      .select((eb) => ['o.id', eb.fn.sum<string>('i.price').as('total')])
      .groupBy('o.id')
      .orderBy('o.id'),
    { refresh: { items: { order_id: result('id') }, orders: { status: 'pending' } } },
  )
  expect(await live.ready).toEqual([
    { id: 1, total: '1' },
    { id: 2, total: '1' },
  ])
  await realtime.settle()
  await shop.run(`update items set price = 5 where order_id = 1`)
  await realtime.barrier()
  expect(live.single?.total).toBe('5')
  await shop.run(`insert into orders (user_id, code, status) values (1, 'A-2', 'shipped')`)
  await realtime.barrier()
  const before = refreshesOf(live)
  await shop.run(`insert into items (order_id, product) values (3, 'cherry')`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before)
})

test('parity 33: result(…) is about the rows that are shown, not about those that could be', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  // Routing lets through whatever happens to a pending order: only the map can hold back one that is not shown.
  const cheap = realtime.live(
    shop.db
      .selectFrom('orders as o')
      .innerJoin('items as i', 'i.order_id', 'o.id')
      .select((eb) => ['o.id', eb.fn.sum<string>('i.price').as('total')])
      .groupBy('o.id')
      .having((eb) => eb(eb.fn.sum('i.price'), '<', 5))
      .orderBy('o.id'),
    { refresh: { items: { order_id: result('id') } } },
  )
  await cheap.ready
  await realtime.settle()
  const refreshesAfter = async (change: string) => {
    const before = refreshesOf(cheap)
    await shop.run(change)
    await realtime.barrier()
    return refreshesOf(cheap) - before
  }
  expect(await refreshesAfter('update items set price = 9 where order_id = 1')).toBe(1)
  expect(cheap.rows).toEqual([{ id: 2, total: '1' }])
  expect(await refreshesAfter('update items set price = 1 where order_id = 1')).toBe(0)
  expect(await refreshesAfter('update items set price = 2 where order_id = 2')).toBe(1)
  expect(cheap.rows).toEqual([
    { id: 1, total: '1' },
    { id: 2, total: '2' },
  ])
  expect(await refreshesAfter('update items set price = 3 where order_id = 1')).toBe(1)
})

test('parity 33: result(…) matches the value of a single row; an empty result refreshes nothing', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const userOf = (id: number) =>
    realtime.live(shop.db.selectFrom('users').select(['id', 'name']).where('id', '=', id), {
      refresh: { users: { id: result('id') } },
    })
  const [ada, nobody] = [userOf(1), userOf(99)]
  await Promise.all([ada.ready, nobody.ready])
  await realtime.settle()
  const before = [refreshesOf(ada), refreshesOf(nobody)]
  await shop.run(`insert into users (id, name) values (99, 'Zoe')`)
  await realtime.barrier()
  expect([refreshesOf(ada), refreshesOf(nobody)]).toEqual(before)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(ada.single).toEqual({ id: 1, name: 'Eve' })
})

test('parity 34: a table that the map leaves out has the default', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(
    shop.db
      .selectFrom('orders')
      .innerJoin('users', 'users.id', 'orders.user_id')
      .select(['code', 'name'])
      .orderBy('code'),
    { refresh: { users: { status: 'active' } } },
  )
  await live.ready
  await realtime.settle()
  const updates = recordUpdates(live)
  await shop.run(`update users set name = 'Bert' where id = 2`)
  await realtime.barrier()
  expect(updates).toEqual([])
  await shop.run(`update orders set code = 'A-2' where id = 1`)
  await realtime.barrier()
  expect(live.rows).toEqual([
    { code: 'A-2', name: 'Ada' },
    { code: 'B-1', name: 'Bert' },
  ])
})

test('parity 35: several columns mean OR', async () => {
  await using either = await openFiltered({ users: { status: 'active', name: 'Bob' } })
  expect(await either.after(`update users set status = 'x' where name = 'Bob'`)).toBe('refreshed')
  expect(await either.after(`update users set name = 'Eve' where status = 'active'`)).toBe('refreshed')
  expect(await either.after(`insert into users (name, status) values ('Cy', 'new')`)).toBe('left alone')
})

test('tables of one map can be filtered by a function, or left to the default', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(
    shop.db
      .selectFrom('orders')
      .innerJoin('users', 'users.id', 'orders.user_id')
      .select(['code', 'name'])
      .orderBy('code'),
    { refresh: { users: ({ change }) => change.row['name'] !== 'secret', orders: 'default' } },
  )
  await live.ready
  await realtime.settle()
  const before = refreshesOf(live)
  await shop.run(`update users set name = 'secret' where id = 1`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before)
  await shop.run(`update orders set code = 'C-1' where id = 2`)
  await realtime.barrier()
  expect(live.rows).toContainEqual({ code: 'C-1', name: 'Bob' })
})

test('a map that names a table or column which the query does not have is refused', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const users = shop.db.selectFrom('users').select('id')
  const wrong = (refresh: object) =>
    realtime.live(users, { refresh: refresh as RefreshMap<Shop, { id: number }> }).ready
  await expect(wrong({ orders: { status: 'x' } })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await expect(wrong({ users: { colour: 'x' } })).rejects.toThrow(/users\.colour/)
})
