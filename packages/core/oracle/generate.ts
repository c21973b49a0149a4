import type { Case, QueryCase, RunSettings } from './case.js'
import { generateQuery } from './query/generate.js'
import { Random } from './random.js'
import { generateSchema } from './schema/generate.js'
import type { Schema } from './schema/schema.js'
import { generateRounds } from './transaction/rounds.js'

export interface GenerateOptions {
  readonly seed: number
  /** PostgreSQL's major: what the schema and the statements may use. */
  readonly version: number
  /** About how many transactions. Default 30. */
  readonly transactions?: number
  /** How many shapes of queries. Default 14. */
  readonly shapes?: number
  readonly settings?: Partial<RunSettings>
}

export interface GeneratedCase {
  readonly case: Case
  readonly schema: Schema
  readonly transactions: number
  readonly features: ReadonlyMap<string, number>
}

export function generateCase({
  seed,
  version,
  transactions = 30,
  shapes = 14,
  settings,
}: GenerateOptions): GeneratedCase {
  const random = new Random(seed)
  const schema = generateSchema(random.int(1e9), version)
  const features = new Map<string, number>()
  const count = (feature: string) => features.set(feature, (features.get(feature) ?? 0) + 1)
  const queries = generateQueries(random, schema, version, shapes, count)
  const ids = (initial: boolean) => queries.filter((query) => query.initial === initial).map(({ id }) => id)
  const rounds = generateRounds({ random: random.fork(), schema, version }, transactions, ids(false), ids(true))
  rounds.features.forEach(count)
  const chosen: RunSettings = {
    throttleMs: random.pick([0, 0, 500]),
    values: random.pick(['text', 'text', 'parsed']),
    ...settings,
  }
  return {
    case: { seed, ddl: schema.ddl, queries, rounds: rounds.rounds, settings: chosen },
    schema,
    transactions: rounds.transactions,
    features,
  }
}

/** Shapes with one to three instances each: the same SQL with other parameters. */
function generateQueries(
  random: Random,
  schema: Schema,
  version: number,
  shapes: number,
  count: (feature: string) => void,
): QueryCase[] {
  const queries: QueryCase[] = []
  for (let shape = 0; shape < shapes; shape++) {
    const shapeSeed = random.int(1e9)
    const initial = random.chance(0.7)
    for (let instance = random.between(1, 3); instance > 0; instance--) {
      const { query, features } = generateQuery(schema, version, shapeSeed, random.int(1e9))
      features.forEach(count)
      queries.push({ id: `q${shape}.${instance}`, initial, ...query })
    }
  }
  return queries
}
