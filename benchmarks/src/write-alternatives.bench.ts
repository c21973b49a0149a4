/** What stands behind docs/decisions/0001: each alternative on a database of its own, rounds interleaved. */
import { startPostgres } from '@pg-realtime/tooling/postgres'
import type { BenchOptions, Figures } from './harness/benchmark.js'
import { interleaved, median, medians, ratio, rounded } from './harness/measure.js'
import { printTable } from './harness/table.js'
import { contestants, serverCost, timeOf, transactionIds, withDatabases } from './writes/measure.js'
import { BULK } from './writes/statements.js'
import { ALTERNATIVES } from './writes/variants.js'

export const question = 'Why statement triggers with one function per table, and no exception block?'

const UPDATE = 'UPDATE of 100,000 rows'

export async function run(options: BenchOptions): Promise<Figures> {
  await using server = await startPostgres({ dedicated: true, settings: { autovacuum: 'off' } })
  return await withDatabases(server, ALTERNATIVES, options, async (databases) => {
    const cost = await medians(contestants(databases, serverCost), options.rounds)
    const ids = await medians(
      contestants(databases, (database) => transactionIds(database, 100)),
      1,
    )
    const bulk = await interleaved(
      contestants(databases, (database) => timeOf(database, BULK[UPDATE]!)),
      options.rounds,
    )
    const rows = [...databases.keys()].map((alternative) => ({
      alternative,
      'one row, µs in the server': cost[alternative]!,
      'transaction ids of 100 statements': ids[alternative]!,
      [`${UPDATE}, ms`]: median(bulk[alternative]!),
      '÷ none': ratio(bulk[alternative]!, bulk['none']!),
    }))
    printTable('Alternatives', rows)
    const [chosen] = rows.slice(1)
    return { one_row_us: rounded(chosen!['one row, µs in the server']), bulk: rounded(chosen!['÷ none']) }
  })
}
