/**
 * With transition tables, a statement that reaches a row of a foreign partition fails: "cannot collect transition tuples
 * from child foreign tables". Attaching one fires nothing, so whoever may get one must be ready for it beforehand.
 */
import { expect, test } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

const PARTITIONED = `create table readings (day int, note text) partition by list (day);
  create table readings_1 partition of readings for values in (1)`
const ATTACH = `create foreign table readings_2 partition of readings for values in (2) server far options (table_name 'afar')`

/** A server that leads back to a table `afar` of the same database. */
async function connectElsewhere(harness: SourceHarness): Promise<void> {
  const { hostname, port, username, password } = new URL(harness.database.connectionString)
  await harness.run(`create extension postgres_fdw; create table afar (day int, note text);
    create server far foreign data wrapper postgres_fdw
      options (host '${hostname}', port '${port}', dbname '${harness.database.name}');
    create user mapping for current_user server far
      options (user '${decodeURIComponent(username)}', password '${decodeURIComponent(password)}')`)
}

async function withForeignServer(): Promise<SourceHarness<TriggerSource>> {
  const harness = await SourceHarness.open(triggerSource())
  await connectElsewhere(harness)
  return harness
}

test('a foreign partition that is there already: writes count as a change of the whole table', async () => {
  await using harness = await withForeignServer()
  await harness.run(`${PARTITIONED}; ${ATTACH}`)
  await harness.watch('readings')
  await harness.run(`insert into readings values (1, 'here'), (2, 'there')`)
  expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'readings' }])
  await harness.run(`insert into readings_1 values (1, 'direct')`)
  expect(await harness.changes()).toEqual([{ kind: 'insert', table: 'readings_1', new: { day: '1', note: 'direct' } }])
})

test('a foreign partition that is attached while the table is watched: no write fails, with no audit in between', async () => {
  await using harness = await withForeignServer()
  await harness.run(PARTITIONED)
  await harness.watch('readings')
  await harness.run(ATTACH)
  const writes = [`insert into readings values (2, 'there'), (1, 'here')`, `update readings set note = 'x'`]
  for (const write of [...writes, 'delete from readings']) {
    await harness.run(write)
    expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'readings' }])
  }
  expect(await harness.run('select * from afar')).toEqual([])
})

test('a foreign child below a table that has children: no write fails, with no audit in between', async () => {
  await using harness = await withForeignServer()
  await harness.run('create table events (day int, note text); create table events_1 () inherits (events)')
  await harness.watch('events')
  await harness.run(`create foreign table events_2 () inherits (events) server far options (table_name 'afar');
    insert into afar values (2, 'there')`)
  await harness.run(`update events set note = 'changed'`)
  expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'events' }])
  expect(await harness.run('select note from afar')).toEqual([{ note: 'changed' }])
})

test('a unique index keeps foreign partitions away, so that rows are logged', async () => {
  await using harness = await withForeignServer()
  await harness.run(`${PARTITIONED}; alter table readings add primary key (day)`)
  await harness.watch('readings')
  await expect(harness.run(ATTACH)).rejects.toThrow(/foreign partition/)
  await harness.run(`insert into readings values (1, 'here')`)
  expect(await harness.changes()).toEqual([{ kind: 'insert', table: 'readings', new: { day: '1', note: 'here' } }])
})

test('the audit makes tables ready when the database learns to reach others', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run(`${PARTITIONED}; create table plain (day int)`)
  await harness.watch('readings', 'plain')
  await harness.run(`insert into readings values (1, 'here')`)
  expect((await harness.changes()).map(({ kind }) => kind)).toEqual(['insert'])
  await connectElsewhere(harness)
  expect((await harness.source.audit(harness.control)).repaired).toEqual([
    expect.stringMatching(/^public\.readings: trigger/),
  ])
  await harness.drain()
  await harness.run(`${ATTACH}; insert into readings values (2, 'there')`)
  expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'readings' }])
})
