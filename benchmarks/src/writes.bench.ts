/**
 * Rounds are interleaved over databases that differ in nothing but what stands on the table, so that a noisy neighbour
 * disturbs all of them alike. Under load a reader polls and writers do not ring: the figures are of that state.
 */
import { startPostgres, type RunningPostgres, type TestDatabase } from '@pg-realtime/tooling/postgres'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { interleaved, median, ratio, rounded, worst } from './harness/measure.js'
import { printTable, type TableRow } from './harness/table.js'
import { contestants, throughput, timeOf, withDatabases } from './writes/measure.js'
import { BULK, LARGE } from './writes/statements.js'
import { BARE, CHOSEN, SHOP, type Schema } from './writes/variants.js'

export const question = 'What does capture cost the programs that write?'

const OURS = 'ours, a reader polls'
const DURATION_MS = 700

export async function run(options: BenchOptions): Promise<Figures> {
  const durable = await onServer('on', (server) => oneRow(server, 'on', options))
  return onServer('off', async (server) => {
    const volatile = await oneRow(server, 'off', options)
    const bulk = await statements(server, BULK, options)
    const bare = await statements(server, BULK, options, BARE)
    await statements(server, LARGE, options)
    return {
      fsync_1: rounded(durable.get(1) ?? null),
      fsync_32: rounded(durable.get(32) ?? null),
      nofsync: rounded(worst([...volatile.values()], 'least')),
      bulk: rounded(worst(bulk)),
      bulk_bare: rounded(worst(bare)),
    }
  })
}

async function onServer<T>(fsync: 'on' | 'off', use: (server: RunningPostgres) => Promise<T>): Promise<T> {
  await using server = await startPostgres({
    dedicated: true,
    settings: { fsync, full_page_writes: fsync, autovacuum: 'off' },
  })
  return await use(server)
}

/** Throughput with ours ÷ without, by the number of writers. */
async function oneRow(server: RunningPostgres, fsync: string, options: BenchOptions): Promise<Map<number, number>> {
  const ratios = new Map<number, number>()
  await withDatabases(server, CHOSEN, options, async (databases) => {
    const rows: TableRow[] = []
    for (const writers of [1, 4, 32]) {
      const measure = contestants(databases, (database) =>
        throughput(database, writers, sized(options, DURATION_MS, 50)),
      )
      const results = await interleaved(measure, options.rounds)
      rows.push({ writers: String(writers), ...compared(results, 'commits/s without') })
      ratios.set(writers, ratio(results[OURS]!, results['none']!))
    }
    printTable(`UPDATEs of one row, fsync ${fsync}: commits per second ÷ without`, rows)
  })
  return ratios
}

/** Time with ours ÷ without, worst statement last in the table's own order. */
async function statements(
  server: RunningPostgres,
  list: Readonly<Record<string, string>>,
  options: BenchOptions,
  schema: Schema = SHOP,
): Promise<number[]> {
  const names = ['none', OURS, ...(schema === BARE ? ['naive: NOTIFY of jsonb'] : [])]
  const variants = CHOSEN.filter(({ name }) => names.includes(name))
  const ratios: number[] = []
  const measure = async (databases: Map<string, TestDatabase>): Promise<void> => {
    const rows: TableRow[] = []
    for (const [statement, sql] of Object.entries(list)) {
      const results = await interleaved(
        contestants(databases, (database) => timeOf(database, sql)),
        options.rounds,
      )
      rows.push({ statement, ...compared(results, 'ms without') })
      ratios.push(ratio(results[OURS]!, results['none']!))
    }
    printTable(`Statements${schema === BARE ? ' on a table with a primary key alone' : ''}: time ÷ without`, rows)
  }
  await withDatabases(server, variants, options, measure, schema)
  return ratios
}

function compared(results: Readonly<Record<string, readonly number[]>>, unit: string): TableRow {
  const without = results['none']!
  const others = Object.entries(results).filter(([name]) => name !== 'none')
  return { [unit]: median(without), ...Object.fromEntries(others.map(([name, all]) => [name, ratio(all, without)])) }
}
