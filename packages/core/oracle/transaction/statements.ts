import type { Random } from '../random.js'
import { columnValues } from '../schema/columns.js'
import { identifier, literal, qualified, type Column, type Relation, type Schema } from '../schema/schema.js'
import { sqlType } from '../schema/sql-types.js'
import { insertRows, writtenColumns, writtenSql } from './inserts.js'

/** Also where a view hides that they are keys. */
const KEY_NAMES = ['id', 'line', 'slug', 'key', 'nr', 'region']

export interface Statement {
  readonly sql: string
  /** What it exercises, for counting. */
  readonly feature: string
}

export interface StatementContext {
  readonly random: Random
  readonly schema: Schema
  readonly version: number
}

/** One data-modifying statement that breaks no constraint, as long as nobody else writes meanwhile. */
export function generateStatement(context: StatementContext): Statement {
  const { random, schema } = context
  const relation = random.pick(schema.relations.filter((candidate) => candidate.write !== 'none'))
  const kinds: (readonly [number, (context: StatementContext, relation: Relation) => Statement | undefined])[] = [
    [relation.write === 'all' ? 8 : 0, insert],
    [relation.write === 'all' && relation.conflict.length > 0 ? 4 : 0, upsert],
    [8, update],
    [3, updateAll],
    [2, updateSameValue],
    [2, updateKey],
    [relation.kind === 'partitioned' ? 4 : 0, moveRow],
    [2, updateFrom],
    [6, deleteSome],
    [1, deleteAll],
    [1, deleteUsing],
    [relation.truncate ? 0.7 : 0, truncate],
    [relation.kind === 'table' && relation.write === 'all' && context.version >= 15 ? 1.5 : 0, merge],
    [0.5, inBlock],
    [relation.kind === 'table' && relation.key[0] === 'id' && relation.key.length === 1 ? 0.15 : 0, bulk],
  ]
  for (;;) {
    const statement = random.weighted(kinds)(context, relation)
    if (statement) return { ...statement, feature: `${statement.feature} ${relation.kind}` }
  }
}

function insert({ random }: StatementContext, relation: Relation): Statement {
  const count = random.weighted([
    [5, 1],
    [2, 3],
  ])
  return { sql: insertRows(random, relation, count), feature: 'insert' }
}

function upsert({ random }: StatementContext, relation: Relation): Statement | undefined {
  const columns = settable(relation)
  if (columns.length === 0) return undefined
  const target = relation.conflict.map(identifier).join(', ')
  const set = random
    .sample(columns, random.between(1, 2))
    .map((column) => `${identifier(column.name)} = excluded.${identifier(column.name)}`)
  return {
    sql: insertRows(random, relation, 1, `on conflict (${target}) do update set ${set.join(', ')}`),
    feature: 'upsert',
  }
}

function update({ random }: StatementContext, relation: Relation): Statement | undefined {
  return assigned(random, relation, where(random, relation), 'update')
}

function updateAll({ random }: StatementContext, relation: Relation): Statement | undefined {
  return assigned(random, relation, '', 'update all')
}

function assigned(random: Random, relation: Relation, condition: string, feature: string): Statement | undefined {
  const columns = settable(relation)
  if (columns.length === 0) return undefined
  const set = random
    .sample(
      columns,
      random.weighted([
        [4, 1],
        [2, 2],
        [1, 3],
      ]),
    )
    .map((column) => `${identifier(column.name)} = ${newValue(random, column)}`)
  return { sql: `update ${qualified(relation)} set ${set.join(', ')}${condition}`, feature }
}

/** Values computed from the row itself, now and then: changes of text alone, of NULL alone, of nothing. */
function newValue(random: Random, column: Column): string {
  const name = identifier(column.name)
  if (column.type === 'numeric' && random.chance(0.4)) {
    return `case when scale(${name}) < 4 then round(${name}, scale(${name}) + 1) else trim_scale(${name}) end`
  }
  if (column.type === 'int4' && !column.domain && !column.references && random.chance(0.3)) {
    return `(coalesce(${name}, 0) + 1) % 5`
  }
  if (column.type === 'bool' && random.chance(0.5)) return `coalesce(not ${name}, true)`
  return writtenSql(random, column)
}

function updateSameValue({ random }: StatementContext, relation: Relation): Statement | undefined {
  const columns = settable(relation)
  if (columns.length === 0) return undefined
  const name = identifier(random.pick(columns).name)
  return { sql: `update ${qualified(relation)} set ${name} = ${name}`, feature: 'update to the same' }
}

/** Moves one row to a key that is free, and its references with it. */
function updateKey({ random }: StatementContext, relation: Relation): Statement | undefined {
  const column = relation.columns.find((candidate) => relation.conflict.includes(candidate.name))
  if (!column || relation.conflict.length !== 1 || relation.kind === 'parent') return undefined
  const key = identifier(column.name)
  const [from, to] = random.sample(columnValues(column), 2)
  if (from === undefined || to === undefined) return undefined
  const free = `not exists (select 1 from ${qualified(relation)} where ${key} = ${literal(to)})`
  return {
    sql: `update ${qualified(relation)} set ${key} = ${literal(to)} where ${key} = ${literal(from)} and ${free}`,
    feature: 'update key',
  }
}

