/**
 * What does capture cost the writers? One-row statements of 1, 4 and 32 sessions with and without fsync, statements of
 * 100,000 rows, and large values; each as a ratio to the same database without triggers. Rounds are interleaved, so that
 * a noisy neighbour disturbs all variants alike, and the best of each counts.
 */
import { startPostgres, type RunningPostgres, type TestDatabase } from '@pg-realtime/tooling/postgres'
import { best, prepare, serverCost, statementTime, throughput, transactionIds } from './write-path/measure.js'
import { ALTERNATIVES, CHOSEN, type Variant } from './write-path/variants.js'

const ROUNDS = 3
const DURATION_MS = 700

type Table = Record<string, Record<string, number>>

export async function run(): Promise<unknown> {
  const oneRow: Table = {}
  let alternatives: Table = {}
  let bulk: Table = {}
  let large: Table = {}
  for (const fsync of ['off', 'on']) {
    await using server = await startPostgres({
      dedicated: true,
      settings: { fsync, full_page_writes: fsync, autovacuum: 'off' },
    })
    Object.assign(oneRow, await writers(server, fsync))
    if (fsync === 'on') continue
    alternatives = await compareAlternatives(server)
    bulk = await statements(server, BULK)
    large = await statements(server, LARGE)
  }
  return { oneRow, alternatives, bulk, large }
}

async function writers(server: RunningPostgres, fsync: string): Promise<Table> {
  return withDatabases(server, CHOSEN, async (databases) => {
    const table: Table = {}
    for (const count of [1, 4, 32]) {
      const results = await interleaved(databases, (database) => throughput(database, count, DURATION_MS))
      table[`${count} writers, fsync ${fsync}`] = ratios(results, 'most')
    }
    show(`One-row UPDATEs, fsync ${fsync}: commits per second, as a ratio`, table)
    return table
  })
}

async function compareAlternatives(server: RunningPostgres): Promise<Table> {
  return withDatabases(server, ALTERNATIVES, async (databases) => {
    const cost = await interleaved(databases, serverCost)
    const ids = await interleaved(databases, (database) => transactionIds(database, 100), 1)
    const bulkUpdate = await interleaved(
      databases,
      (database) => statementTime(database, BULK['UPDATE of 100,000 rows'] ?? ''),
      2,
    )
    const table: Table = {}
    for (const name of databases.keys()) {
      table[name] = {
        'one row, µs in the server': round(best(cost.get(name) ?? [], 'least')),
        'transaction ids of 100 statements': ids.get(name)?.[0] ?? Number.NaN,
        '100,000 rows, × none': round(
          best(bulkUpdate.get(name) ?? [], 'least') / best(bulkUpdate.get('none') ?? [], 'least'),
        ),
      }
    }
    show('Alternatives', table)
    return table
  })
}

const BULK: Readonly<Record<string, string>> = {
  'INSERT of 100,000 rows': `insert into orders select id + 1000000, customer_id, status, total, note, placed_at, details, 0 from orders`,
  'UPDATE of 100,000 rows': 'update orders set version = version + 1',
  'DELETE of 100,000 rows': 'delete from orders',
  'UPDATE of 400 rows': 'update orders set version = version + 1 where id <= 400',
}

const NOISE = `(select string_agg(md5(g::text), '') from generate_series(1, %) g)`
const value = (bytes: number): string => NOISE.replace('%', String(bytes / 32))
const LARGE: Readonly<Record<string, string>> = {
  'UPDATE to 4 kB': `update orders set note = ${value(4_000)} where id = 1`,
  'UPDATE to 100 kB': `update orders set note = ${value(100_000)} where id = 1`,
  'UPDATE to 1 MB': `update orders set note = ${value(1_000_000)} where id = 1`,
  'UPDATE to 100 MB': `update orders set note = repeat('x', 100000000) where id = 1`,
}

async function statements(server: RunningPostgres, list: Readonly<Record<string, string>>): Promise<Table> {
  const variants = CHOSEN.filter(({ name }) => name === 'none' || name === 'ours, a reader polls')
  return withDatabases(server, variants, async (databases) => {
    const table: Table = {}
    for (const [name, sql] of Object.entries(list)) {
      table[name] = ratios(await interleaved(databases, (database) => statementTime(database, sql)), 'least')
    }
    show('Statements: milliseconds, as a ratio', table)
    return table
  })
}

async function withDatabases<T>(
  server: RunningPostgres,
  variants: readonly Variant[],
  use: (databases: Map<string, TestDatabase>) => Promise<T>,
): Promise<T> {
  const databases = await prepare(() => server.createDatabase(), variants)
  try {
    return await use(databases)
  } finally {
    for (const database of databases.values()) await database[Symbol.asyncDispose]()
  }
}

async function interleaved(
  databases: Map<string, TestDatabase>,
  measure: (database: TestDatabase) => Promise<number>,
  rounds = ROUNDS,
): Promise<Map<string, number[]>> {
  const results = new Map<string, number[]>()
  for (let n = 0; n < rounds; n += 1) {
    for (const [name, database] of databases) results.set(name, [...(results.get(name) ?? []), await measure(database)])
  }
  return results
}

/** The best value without capture, and what each variant's best is of it. */
function ratios(results: Map<string, number[]>, of: 'least' | 'most'): Record<string, number> {
  const base = best(results.get('none') ?? [], of)
  const row: Record<string, number> = {}
  for (const [name, values] of results) row[name] = round(name === 'none' ? base : best(values, of) / base)
  return row
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function show(title: string, table: Table): void {
  console.log(`\n${title}`)
  console.table(table)
}
