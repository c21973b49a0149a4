import { expect, test } from 'vitest'
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
  sizes(): Promise<number[]>
  [Symbol.asyncDispose](): Promise<void>
}

async function rotating(): Promise<Rotating> {
  const clock = new ManualClock()
  const harness = await SourceHarness.open(triggerSource({ clock }))
  await harness.run('create table items (id int, n int)')
  await harness.watch('items')
  return {
    harness,
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += ROTATE_MS / 2) {
        clock.advance(ROTATE_MS / 2)
        await harness.source.settled()
        await harness.read()
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
