import type { RunningPostgres, TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client } from 'pg'
import { sized, type BenchOptions } from '../harness/benchmark.js'
import type { Contestants } from '../harness/measure.js'
import { NAIVE_CHANNEL, remember, ROWS, SHOP, type Schema, type Variant } from './variants.js'

/** Databases that differ in the variant only, by its name, for as long as `use` runs. */
export async function withDatabases<T>(
  server: RunningPostgres,
  variants: readonly Variant[],
  options: BenchOptions,
  use: (databases: Map<string, TestDatabase>) => Promise<T>,
  schema: Schema = SHOP,
): Promise<T> {
  await using template = await server.createTemplate(async (client) => {
    await client.query(schema.create)
    await client.query(schema.fill(sized(options, ROWS, 1_000)))
    await client.query('vacuum analyze')
  })
  const databases = new Map<string, TestDatabase>()
  try {
    for (const variant of variants) {
      const database = await template.createDatabase()
      databases.set(variant.name, database)
      const client = remember(await database.connect(), database.connectionString)
      await variant.install(client)
      await client.end()
    }
    return await use(databases)
  } finally {
    for (const database of databases.values()) await database[Symbol.asyncDispose]()
  }
}

export function contestants(
  databases: Map<string, TestDatabase>,
  measure: (database: TestDatabase) => Promise<number>,
): Contestants<string> {
  return Object.fromEntries([...databases].map(([name, database]) => [name, () => measure(database)]))
}

/** Committed one-row UPDATEs per second of so many sessions, each waiting for its own commits. */
export async function throughput(database: TestDatabase, writers: number, durationMs: number): Promise<number> {
  await emptyLog(database)
  const listener = await database.connect()
  await listener.query(`listen "_pg_realtime_changes"; listen ${NAIVE_CHANNEL}`)
  const clients = await Promise.all(Array.from({ length: writers }, () => database.connect()))
  await Promise.all(clients.map((client, writer) => warmUp(client, writer)))
  let commits = 0
  let isOver = false
  const write = async (client: Client, writer: number): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      await updateOne(client, writer, n)
      commits += 1
    }
  }
  const timer = setTimeout(() => (isOver = true), durationMs)
  const start = performance.now()
  await Promise.all(clients.map(write))
  const seconds = (performance.now() - start) / 1_000
  clearTimeout(timer)
  await Promise.all([...clients, listener].map((client) => client.end()))
  return commits / seconds
}

async function updateOne(client: Client, writer: number, n: number): Promise<void> {
  const id = ((n * 37 + writer * 3_001) % 1_000) * 100 + 1
  await client.query({ name: 'w', text: 'update orders set version = version + 1 where id = $1', values: [id] })
}

/** An application's connections are long-lived: what a session does once is not what a write costs. */
async function warmUp(client: Client, writer: number): Promise<void> {
  for (let n = 0; n < 8; n += 1) await updateOne(client, writer, n)
}

/** Microseconds of a one-row UPDATE inside of the server, without the client's share: the best of many short runs. */
export async function serverCost(database: TestDatabase): Promise<number> {
  await emptyLog(database)
  const client = await database.connect()
  await client.query(`create function pg_temp.spin(runs int, statements int) returns float8 language plpgsql as $$
    declare began timestamptz; us float8 := 'infinity'; begin
      for run in 1..runs loop
        began := clock_timestamp();
        for n in 1..statements loop update orders set version = version + 1 where id = n * 37; end loop;
        us := least(us, extract(epoch from clock_timestamp() - began) * 1e6 / statements);
      end loop;
      return us;
    end $$`)
  const { rows } = await client.query<{ us: number }>('select pg_temp.spin(40, 100) as us')
  await client.query('vacuum orders')
  await client.end()
  return rows[0]?.us ?? Number.NaN
}

/** Milliseconds of a statement, in a transaction that is rolled back. */
export async function timeOf(database: TestDatabase, sql: string): Promise<number> {
  await emptyLog(database)
  const client = await database.connect()
  await client.query('begin')
  const start = performance.now()
  await client.query(sql)
  const ms = performance.now() - start
  await client.query('rollback')
  await client.query('vacuum orders')
  await client.end()
  return ms
}

/** Transaction ids used by a transaction of so many one-row statements. */
export async function transactionIds(database: TestDatabase, statements: number): Promise<number> {
  const client = await database.connect()
  const now = async (): Promise<number> => {
    const { rows } = await client.query<{ id: string }>('select pg_current_xact_id()::text as id')
    return Number(rows[0]?.id)
  }
  const before = await now()
  await client.query('begin')
  for (let n = 1; n <= statements; n += 1)
    await client.query('update orders set version = version + 1 where id = $1', [n])
  await client.query('commit')
  const used = (await now()) - before - 1
  await client.end()
  return used
}

async function emptyLog(database: TestDatabase): Promise<void> {
  const client = await database.connect()
  const { rows } = await client.query(`select from pg_class where oid = to_regclass('_pg_realtime.log_0')`)
  if (rows.length > 0) {
    await client.query('truncate _pg_realtime.log_0, _pg_realtime.log_1')
    // Those that ring do so for a minute; begin it anew.
    await client.query(`select setval('_pg_realtime.awake_until', now) from (select (extract(epoch from clock_timestamp()) * 1000)::int8 as now) n
      where (select last_value from _pg_realtime.awake_until) between now - 600000 and now`)
  }
  await client.end()
}
