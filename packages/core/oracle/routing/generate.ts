import type { Case, QueryCase } from '../case.js'
import type { GeneratedCase, GenerateOptions } from '../generate.js'
import { Random } from '../random.js'
import { makeTables, tableDdl, TYPES_DDL } from './columns.js'
import { makeQuery } from './queries.js'
import { fill, makeRounds } from './transactions.js'

/**
 * A case about routing: one small schema, shapes of joins and conditions that parameters narrow, with several instances
 * each, so that most changes matter to few of them, and small rounds, so that a missed one shows.
 */
export function generateRoutingCase(options: GenerateOptions): Omit<GeneratedCase, 'schema'> {
  const { seed, transactions = 150, shapes = 60, settings } = options
  const random = new Random(seed ^ 0x5eed)
  const tables = makeTables(random)
  const features = new Map<string, number>()
  const queries: QueryCase[] = []
  for (let shape = 0; shape < shapes; shape++) {
    const shapeSeed = random.int(1e9)
    const initial = random.chance(0.9)
    for (let instance = random.between(4, 8); instance > 0; instance--) {
      const made = makeQuery(tables, shapeSeed, random.int(1e9))
      for (const feature of made.features) features.set(feature, (features.get(feature) ?? 0) + 1)
      queries.push({ id: `q${shape}.${instance}`, initial, ...made.query })
    }
  }
  const ids = (initial: boolean) => queries.filter((query) => query.initial === initial).map(({ id }) => id)
  const ddl = [TYPES_DDL, ...tables.map(tableDdl), ...fill(random, tables), 'analyze']
  const rounds = makeRounds(random, tables, { transactions, later: ids(false), live: ids(true) })
  const made: Case = { seed, ddl, queries, rounds, settings: { throttleMs: 0, values: 'text', ...settings } }
  return { case: made, transactions, features }
}
