import type { Random } from '../random.js'
import { columnDdl, dataColumns, keyColumn, referenceColumn } from './columns.js'
import type { Names } from './names.js'
import { qualified, type Column, type Relation } from './schema.js'
import { isReferenced, type Made } from './tables.js'

/** A table in partitions: by list, one of them divided again by hash, one attached with its columns in another order. */
export function partitionedTable(random: Random, names: Names, schema: string, earlier: readonly Relation[]): Made {
  const name = names.table()
  const region = { ...keyColumn('region', 'int4'), domain: ['1', '2', '3', '4', '5'] }
  const target = earlier.find(isReferenced)
  const columns = [
    keyColumn('id', 'int4'),
    region,
    ...dataColumns(random, names, random.between(1, 3)),
    ...(target && random.chance(0.6) ? [referenceColumn(random, target, 1)] : []),
  ]
  const keyed = random.chance(0.7)
  const parent = qualified({ schema, name })
  const parts = columns.map((column) => columnDdl(random, column))
  if (keyed) parts.push('primary key (id, region)')
  const leaf = (suffix: string) => ({ schema, name: `${name.slice(0, 20)}_${suffix}` })
  const ddl = [
    `create table ${parent} (${parts.join(', ')}) partition by list (region)`,
    `create table ${qualified(leaf('one'))} partition of ${parent} for values in (1, 2)`,
    `create table ${qualified(leaf('rest'))} partition of ${parent} default`,
  ]
  const relations: Relation[] = []
  const key = keyed ? ['id', 'region'] : []
  const add = (relation: Pick<Relation, 'name' | 'kind' | 'write'>, domain: readonly string[]) =>
    relations.push({ schema, columns: withDomain(columns, domain), key, conflict: key, truncate: true, ...relation })
  add({ name, kind: 'partitioned', write: 'all' }, region.domain)
  add({ ...leaf('one'), kind: 'partition', write: 'all' }, ['1', '2'])
  if (random.chance(0.5)) {
    ddl.push(
      `create table ${qualified(leaf('three'))} partition of ${parent} for values in (3) partition by hash (id)`,
      `create table ${qualified(leaf('h0'))} partition of ${qualified(leaf('three'))} for values with (modulus 2, remainder 0)`,
      `create table ${qualified(leaf('h1'))} partition of ${qualified(leaf('three'))} for values with (modulus 2, remainder 1)`,
    )
    add({ ...leaf('three'), kind: 'partition', write: 'all' }, ['3'])
    add({ ...leaf('h0'), kind: 'partition', write: 'none' }, ['3'])
  }
  if (random.chance(0.5)) {
    const attached = [...columns].reverse().map((column) => columnDdl(random, withoutReference(column)))
    ddl.push(
      `create table ${qualified(leaf('four'))} (gone text, ${attached.join(', ')})`,
      `alter table ${qualified(leaf('four'))} drop column gone`,
      `alter table ${parent} attach partition ${qualified(leaf('four'))} for values in (4)`,
    )
    add({ ...leaf('four'), kind: 'partition', write: 'all' }, ['4'])
  }
  return { ddl, relations }
}

function withDomain(columns: readonly Column[], domain: readonly string[]): Column[] {
  return columns.map((column) => (column.name === 'region' ? { ...column, domain } : column))
}

function withoutReference(column: Column): Column {
  const { references: _, ...rest } = column
  return rest
}

/** A parent and a child by inheritance. Keys are the tables' own: the parent's name shows rows of both. */
export function inheritedTables(random: Random, names: Names, schema: string): Made {
  const parentName = names.table()
  const childName = `${parentName.slice(0, 25)}_child`
  const columns = [keyColumn('id', 'int4'), ...dataColumns(random, names, random.between(2, 3))]
  const own: Column = { name: 'extra', type: 'text', notNull: false, generated: false }
  const parent = qualified({ schema, name: parentName })
  const child = qualified({ schema, name: childName })
  const ddl = [
    `create table ${parent} (${columns.map((column) => columnDdl(random, column)).join(', ')}, primary key (id))`,
    `create table ${child} (${columnDdl(random, own)}, primary key (id)) inherits (${parent})`,
  ]
  const relation = { schema, write: 'all', conflict: ['id'], truncate: true } as const
  return {
    ddl,
    relations: [
      { ...relation, name: parentName, kind: 'parent', columns, key: [] },
      { ...relation, name: childName, kind: 'child', columns: [...columns, own], key: ['id'] },
    ],
  }
}
