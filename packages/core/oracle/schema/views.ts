import type { Random } from '../random.js'
import { columnValues } from './columns.js'
import type { Names } from './names.js'
import { identifier, literal, qualified, type Column, type Relation } from './schema.js'
import { sqlType } from './sql-types.js'
import type { Made } from './tables.js'

/** A view over earlier relations: a filter that writes pass through, a join, an aggregate; views over views come by themselves. */
export function view(random: Random, names: Names, earlier: readonly Relation[], version: number): Made {
  const base = random.pick(earlier)
  const name = `${names.table().slice(0, 50)}_view`
  const made = random.weighted([
    [4, filterView],
    [2, joinView],
    [2, aggregateView],
  ])(random, base, earlier)
  const invoker = version >= 15 && random.chance(0.3) ? ' with (security_invoker)' : ''
  const relation: Relation = {
    schema: base.schema,
    name,
    kind: 'view',
    key: [],
    conflict: [],
    truncate: false,
    ...made.shape,
  }
  return { ddl: [`create view ${qualified(relation)}${invoker} as ${made.sql}`], relations: [relation] }
}

interface ViewBody {
  readonly sql: string
  readonly shape: Pick<Relation, 'columns' | 'write'>
}

function filterView(random: Random, base: Relation): ViewBody {
  const kept = base.columns.filter((column) => base.key.includes(column.name) || random.chance(0.75))
  const columns = kept.length > 0 ? kept : base.columns
  const filter = base.columns.find((column) => sqlType(column.type).equality && column.type !== 'large')
  const where = filter && random.chance(0.7) ? ` where ${condition(random, filter)}` : ''
  return {
    sql: `select ${columns.map((column) => identifier(column.name)).join(', ')} from ${qualified(base)}${where}`,
    shape: { columns, write: base.kind === 'view' || base.write === 'none' ? 'none' : 'no insert' },
  }
}

function condition(random: Random, column: Column): string {
  const name = identifier(column.name)
  if (random.chance(0.2)) return `${name} is not null`
  return `${name} ${random.pick(['=', '<>'])} ${literal(random.pick(columnValues(column)))}`
}

function joinView(random: Random, base: Relation, earlier: readonly Relation[]): ViewBody {
  const other = random.pick(earlier)
  const pairs = base.columns.flatMap((left) =>
    other.columns
      .filter((right) => right.type === left.type && sqlType(left.type).equality)
      .map((right) => [left, right] as const),
  )
  const pair = pairs.length > 0 ? random.pick(pairs) : undefined
  const on = pair ? `a.${identifier(pair[0].name)} = b.${identifier(pair[1].name)}` : 'true'
  const left = random.sample(base.columns, 3)
  const right = random.sample(other.columns, 2)
  const output = [
    ...left.map((column, index) => `a.${identifier(column.name)} as l${index}`),
    ...right.map((column, index) => `b.${identifier(column.name)} as r${index}`),
  ]
  const columns = [
    ...left.map((column, index) => outputColumn(column, `l${index}`)),
    ...right.map((column, index) => outputColumn(column, `r${index}`)),
  ]
  const join = random.pick(['join', 'left join'])
  return {
    sql: `select ${output.join(', ')} from ${qualified(base)} a ${join} ${qualified(other)} b on ${on}`,
    shape: { columns, write: 'none' },
  }
}

function aggregateView(random: Random, base: Relation): ViewBody {
  const groups = base.columns.filter((column) => sqlType(column.type).equality && !sqlType(column.type).lossy)
  if (groups.length === 0) return filterView(random, base)
  const group = random.pick(groups)
  const number = base.columns.find((column) => column.type === 'int4')
  const total = number ? `, sum(${identifier(number.name)}) as total` : ''
  return {
    sql: `select ${identifier(group.name)} as grp, count(*) as n${total} from ${qualified(base)} group by 1`,
    shape: {
      columns: [
        outputColumn(group, 'grp'),
        { name: 'n', type: 'int8', notNull: true, generated: false },
        ...(number ? [{ name: 'total', type: 'int8', notNull: false, generated: false } as const] : []),
      ],
      write: 'none',
    },
  }
}

function outputColumn(column: Column, name: string): Column {
  return {
    name,
    type: column.type,
    notNull: false,
    generated: false,
    ...(column.domain ? { domain: column.domain } : {}),
  }
}
