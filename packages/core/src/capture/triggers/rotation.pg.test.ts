import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import { expect, test, vi } from 'vitest'
import type { Batch } from '../../change.js'
import { ManualClock } from '../../../test/support/clock.js'
import { SourceHarness } from '../source-harness.fixture.js'
import { ROTATE_MS } from './rotation.js'
import { COARSE_BYTES } from './rotation-sql.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

const SIZE = `(pg_total_relation_size('_pg_realtime.log_0') + pg_total_relation_size('_pg_realtime.log_1'))`

interface Rotating {
  readonly harness: SourceHarness<TriggerSource>
  /** Lets time pass, with a read now and then, as an engine does. */
  pass(ms: number): Promise<void>
  /** Of all reads meanwhile. */
  readonly batches: Batch[]
  sizes(): Promise<number[]>
  [Symbol.asyncDispose](): Promise<void>
}

async function rotating(database?: TestDatabase): Promise<Rotating> {
  const clock = new ManualClock()
  const harness = await SourceHarness.open(triggerSource({ clock }), database)
  await harness.run('create table items (id int, n int)')
  await harness.watch('items')
  const batches: Batch[] = []
  return {
    harness,
    batches,
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += ROTATE_MS / 2) {
        clock.advance(ROTATE_MS / 2)
        await harness.source.settled()
        batches.push(await harness.read())
      }
    },
    sizes: async () => {
      const [row] = await harness.run(
        `select array[pg_relation_size('_pg_realtime.log_0'), pg_relation_size('_pg_realtime.log_1')] as sizes`,
      )
      return ((row?.['sizes'] ?? []) as string[]).map(Number)
    },
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  }
}

test('segments take turns, and are emptied after a while, without a gap', async () => {
  await using log = await rotating()
  const { harness } = log
  await harness.run('insert into items values (1)')
  expect(await harness.changes()).toHaveLength(1)
  expect(await log.sizes()).toEqual([8192, 0])
  await log.pass(80_000)
  await harness.run('insert into items values (2)')
  expect(await harness.changes()).toHaveLength(1)
  expect((await log.sizes())[1]).toBe(8192)
  await log.pass(40_000)
  expect((await log.sizes())[0]).toBe(0)
  await harness.run('insert into items values (3)')
  expect(await harness.changes()).toHaveLength(1)
})

test('a reader that comes too late for a truncated segment sees the gap', async () => {
  await using log = await rotating()
  const { harness } = log
  const late = await harness.another(triggerSource())
  try {
    await late.watch('items')
    await harness.run('insert into items values (1)')
    await log.pass(120_000)
    expect(await log.sizes()).toEqual([0, 0])
    expect((await late.read()).gap).toMatch(/truncated/)
    await harness.run('insert into items values (2)')
    expect(await late.changes()).toHaveLength(1)
  } finally {
    await late[Symbol.asyncDispose]()
  }
})

test('a reader whose snapshot is older than a truncation sees the gap, though its snapshot hides the truncation', async () => {
  await using log = await rotating()
  const { harness } = log
  const late = await harness.another(triggerSource())
  const reader = await harness.database.connect()
  try {
    await late.watch('items')
    await harness.run('insert into items values (1)')
    await reader.query('begin isolation level repeatable read read only; select 1 from items')
    await log.pass(120_000)
    expect((await late.source.read(reader)).gap).toMatch(/truncated/)
    await reader.query('commit')
  } finally {
    await late[Symbol.asyncDispose]()
  }
})

test('what was written by a transaction that is still open is not truncated', async () => {
  await using log = await rotating()
  const { harness } = log
  const open = await harness.database.connect()
  await open.query('begin; insert into items values (1)')
  await log.pass(200_000)
  await open.query('commit')
  expect((await harness.changes()).map((change) => change.new?.['id'])).toEqual(['1'])
})

test('under a lock on one segment the other one is emptied again and again', async () => {
  await using log = await rotating()
  const { harness } = log
  const dump = await harness.database.connect()
  await dump.query('begin; lock table _pg_realtime.log_0 in access share mode')
  const write = async (): Promise<void> => {
    // 40 MB, which is more than a segment may have.
    for (let n = 0; n < 16; n += 1) await harness.run(`insert into items select g, g from generate_series(1, 500) g`)
    await harness.run(
      `insert into _pg_realtime.log_0 (relation, command, images) select 0, 'INSERT', array_agg(repeat('x', 1000)) from generate_series(1, 40000) where 0 = (select last_value & 1 from _pg_realtime.mode)`,
    )
    await harness.run(
      `insert into _pg_realtime.log_1 (relation, command, images) select 0, 'INSERT', array_agg(repeat('x', 1000)) from generate_series(1, 40000) where 1 = (select last_value & 1 from _pg_realtime.mode)`,
    )
    await harness.read()
  }
  const size = async (): Promise<number> => {
    const [row] = await harness.run(`select ${SIZE} as n`)
    return Number(row?.['n'])
  }
  let largest = 0
  for (let round = 0; round < 6; round += 1) {
    await write()
    await log.pass(40_000)
    largest = Math.max(largest, await size())
  }
  expect(largest).toBeLessThan(150_000_000)
  await dump.query('commit')
})