/** Moves one row into another partition. */
function moveRow({ random }: StatementContext, relation: Relation): Statement {
  const table = qualified(relation)
  const region = relation.columns.find((column) => column.name === 'region') as Column
  const [from, to] = random.sample(columnValues(region), 2).map(literal)
  const free = `not exists (select 1 from ${table} as there where there.id = moved.id and there.region = ${to})`
  return {
    sql: `update ${table} as moved set region = ${to} where id = ${random.between(1, 9)} and region = ${from} and ${free}`,
    feature: 'move row',
  }
}

function updateFrom({ random, schema }: StatementContext, relation: Relation): Statement | undefined {
  const columns = settable(relation).filter((column) => !column.references && !column.domain)
  const other = random.pick(schema.relations)
  const source = other.columns.find((column) => columns.some((own) => own.type === column.type && !own.notNull))
  const target = columns.find((column) => column.type === source?.type && !column.notNull)
  if (!source || !target) return undefined
  const value = `(select other.${identifier(source.name)} from ${qualified(other)} as other order by 1 limit 1)`
  if (!sqlType(source.type).ordered) return undefined
  return {
    sql: `update ${qualified(relation)} set ${identifier(target.name)} = ${value}${where(random, relation)}`,
    feature: 'update from another table',
  }
}

function deleteSome({ random }: StatementContext, relation: Relation): Statement {
  return { sql: `delete from ${qualified(relation)}${where(random, relation)}`, feature: 'delete' }
}

function deleteAll(_: StatementContext, relation: Relation): Statement {
  return { sql: `delete from ${qualified(relation)}`, feature: 'delete all' }
}

function deleteUsing({ random, schema }: StatementContext, relation: Relation): Statement | undefined {
  const reference = relation.columns.find((column) => column.references)
  const target = reference?.references
  const referenced = schema.relations.find((other) => other.name === target?.name && other.schema === target.schema)
  if (!reference || !target || !referenced) return undefined
  const condition = where(random, referenced, 'other.')
  const on = `own.${identifier(reference.name)} = other.${identifier(target.column)}`
  return {
    sql: `delete from ${qualified(relation)} as own using ${qualified(referenced)} as other${condition || ' where true'} and ${on}`,
    feature: 'delete using',
  }
}

function truncate({ random }: StatementContext, relation: Relation): Statement {
  const only = relation.kind === 'parent' && random.chance(0.3) ? 'only ' : ''
  return { sql: `truncate ${only}${qualified(relation)} cascade`, feature: 'truncate' }
}

function merge({ random }: StatementContext, relation: Relation): Statement | undefined {
  const columns = writtenColumns(relation)
  const set = settable(relation)[0]
  const key = columns.find((column) => relation.key.includes(column.name))
  if (!key || !set || relation.key.length !== 1) return undefined
  const names = columns.map((column) => identifier(column.name)).join(', ')
  const source = `(select ${literal(random.pick(columnValues(key)))}::${sqlType(key.type).sql} as k) as source`
  const values = columns.map((column) => (column === key ? 'source.k' : writtenSql(random, column))).join(', ')
  const matched = random.pick(['delete', `update set ${identifier(set.name)} = ${writtenSql(random, set)}`])
  return {
    sql: `merge into ${qualified(relation)} as target using ${source} on target.${identifier(key.name)} = source.k
      when matched then ${matched} when not matched then insert (${names}) values (${values})`,
    feature: 'merge',
  }
}

/** The same, in a procedural block with an exception handler, which makes subtransactions. */
function inBlock(context: StatementContext, relation: Relation): Statement | undefined {
  const inner = context.random.chance(0.5) ? update(context, relation) : deleteSome(context, relation)
  if (!inner) return undefined
  return {
    sql: `do $block$ begin ${inner.sql}; begin ${deleteAll(context, relation).sql}; raise division_by_zero;
      exception when division_by_zero then null; end; end $block$`,
    feature: 'block with subtransactions',
  }
}

/** Very many rows that come and, but for a few, go again. */
function bulk({ random }: StatementContext, relation: Relation): Statement | undefined {
  const others = writtenColumns(relation).filter((column) => column.name !== 'id' && column.notNull)
  const names = ['id', ...others.map((column) => identifier(column.name))].join(', ')
  const values = ['n', ...others.map((column) => writtenSql(random, column))].join(', ')
  const table = qualified(relation)
  return {
    sql: `do $block$ begin insert into ${table} (${names}) select ${values} from generate_series(100, 5100) as n;
      delete from ${table} where id between 100 and 5095; update ${table} set id = id - 5090 where id > 5090
        and id - 5090 not in (select id from ${table} where id < 100); delete from ${table} where id > 5000; end $block$`,
    feature: 'bulk',
  }
}

/** Columns that an UPDATE may set: not keys, whose changes need care. */
function settable(relation: Relation): Column[] {
  return writtenColumns(relation).filter(
    (column) => !KEY_NAMES.includes(column.name) && !relation.conflict.includes(column.name),
  )
}

function where(random: Random, relation: Relation, prefix = ''): string {
  const columns = relation.columns.filter((column) => sqlType(column.type).equality && column.type !== 'large')
  if (columns.length === 0) return ''
  const keys = columns.filter((column) => relation.conflict.includes(column.name))
  const column = keys.length > 0 && random.chance(0.6) ? random.pick(keys) : random.pick(columns)
  const name = `${prefix}${identifier(column.name)}`
  const value = () => literal(random.pick(columnValues(column)))
  return random.weighted([
    [6, () => ` where ${name} = ${value()}`],
    [2, () => ` where ${name} in (${value()}, ${value()}, ${value()})`],
    [1, () => ` where ${name} is null`],
    [1, () => ` where ${name} <> ${value()}`],
  ])()
}
