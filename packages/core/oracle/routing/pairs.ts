import type { Case, QueryCase, Round, Step } from '../case.js'
import { encodeNode } from '../query/codec.js'
import { builder, type Loose, type Query } from '../query/kysely.js'
import { Random } from '../random.js'
import { STATEMENT_BREAK } from './transactions.js'

const VALUES = [1, 2, 3]

/**
 * A case of rows that are joined and go together, or one right after the other: each pair is shown by some instance, which
 * neither of the two rows leads to without the other. Owners without anything come as well.
 */
export function generatePairs(seed: number, pairs = 32): Case {
  const random = new Random(seed)
  const ids = Array.from({ length: pairs }, (_, index) => index + 1)
  const row = (id: number) => `(${id}, ${random.pick(VALUES)})`
  return {
    seed,
    ddl: [
      'create table owners (id int primary key, x int)',
      'create table things (id int primary key, owner int, y int)',
      'create table staff (id int primary key, boss int, x int, y int)',
      `insert into owners values ${ids.map(row).join(', ')}`,
      `insert into things select id, id, 1 + id % ${VALUES.length} from owners`,
      `insert into staff select id, id + 1000, x, null from owners`,
      `insert into staff select id + 1000, null, null, y from things`,
    ],
    queries: VALUES.flatMap((x) =>
      VALUES.flatMap((y) => SHAPES.map((shape, index) => made(`q${index}.${x}${y}`, shape(x, y)))),
    ),
    rounds: ids.map((id) => goes(random, id)),
    settings: { throttleMs: 0, values: 'text' },
  }
}

const joined = (): Loose => builder.selectFrom('things as t').innerJoin('owners as o', 'o.id', 't.owner')

const owners = (x: number): Loose => (builder.selectFrom('owners as o') as Loose).selectAll('o').where('o.x', '=', x)
const theirs = (y: number): Loose =>
  (builder.selectFrom('things as t') as Loose).whereRef('t.owner', '=', 'o.id').where('t.y', '=', y)
const fewOwners = (): Loose =>
  builder
    .selectFrom('owners as o')
    .select(['o.id', 'o.x'] as Loose)
    .orderBy('o.id')
    .limit(6)

const SHAPES: readonly ((x: number, y: number) => Query)[] = [
  (x, y) => joined().where('o.x', '=', x).where('t.y', '=', y).select(['t.id', 'o.x']),
  (x, y) =>
    joined()
      .where('o.x', '=', x)
      .where('t.y', '=', y)
      .select((eb: Loose) => eb.fn.countAll().as('n')),
  (x, y) => owners(x).where((eb: Loose) => eb.exists(theirs(y).select('t.id'))),
  (x, y) => owners(x).where((eb: Loose) => eb.not(eb.exists(theirs(y).select('t.id')))),
  (x, y) => owners(x).where((eb: Loose) => eb.exists(theirs(y).select(eb.fn.countAll().as('n')))),
  (x, y) => owners(x).where('o.id', 'not in', builder.selectFrom('things as t').select('t.owner').where('t.y', '=', y)),
  (x, y) =>
    owners(x)
      .leftJoin('things as t', (join: Loose) => join.onRef('t.owner', '=', 'o.id').on('t.y', '=', y))
      .select('t.id as thing'),
  (x) => (builder.selectFrom(fewOwners().as('d')) as Loose).selectAll().where('d.x', '=', x),
  (x) => {
    const owners = builder.selectFrom(fewOwners().as('d')).select(['d.id', 'd.x'] as Loose)
    return (builder.selectFrom(owners.where('d.id' as Loose, '>', 0).as('e')) as Loose).selectAll().where('e.x', '=', x)
  },
  (x, y) =>
    (builder.selectFrom('staff as s') as Loose)
      .innerJoin('staff as b', 'b.id', 's.boss')
      .where('s.x', '=', x)
      .where('b.y', '=', y)
      .select(['s.id', 'b.y']),
]

function made(id: string, query: Query): QueryCase {
  const node = query.toOperationNode()
  const { sql } = builder.getExecutor().compileQuery(node, { queryId: 'oracle' })
  const compare = { ordered: false, loose: false }
  return {
    id,
    node: encodeNode(node),
    sql,
    scope: undefined,
    dependsOn: [],
    refresh: undefined,
    compare,
    initial: true,
  }
}

function goes(random: Random, id: number): Round {
  const step = (sql: string): Step => ({ kind: 'sql', session: 0, sql })
  const pause = step(`select pg_sleep(${random.pick([0.005, 0.02])})`)
  const [first, second] = random.shuffle([`delete from things where id = ${id}`, `delete from owners where id = ${id}`])
  const steps = random.weighted<readonly Step[]>([
    [2, [step(first!), { kind: 'tick' }, pause, step(second!)]],
    [1, [step([first, second].join(STATEMENT_BREAK))]],
    [1, [step(`delete from staff where id in (${id}, ${id + 1000})`)]],
    [1, [step(`insert into owners values (${id + 1000}, ${random.pick(VALUES)})`)]],
  ])
  return { parallel: false, steps }
}
