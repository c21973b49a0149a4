/** What an update says about what changed. */
import { expect, test } from 'vitest'
import { applyPatch, type Update } from '../src/index.js'
import { openShop } from './support/shop.js'
import { recordUpdates } from './support/updates.js'

async function openUsers() {
  const shop = await openShop()
  const realtime = shop.engine()
  const query = shop.db.selectFrom('users').select(['id', 'name', 'status']).orderBy('name')
  const live = realtime.live(query)
  await live.ready
  const commit = async (sql: string) => {
    await shop.run(sql)
    await realtime.barrier()
  }
  return {
    realtime,
    query,
    live,
    commit,
    [Symbol.asyncDispose]: async () => {
      await realtime.stop()
      await shop[Symbol.asyncDispose]()
    },
  }
}

test('an update names the rows that came, went, moved and changed, and the columns', async () => {
  await using users = await openUsers()
  const updates = recordUpdates(users.live)
  const [ada, bob] = users.live.rows
  await users.commit(`update users set status = 'gone' where id = 1`)
  await users.commit(`insert into users (name) values ('Aaron'), ('Cid')`)
  await users.commit(`update users set name = 'Zoe' where id = 1`)
  await users.commit(`delete from users where id = 2`)
  const [changed, zoe] = [
    { ...ada, status: 'gone' },
    { ...ada, status: 'gone', name: 'Zoe' },
  ]
  expect(updates.map(({ patch }) => patch)).toEqual([
    [{ kind: 'update', from: 0, to: 0, row: changed, previous: ada, columns: ['status'] }],
    [
      { kind: 'insert', to: 0, row: { id: 3, name: 'Aaron', status: null } },
      { kind: 'insert', to: 3, row: { id: 4, name: 'Cid', status: null } },
    ],
    [
      { kind: 'move', from: 1, to: 3, row: zoe },
      { kind: 'update', from: 1, to: 3, row: zoe, previous: changed, columns: ['name'] },
    ],
    [{ kind: 'remove', from: 1, row: bob }],
  ])
})

test('it is computed once for all handles, and leads from the rows before to the rows after', async () => {
  await using users = await openUsers()
  const other = users.realtime.live(users.query)
  await other.ready
  const [mine, others] = [recordUpdates(users.live), recordUpdates(other)]
  await users.commit(`insert into users (name) values ('Eve'); delete from users where id = 1`)
  expect(mine[0]!.patch).toBe(others[0]!.patch)
  const { previousRows, patch, rows } = mine[0]!
  expect(applyPatch(previousRows, patch)).toEqual(rows)
})

test('mapped rows have the patch of their images, without rows whose image stayed', async () => {
  await using users = await openUsers()
  const names = recordUpdates(users.live.map(({ name }) => name))
  await users.commit(`update users set status = 'gone'`)
  await users.commit(`update users set name = 'Bea' where id = 2`)
  expect(names.map(({ patch }) => patch)).toEqual([
    [],
    [{ kind: 'update', from: 1, to: 1, row: 'Bea', previous: 'Bob', columns: [] }],
  ])
})

test('a change of the status alone has no steps, and an iterator that skipped results has those of all', async () => {
  await using users = await openUsers()
  const iterator = users.live[Symbol.asyncIterator]()
  const first = (await iterator.next()).value as Update<{ id: number }>
  expect(first.patch.map(({ kind }) => kind)).toEqual(['insert', 'insert'])
  await users.commit(`insert into users (name) values ('Eve')`)
  await users.commit(`delete from users where id = 1`)
  const second = (await iterator.next()).value as Update<{ id: number }>
  expect(second.patch.map(({ kind }) => kind)).toEqual(['remove', 'insert'])
  const updates = recordUpdates(users.live)
  users.live.close()
  expect(updates.map(({ kind, patch }) => [kind, patch])).toEqual([['status', []]])
})