test('a log that is too large, and cannot be emptied, goes on without rows until it can', async () => {
  await using log = await rotating()
  const { harness } = log
  await log.pass(150_000)
  expect(await log.sizes()).toEqual([0, 0])
  // As if more than nothing were too large.
  await harness.run(`do $$ begin execute replace(replace(pg_get_functiondef('_pg_realtime.rotate'::regproc),
    '${COARSE_BYTES / 2}', (${SIZE} + 1)::text), '${COARSE_BYTES}', ${SIZE}::text); end $$`)
  const dump = await harness.database.connect()
  await dump.query('begin; lock table _pg_realtime.log_0, _pg_realtime.log_1 in access share mode')
  await harness.run('insert into items values (1)')
  expect((await harness.changes()).map(({ kind }) => kind)).toEqual(['insert'])
  await log.pass(40_000)
  await harness.run('insert into items values (2); update items set n = 2 where id = 2')
  expect((await harness.changes()).map(({ kind }) => kind)).toEqual(['bulk', 'bulk'])
  await dump.query('commit')
  await log.pass(200_000)
  await harness.run('insert into items values (3)')
  expect((await harness.changes()).map(({ kind }) => kind)).toEqual(['insert'])
})

test('what is committed while a rotation waits is not truncated, whatever isolation the database has', async () => {
  await using database = await createDatabase()
  await (
    await database.connect()
  ).query(
    `do $$ begin execute format('alter database %I set default_transaction_isolation = %L', current_database(), 'serializable'); end $$`,
  )
  await using log = await rotating(database)
  const { harness } = log
  const open = await harness.database.connect()
  await open.query('begin isolation level read committed; insert into items values (1)')
  let isCommitted = false
  // A rotation waits for a moment, in which the writer commits.
  const committing = vi
    .waitFor(
      async () => {
        const waiting = await harness.run(
          `select from pg_locks where relation = any (array['_pg_realtime.log_0'::regclass, '_pg_realtime.log_1']) and not granted`,
        )
        expect(waiting).toHaveLength(1)
      },
      { interval: 1 },
    )
    .then(() => open.query('commit'))
    .finally(() => (isCommitted = true))
  while (!isCommitted) await log.pass(20_000)
  await committing
  await log.pass(5_000)
  expect(log.batches.flatMap(({ changes, gap }) => gap ?? changes.map(({ kind }) => kind))).toEqual(['row'])
})

test.each([
  ['in', true],
  ['behind', false],
])(
  'a transaction %s those that a snapshot from before a truncation knows is a gap when it has ended',
  async (_, isAmong) => {
    await using log = await rotating()
    const { harness } = log
    const late = await harness.another(triggerSource())
    const [reader, open] = [await harness.database.connect(), await harness.database.connect()]
    try {
      await late.watch('items')
      await open.query('begin; insert into items values (1)')
      if (isAmong) await harness.run('insert into items values (2)')
      await reader.query('begin isolation level repeatable read read only; select 1 from items')
      await open.query('commit')
      await log.pass(120_000)
      expect((await late.source.read(reader)).gap).toMatch(/truncated/)
      await reader.query('commit')
      expect((await late.read()).gap).toMatch(/truncated/)
      expect((await late.read()).gap).toBeUndefined()
    } finally {
      await late[Symbol.asyncDispose]()
    }
  },
)

test('a log that a dump brought from another server is emptied, and is no gap for ever', async () => {
  await using log = await rotating()
  const { harness } = log
  await harness.run(`insert into _pg_realtime.log_0 (xid, relation, command) values ('900000000', 0, 'INSERT');
    select setval('_pg_realtime.log_0_dropped', 900000000), setval('_pg_realtime.log_1_dropped', 900000000)`)
  await harness.drain()
  for (let round = 0; round < 3; round += 1) {
    await harness.run('insert into items values (1)')
    await log.pass(80_000)
  }
  await log.pass(80_000)
  expect(await log.sizes()).toEqual([0, 0])
  expect((await harness.read()).gap).toBeUndefined()
  await harness.run('insert into items values (2)')
  const { changes, gap } = await harness.read()
  expect([changes.length, gap]).toEqual([1, undefined])
})

test('a rotation that fails is reported, and disturbs nothing else on its connection', async () => {
  await using log = await rotating()
  const { harness } = log
  await harness.run(`create or replace function _pg_realtime.rotate(horizon pg_snapshot, due boolean) returns text
    language plpgsql as $$ begin raise 'no room'; end $$`)
  await log.pass(20_000)
  expect(harness.errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('no room'))
  await harness.control.query('select 1')
  await harness.run('insert into items values (1)')
  expect(await harness.changes()).toHaveLength(1)
})
