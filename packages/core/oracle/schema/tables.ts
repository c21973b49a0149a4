import type { Random } from '../random.js'
import { columnDdl, dataColumns, keyColumn, referenceColumn } from './columns.js'
import type { Names } from './names.js'
import { identifier, qualified, type Column, type Relation } from './schema.js'

export interface Made {
  readonly ddl: readonly string[]
  readonly relations: readonly Relation[]
}

/** An ordinary table: a key of one or two columns, or none; references to earlier tables; a generated column at times. */
export function plainTable(
  random: Random,
  names: Names,
  schema: string,
  earlier: readonly Relation[],
  version: number,
): Made {
  const name = names.table()
  const key = keyColumns(random)
  const targets = random.sample(earlier.filter(isReferenced), random.int(3))
  const references = targets.map((target, index) => referenceColumn(random, target, index + 1))
  const data = dataColumns(random, names, random.between(2, 5))
  const columns = random.chance(0.2)
    ? random.shuffle([...key, ...references, ...data])
    : [...key, ...references, ...data]
  const generated = random.chance(0.2) ? generatedColumn(random, columns, version) : undefined
  const keyNames = key.map((column) => column.name)
  const table = qualified({ schema, name })
  const parts = columns.map((column) => columnDdl(random, column))
  if (generated) parts.push(generated.ddl)
  if (keyNames.length > 0) parts.push(`primary key (${keyNames.map(identifier).join(', ')})`)
  const dropped = random.chance(0.2)
  if (dropped) parts.unshift('dropped int4')
  const ddl = [`create table ${table} (${parts.join(', ')})`]
  if (dropped) ddl.push(`alter table ${table} drop column dropped`)
  if (keyNames.length === 0 && random.chance(0.3)) ddl.push(`alter table ${table} replica identity full`)
  const relation: Relation = {
    schema,
    name,
    kind: 'table',
    columns: generated ? [...columns, generated.column] : columns,
    key: keyNames,
    write: 'all',
    conflict: keyNames,
    truncate: true,
  }
  return { ddl, relations: [relation] }
}

function keyColumns(random: Random): Column[] {
  return random.weighted<() => Column[]>([
    [12, () => [keyColumn('id', 'int4')]],
    [3, () => []],
    [2, () => [keyColumn('id', 'int4'), keyColumn('line', 'int2')]],
    [1, () => [keyColumn('id', 'int8')]],
    [1, () => [keyColumn('slug', 'text')]],
    [1, () => [keyColumn('key', 'uuid')]],
    [1, () => [keyColumn('nr', 'numeric')]],
  ])()
}

export function isReferenced(relation: Relation): boolean {
  return relation.kind === 'table' && relation.key.length === 1
}

function generatedColumn(random: Random, columns: readonly Column[], version: number) {
  const source = columns.find((column) => column.type === 'int4' || column.type === 'text')
  if (!source) return undefined
  const stored = version < 18 || random.chance(0.5)
  const expression = source.type === 'int4' ? `${identifier(source.name)} * 2` : `lower(${identifier(source.name)})`
  const name = stored ? 'computed' : 'computed_on_read'
  const column: Column = { name, type: source.type, notNull: false, generated: true }
  const kind = stored ? 'stored' : 'virtual'
  return { column, ddl: `${name} ${source.type} generated always as (${expression}) ${kind}` }
}
