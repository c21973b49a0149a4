/** Writers log only while somebody reads; a reader knows whether they may have stopped. */
import { expect, test } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'

const NOW = `(extract(epoch from clock_timestamp()) * 1000)::int8`

/** How many entries writers have logged. */
async function logged(harness: SourceHarness): Promise<unknown> {
  const [row] = await harness.run(
    `select count(*) as n from (table _pg_realtime.log_0 union all table _pg_realtime.log_1) log where command <> 'INSTALL'`,
  )
  return row?.['n']
}

test('a log that nobody reads does not grow', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  await harness.run('insert into items values (1)')
  expect(await logged(harness)).toBe('1')
  await harness.source.stop()
  await harness.run('insert into items values (2); update items set id = 3; delete from items')
  expect(await logged(harness)).toBe('1')
})

test('a reader that was killed is waited for only so long', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW} - 61000)`)
  await harness.run('insert into items values (1)')
  expect(await logged(harness)).toBe('0')
})

test('a reader that leaves while another one stays does not stop the writers', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  const second = await harness.another(triggerSource())
  await second[Symbol.asyncDispose]()
  await harness.run('insert into items values (1)')
  expect(await harness.changes()).toHaveLength(1)
})

test('a reader that was stalled for longer than the lease refreshes everything, and once more for each open writer', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW} - 61000)`)
  const open = await harness.database.connect()
  await open.query('begin; insert into items values (1)')
  expect((await harness.read()).gap).toMatch(/did not show itself/)
  await harness.drain()
  await open.query('commit')
  expect((await harness.read()).gap).toMatch(/has ended/)
  await harness.run('insert into items values (2)')
  expect(await harness.changes()).toHaveLength(1)
})

test('a writer that began before the reader, when nobody read, is a gap when it ends', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  await harness.source.stop()
  const open = await harness.database.connect()
  await open.query('begin isolation level repeatable read; insert into items values (1)')
  expect(await logged(harness)).toBe('0')
  await harness.reconnect()
  await open.query('commit')
  expect((await harness.read()).gap).toMatch(/has ended/)
})

test('a stop and an unlocked start of others do not lose what was written between', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  // As if a pooler had taken this reader's lock away: the other one believes that it is the last to leave.
  await harness.control.query('select pg_advisory_unlock_all()')
  const second = await harness.another(triggerSource())
  await second[Symbol.asyncDispose]()
  await harness.run('insert into items values (1)')
  expect(await logged(harness)).toBe('0')
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW} + 1000)`)
  expect((await harness.read()).gap).toBeDefined()
})

test('a clock that was set back does not silence the doorbell for long', async () => {
  await using harness = await SourceHarness.open(triggerSource({ safetyPollMs: 50 }))
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW} + 3600000)`)
  await expect
    .poll(
      async () =>
        (await harness.run(`select pg_sequence_last_value('_pg_realtime.awake_until') <= ${NOW} as rings`))[0],
    )
    .toEqual({ rings: true })
})
