/** Identity: SQL, parameters, scope, and the options that decide when it refreshes. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { result } from '../src/index.js'
import { openShop } from './support/shop.js'
import { recordRefreshes, recordUpdates } from './support/updates.js'

test('identical live queries share rows, refreshes and versions', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const query = () => shop.db.selectFrom('users').select(['id', 'name']).where('status', '=', 'active')
  const handles = Array.from({ length: 10 }, () => realtime.live(query()))
  await Promise.all(handles.map((live) => live.ready))
  expect(realtime.size).toBe(1)
  expect(handles[0]!.explain().subscribers).toBe(10)
  await realtime.settle()
  const refreshes = recordRefreshes(realtime)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(refreshes).toHaveLength(1)
  for (const live of handles) {
    expect(live.rows).toBe(handles[0]!.rows)
    expect(live.version).toBe(handles[0]!.version)
  }
  expect(handles[9]!.rows).toEqual([{ id: 1, name: 'Eve' }])
})

test('one that joins later has the rows at once, without a query of its own', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const query = shop.db.selectFrom('users').select('name')
  const first = realtime.live(query)
  await first.ready
  await realtime.settle()
  const refreshes = recordRefreshes(realtime)
  const second = realtime.live(query)
  expect(await second.ready).toBe(first.rows)
  await realtime.barrier()
  expect(refreshes).toEqual([])
})

test('the query ends with its last handle', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const query = shop.db.selectFrom('users').select('name').orderBy('id')
  const [first, second] = [realtime.live(query), realtime.live(query)]
  await Promise.all([first.ready, second.ready])
  const updates = recordUpdates(first)
  first.close()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(second.single).toEqual({ name: 'Eve' })
  expect(updates.map(({ status }) => status)).toEqual(['closed'])
  second.close()
  expect(realtime.size).toBe(0)
  const again = realtime.live(query)
  expect((await again.ready)[0]).toEqual({ name: 'Eve' })
})

test('parameters, scope, and options that decide on refreshes make another live query', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const userOf = (id: number) => shop.db.selectFrom('users').select('id').where('id', '=', id)
  const refresh = () => true
  const all = [
    realtime.live(userOf(1)),
    realtime.live(userOf(2)),
    realtime.live(userOf(1), { throttleMs: 100 }),
    realtime.live(userOf(1), { refresh }),
    realtime.live(userOf(1), { refresh: () => true }),
    realtime.live(userOf(1), { refresh: { users: { id: 1 } } }),
    realtime.live(userOf(1), { refresh: { users: { id: result('id') } } }),
    realtime.live(userOf(1), { refreshEvery: 60_000 }),
    realtime.live(userOf(1), { dependsOn: ['orders'] }),
    realtime.live(userOf(1), { scope: { settings: { 'app.user': '1' } } }),
    realtime.live(userOf(1), { scope: { settings: { 'app.user': '2' } } }),
  ]
  await Promise.all(all.map((live) => live.ready))
  expect(realtime.size).toBe(all.length)

  const same = [
    realtime.live(userOf(1), { id: 'one' }),
    realtime.live(userOf(1), { onError: () => {} }),
    realtime.live(userOf(1), { refresh }),
    realtime.live(userOf(1), { refresh: { users: { id: 1 } } }),
    realtime.live(userOf(1), { refresh: { users: { id: result('id') } } }),
    realtime.live(userOf(1), { throttleMs: 0 }),
    realtime.live(userOf(1), { scope: {} }),
  ]
  await Promise.all(same.map((live) => live.ready))
  expect(realtime.size).toBe(all.length)
})

test('a handle that fails to open does not disturb those that come after it', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await shop.run('alter table users rename to people')
  const users = shop.db.selectFrom('users').select('name')
  await expect(realtime.live(users).ready).rejects.toMatchObject({ code: 'MISSING_OBJECT' })
  expect(realtime.size).toBe(0)
  await shop.run('alter table people rename to users')
  expect(await realtime.live(users).ready).toHaveLength(2)
})

/** Says what it is in no property. */
class Tag {
  readonly #tag: string
  constructor(tag: string) {
    this.#tag = tag
  }
  toJSON() {
    return { tag: this.#tag }
  }
}

test('parameters are the same where the same is sent, whatever objects they are', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const tagged = (tag: string) => sql<{ tag: unknown }>`select ${new Tag(tag)}::jsonb as tag from users where id = 1`
  const [a, b, again] = ['a', 'b', 'a'].map((tag) => realtime.live(tagged(tag)))
  await Promise.all([a!.ready, b!.ready, again!.ready])
  expect([a!.single, b!.single]).toEqual([{ tag: { tag: 'a' } }, { tag: { tag: 'b' } }])
  expect(again!.rows).toBe(a!.rows)
  expect(realtime.size).toBe(2)
})

test('a parameter that is changed afterwards changes no live query', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const ids = [1]
  const query = () => sql<{ name: string }>`select name from users where id = any(${ids}::int[])`
  const one = realtime.live(query())
  await one.ready
  ids[0] = 2
  const two = realtime.live(query())
  await two.ready
  await shop.run(`update users set name = name || '!'`)
  await realtime.barrier()
  expect([one.single, two.single]).toEqual([{ name: 'Ada!' }, { name: 'Bob!' }])
})

test('a parameter that cannot be sent is refused', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const circular: { self?: unknown } = {}
  circular.self = circular
  const live = realtime.live(sql`select ${circular}::jsonb as value from users`)
  await expect(live.ready).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringMatching(/\$1 cannot be sent/),
  })
})
