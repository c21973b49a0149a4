import { sql } from 'kysely'
import type { Case, QueryCase, Round, Step } from '../case.js'
import type { GeneratedCase, GenerateOptions } from '../generate.js'
import { encodeNode } from '../query/codec.js'
import { builder, eb, type Loose, type Query } from '../query/kysely.js'
import { Random } from '../random.js'
import { DDL, randomStatement, TABLES, type PartTable } from './tables.js'

/**
 * A case about results that are read again in part: queries whose rows show the keys of the tables that they come from,
 * with and without ORDER BY, and transactions that insert, delete, move, re-key and swap rows of a few tables.
 */
export function generatePartsCase({
  seed,
  transactions = 150,
  shapes = 20,
  settings,
}: GenerateOptions): Omit<GeneratedCase, 'schema'> {
  const random = new Random(seed ^ 0x9a27)
  const features = new Map<string, number>()
  const queries: QueryCase[] = []
  for (let shape = 0; shape < shapes; shape++) {
    const shapeSeed = random.int(1e9)
    for (let instance = random.between(1, 2); instance > 0; instance--) {
      queries.push(makeQuery(`q${shape}.${instance}`, new Random(shapeSeed), random, features))
    }
  }
  const fill = Array.from({ length: 60 }, () => randomStatement(random, random.pick(TABLES), 'insert'))
  const rounds: Round[] = []
  for (let made = 0; made < transactions;) {
    const round = makeRound(random)
    made += round.transactions
    rounds.push(round)
  }
  const made: Case = {
    seed,
    ddl: [...DDL, ...fill],
    queries,
    rounds,
    settings: { throttleMs: 0, values: 'text', ...settings },
  }
  return { case: made, transactions, features }
}

function makeRound(random: Random): Round & { readonly transactions: number } {
  const steps: Step[] = []
  const step = (text: string): Step => ({ kind: 'sql', session: 0, sql: text })
  const transactions = random.between(1, 4)
  for (let count = transactions; count > 0; count--) {
    const tables = random.chance(0.7) ? [random.pick(TABLES)] : TABLES
    const statements = Array.from({ length: random.between(1, 4) }, () => randomStatement(random, random.pick(tables)))
    if (statements.length === 1) steps.push(step(statements[0]!))
    else steps.push(...['begin', ...statements, 'commit'].map(step))
    if (random.chance(0.3)) steps.push({ kind: 'tick' })
    if (random.chance(0.2)) steps.push(step(`select pg_sleep(${random.pick([0.002, 0.01])})`))
  }
  if (random.chance(0.02)) steps.push({ kind: 'kill' })
  return { parallel: false, steps, transactions }
}

interface Item {
  readonly table: PartTable
  readonly alias: string
}

function makeQuery(id: string, structure: Random, values: Random, features: Map<string, number>): QueryCase {
  const tag = (feature: string) => void features.set(feature, (features.get(feature) ?? 0) + 1)
  const items: Item[] = [{ table: structure.pick(TABLES), alias: 'a' }]
  let query: Query = builder.selectFrom(`${items[0]!.table.name} as a`) as Loose
  if (structure.chance(0.5)) {
    const joined = { table: structure.pick(TABLES), alias: 'b' }
    const kind = structure.pick(['innerJoin', 'leftJoin', 'rightJoin', 'fullJoin'])
    tag(kind)
    query = (query as Loose)[kind](`${joined.table.name} as b`, 'b.link', structure.pick(['a.link', 'a.n']))
    items.push(joined)
  }
  for (const { table, alias } of items) {
    const isShown = alias === 'a' || structure.chance(0.8)
    const columns = [...(isShown ? table.key : []), ...['link', 'n', 'word', 'day'].filter(() => structure.chance(0.5))]
    for (const column of structure.shuffle(columns)) query = query.select(`${alias}.${column} as ${alias}_${column}`)
  }
  if (structure.chance(0.7)) {
    const least = values.between(0, 5)
    query = query.where('a.n', structure.pick(['<=', '>=', '<>']), least)
  }
  if (structure.chance(0.2)) query = query.where(other(structure, items, 'exists'))
  if (structure.chance(0.2)) query = query.select(other(structure, items, 'count').as('beside'))
  const isOrdered = structure.chance(0.7)
  if (isOrdered) {
    tag('order by')
    for (const column of ['n', 'link', 'day', 'word'])
      if (structure.chance(0.25)) query = orderBy(structure, query, column)
    for (const { alias, table } of items) {
      for (const column of table.key)
        query = query.orderBy(`${alias}.${column}`, structure.pick([undefined, 'desc'])) as Loose
    }
  }
  const node = query.toOperationNode()
  const { sql: text } = builder.getExecutor().compileQuery(node, { queryId: 'oracle' })
  return {
    id,
    node: encodeNode(node),
    sql: text,
    scope: undefined,
    dependsOn: [],
    refresh: undefined,
    compare: { ordered: isOrdered, loose: false },
    initial: true,
  }
}

function orderBy(structure: Random, query: Query, column: string): Query {
  const shown: Query = query.select(`a.${column} as o_${column}`) as Loose
  return shown.orderBy(
    `a.${column}`,
    structure.pick<Loose>([
      undefined,
      'desc',
      (order: Loose) => order.asc().nullsFirst(),
      (order: Loose) => order.desc().nullsLast(),
    ]),
  ) as Loose
}

/** A subquery over a table that, mostly, does not stand in FROM. */
function other(structure: Random, items: readonly Item[], what: 'exists' | 'count'): Loose {
  const others = TABLES.filter((table) => !items.some((item) => item.table === table))
  const table = structure.chance(0.9) ? structure.pick(others) : items[0]!.table
  const inner = (builder.selectFrom(`${table.name} as c`) as Loose).whereRef('c.link', '=', 'a.n')
  if (what === 'count') return inner.select(eb.fn.countAll().as('n'))
  const found = eb.exists(inner.select(sql`1`.as('one')))
  return structure.chance(0.5) ? found : eb.not(found as Loose)
}
