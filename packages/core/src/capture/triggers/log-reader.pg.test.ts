/** What one statement tells of the log; which change is in which batch is for the conformance cases. */
import { expect, test } from 'vitest'
import { parseSnapshot } from '../pg-snapshot.js'
import { SourceHarness } from '../source-harness.fixture.js'
import { readLog, type LogReading } from './log-reader.js'
import { captureObjects } from './objects.js'
import type { TriggerSource } from './trigger-source.js'
import { triggerSource } from './trigger-source.fixture.js'

type Harness = SourceHarness<TriggerSource>

async function watchingItems(): Promise<Harness> {
  const harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int)')
  await harness.watch('items')
  return harness
}

/** Reads with and without a prepared statement, which must tell the same. */
async function readAll(harness: Harness, previous: string, relations: readonly number[]): Promise<LogReading> {
  const client = await harness.database.connect()
  const hadOpen = parseSnapshot(previous).inProgress.size > 0
  const objects = captureObjects('_pg_realtime')
  const prepared = new Set<string>()
  await client.query('begin isolation level repeatable read read only')
  const readings: LogReading[] = []
  for (const statements of [undefined, { prefix: 'read', prepared }, { prefix: 'read', prepared }]) {
    readings.push(await readLog(client, objects, { previous, relations, hadOpen, statements }))
  }
  await client.query('commit')
  const [first, ...others] = readings.map(({ now: _, ...rest }) => rest)
  for (const other of others) expect(other).toEqual(first)
  expect(prepared.size).toBe(1)
  return readings[0]!
}

async function oidOf(harness: Harness): Promise<number> {
  const [row] = await harness.run(`select 'items'::regclass::oid as oid`)
  return Number(row!['oid'])
}

const SNAPSHOT = 'select pg_current_snapshot()::text as snapshot'

test('changes come in the order of transactions, and of the commands of each one', async () => {
  await using harness = await watchingItems()
  const [row] = await harness.run(SNAPSHOT)
  const older = await harness.database.connect()
  await older.query('begin; insert into items values (1)')
  await harness.run('insert into items values (4), (5)')
  await older.query('insert into items values (2); update items set id = 3 where id = 2; commit')
  const { entries, transactions } = await readAll(harness, String(row!['snapshot']), [await oidOf(harness)])
  expect(entries.map(({ command, oldRow, newRow }) => [command, oldRow, newRow])).toEqual([
    ['INSERT', null, '(1)'],
    ['INSERT', null, '(2)'],
    ['UPDATE', '(2)', '(3)'],
    ['INSERT', null, '(4)'],
    ['INSERT', null, '(5)'],
  ])
  expect(transactions).toBe(2)
})

test('what was open before comes with what came later', async () => {
  await using harness = await watchingItems()
  const older = await harness.database.connect()
  await older.query('begin; insert into items values (1)')
  await harness.run('insert into items values (0)')
  const [row] = await harness.run(SNAPSHOT)
  await harness.run('insert into items values (2)')
  await older.query('truncate items; commit')
  const { entries } = await readAll(harness, String(row!['snapshot']), [await oidOf(harness)])
  expect(entries.map(({ command, newRow }) => [command, newRow])).toEqual([
    ['INSERT', '(1)'],
    ['TRUNCATE', null],
    ['INSERT', '(2)'],
  ])
})

test('of relations that nobody here watches it tells the transactions only', async () => {
  await using harness = await watchingItems()
  const [row] = await harness.run(SNAPSHOT)
  await harness.run('begin; insert into items values (1); insert into items values (2); commit')
  await harness.run('insert into items values (3)')
  const { entries, transactions, fingerprints } = await readAll(harness, String(row!['snapshot']), [])
  expect({ entries, transactions, fingerprints }).toEqual({ entries: [], transactions: 2, fingerprints: new Map() })
})
