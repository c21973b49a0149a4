import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import { expect, test } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'

const TABLES = 'create table items (id int primary key, name text); create table log_lines (id int primary key)'

/** `to` receives what is published in `from`; ended by the returned function, without which neither can be dropped. */
async function replicate(from: TestDatabase, to: TestDatabase): Promise<() => Promise<void>> {
  const [publisher, subscriber] = [await from.connect(), await to.connect()]
  await publisher.query('create publication everything for all tables')
  // Within one server the subscription cannot make its slot itself: it would wait for its own transaction.
  await publisher.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [to.name])
  await subscriber.query(`create subscription s connection '${from.connectionString}' publication everything
    with (create_slot = false, slot_name = '${to.name}', copy_data = false)`)
  return async () => {
    await subscriber.query(
      'alter subscription s disable; alter subscription s set (slot_name = none); drop subscription s',
    )
    await expect
      .poll(() =>
        publisher.query('select pg_drop_replication_slot($1)', [to.name]).then(
          () => 'dropped',
          () => 'in use',
        ),
      )
      .toBe('dropped')
  }
}

test('writes by a logical subscription are seen, and local writes too', async () => {
  await using from = await createDatabase({ setup: TABLES })
  await using to = await createDatabase({ setup: TABLES })
  const publisher = await from.connect()
  const end = await replicate(from, to)
  try {
    await using harness = await SourceHarness.open(triggerSource(), to)
    await harness.watch('items')
    const seen = harness.follow()
    await publisher.query(
      `insert into items values (1, 'a'); update items set name = repeat('x', 9000); delete from items`,
    )
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(3)
    await harness.run(`insert into items values (2, 'local')`)
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(4)
    const [inserted, updated, deleted, local] = await harness.notes(seen)
    expect(inserted).toEqual({ kind: 'insert', table: 'items', new: { id: '1', name: 'a' } })
    expect(updated).toMatchObject({ kind: 'update', hashed: ['name'], new: { id: '1' } })
    expect(deleted?.kind).toBe('delete')
    expect(local).toEqual({ kind: 'insert', table: 'items', new: { id: '2', name: 'local' } })
  } finally {
    await end()
  }
})

test('a table that begins to be written by a subscription gets other triggers at the next audit', async () => {
  await using from = await createDatabase({ setup: TABLES })
  await using to = await createDatabase({ setup: TABLES })
  await using harness = await SourceHarness.open(triggerSource(), to)
  await harness.watch('items')
  const end = await replicate(from, to)
  try {
    expect((await harness.source.audit(harness.control)).repaired).toEqual([expect.stringContaining('public.items: ')])
    const rows = await harness.run(
      `select count(*)::int as n from pg_trigger where tgrelid = 'items'::regclass and tgtype & 1 = 1 and tgenabled = 'A'`,
    )
    expect(rows).toEqual([{ n: 3 }])
    expect((await harness.source.audit(harness.control)).repaired).toEqual([])
  } finally {
    await end()
  }
})
