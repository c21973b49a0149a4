import type { Round, Step } from '../case.js'
import type { Random } from '../random.js'
import { literal } from '../schema/schema.js'
import { IDS, KINDS, type RouteColumn, type RouteTable } from './columns.js'

/** Between the statements of a transaction that is sent as one message; the shrinker takes it apart here. */
export const STATEMENT_BREAK = ';\n'

/** Some rows for each table. */
export function fill(random: Random, tables: readonly RouteTable[]): string[] {
  return tables.map((table) => insert(random, table, random.sample(IDS, 18)))
}

export interface RoundOptions {
  readonly transactions: number
  /** Queries that become live on the way, and those that may end. */
  readonly later: readonly string[]
  readonly live: readonly string[]
}

/** Rounds of few and small transactions: what reaches nearly every instance hides what is not routed to one of them. */
export function makeRounds(random: Random, tables: readonly RouteTable[], options: RoundOptions): Round[] {
  const rounds: Round[] = []
  const waiting = [...options.later]
  const open = [...options.live]
  for (let made = 0; made < options.transactions;) {
    const count = Math.min(random.between(1, 4), options.transactions - made)
    made += count
    const parallel = count > 1 && random.chance(0.3)
    const steps = Array.from({ length: count }, (_, index) => commits(random, tables, parallel ? index % 3 : 0)).flat()
    steps.splice(random.int(steps.length + 1), 0, ...comings(random, waiting, open))
    rounds.push({ steps, parallel })
  }
  return rounds
}

function comings(random: Random, waiting: string[], open: string[]): Step[] {
  const [query] = random.chance(0.1) ? waiting.splice(0, 1) : []
  if (query !== undefined) {
    open.push(query)
    return [{ kind: 'subscribe', query }]
  }
  if (open.length > 4 && random.chance(0.03)) {
    const closed = open.splice(random.int(open.length), 1)[0]!
    waiting.push(closed)
    return [{ kind: 'close', query: closed }]
  }
  return random.chance(0.002) ? [{ kind: 'kill' }] : []
}

/** A transaction; or what belongs together in several, with a tick that may see one without the other. */
function commits(random: Random, tables: readonly RouteTable[], session: number): readonly Step[] {
  const step = (sql: string): Step => ({ kind: 'sql', session, sql })
  const pause = () => step(`select pg_sleep(${random.pick([0, 0.001, 0.003, 0.006])})`)
  const tick: Step = { kind: 'tick' }
  if (!random.chance(0.15)) return [step(transaction(random, tables)), ...(random.chance(0.15) ? [tick] : [])]
  return together(random, tables, random.pick(IDS)).flatMap((sql) => [step(sql), tick, pause()])
}

function transaction(random: Random, tables: readonly RouteTable[]): string {
  const count = random.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ])
  const statements = Array.from({ length: count }, () => change(random, tables)).flat()
  if (random.chance(0.03)) statements.push('select 1 / 0')
  return statements.join(STATEMENT_BREAK)
}

function change(random: Random, tables: readonly RouteTable[]): string[] {
  const table = random.pick(tables)
  const id = random.pick(IDS)
  return random.weighted<() => string[]>([
    [9, () => [insert(random, table, random.sample(IDS, random.between(1, 2)))]],
    [12, () => [`update ${table.name} set ${assignments(random, table)} where id = ${id}`]],
    [5, () => [`delete from ${table.name} where id = ${id}`]],
    [4, () => together(random, tables, id)],
    [3, () => move(random, table, id)],
    [2, () => [rename(random, table, id)]],
    [2, () => [rescale(table, id)]],
    [1, () => [`update ${table.name} set ${assignments(random, table)} where parent = ${id}`]],
    [1, () => [`update ${table.name} set parent = parent where id < ${id}`]],
    [0.7, () => swap(random, table)],
    [0.3, () => [`update ${table.name} set ${assignments(random, table)}`]],
    [0.15, () => [`delete from ${table.name}`, insert(random, table, random.sample(IDS, 15))]],
    [0.1, () => [`truncate ${table.name}`, insert(random, table, random.sample(IDS, 15))]],
  ])()
}

function insert(random: Random, { name, columns, isKeyed }: RouteTable, ids: readonly number[]): string {
  const rows = ids.map((id) => `(${columns.map((column) => value(random, column, id)).join(', ')})`)
  const names = columns.map((column) => column.name).join(', ')
  return `insert into ${name} (${names}) values ${rows.join(', ')}${isKeyed ? ' on conflict do nothing' : ''}`
}

function value(random: Random, { name, kind }: RouteColumn, id: number): string {
  if (name === 'id') return String(id)
  return random.chance(0.12) ? 'null' : literal(random.pick(KINDS[kind].rows))
}

function assignments(random: Random, { columns }: RouteTable): string {
  const chosen = random.sample(
    columns.filter(({ name }) => name !== 'id'),
    random.between(1, 2),
  )
  return chosen.map((column) => `${column.name} = ${value(random, column, 0)}`).join(', ')
}

/** A row and the rows that refer to it go in one batch, in either order. */
function together(random: Random, tables: readonly RouteTable[], id: number): string[] {
  const [referred, referring] = random.sample(tables, 2) as [RouteTable, RouteTable]
  const column = random.pick(['parent', 'other'])
  return random.shuffle([
    `delete from ${referred.name} where id = ${id}`,
    random.pick([
      `delete from ${referring.name} where ${column} = ${id}`,
      `update ${referring.name} set ${column} = null where ${column} = ${id}`,
      `update ${referring.name} set ${assignments(random, referring)} where ${column} = ${id}`,
    ]),
  ])
}

/** From one parent to another. */
function move(random: Random, { name }: RouteTable, id: number): string[] {
  const column = random.pick(['parent', 'other'])
  return [`update ${name} set ${column} = ${random.pick(IDS)} where ${column} = ${id}`]
}

/** To an id that is free. */
function rename(random: Random, { name }: RouteTable, id: number): string {
  const to = random.pick(IDS)
  return `update ${name} set id = ${to} where id = ${id} and not exists (select from ${name} where id = ${to})`
}

/** Changes a number's text and not its value. */
function rescale({ name, columns }: RouteTable, id: number): string {
  const number = columns.find(({ kind }) => kind === 'number')
  if (!number) return `update ${name} set id = id where id = ${id}`
  const column = number.name
  return `update ${name} set ${column} = case when scale(${column}) < 3 then round(${column}, scale(${column}) + 1) else trim_scale(${column}) end where parent = ${id}`
}

/** Two rows exchange what they refer to. */
function swap(random: Random, { name }: RouteTable): string[] {
  const [one, two] = random.sample(IDS, 2)
  const column = random.pick(['parent', 'other'])
  const found = `select b.${column} from ${name} b where b.id = case a.id when ${one} then ${two} else ${one} end limit 1`
  return [`update ${name} a set ${column} = (${found}) where a.id in (${one}, ${two})`]
}
