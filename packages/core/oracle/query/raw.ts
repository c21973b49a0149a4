import { sql } from 'kysely'
import { identifier, qualified } from '../schema/schema.js'
import { sqlType } from '../schema/sql-types.js'
import type { Context, Item } from './context.js'
import type { Expr, Loose } from './kysely.js'
import { wholeRowText } from './references.js'

export interface RawQuery {
  readonly query: Expr
  readonly ordered: boolean
}

/** Queries that an application writes as text: no tree, only the catalog knows what they read. */
export function rawQuery(context: Context): RawQuery {
  const { structure, schema } = context
  const relation = structure.pick(schema.relations)
  const column = structure.pick(relation.columns.filter((candidate) => sqlType(candidate.type).equality))
  const table = sql.raw(qualified(relation))
  const name = sql.raw(column ? identifier(column.name) : 'null')
  const item = { alias: 'x' } as Item
  const parameter = sql`${context.value(column.type)}`
  context.tag('raw query')
  return structure.pick<() => RawQuery>([
    () => ({ query: sql`select x.* from ${table} as x where ${name} = ${parameter}`, ordered: false }),
    () => ({
      query: sql`select x.* from ${table} as x order by ${wholeRowText(item)} limit ${context.values.between(1, 3)}`,
      ordered: true,
    }),
    () => ({
      query: sql`select count(*) as n from ${table} as x where x.${name} is not distinct from ${parameter}`,
      ordered: true,
    }),
    () => ({ query: sql`table ${table}`, ordered: false }),
    () =>
      relation.kind === 'view'
        ? { query: sql`select ${name}::text as value from ${table}`, ordered: false }
        : { query: sql`select tableoid::regclass::text as place, ${name} as value from ${table}`, ordered: false },
    () => ({ query: sql`select to_jsonb(x) as row from ${table} as x`, ordered: false }),
    () => ({ query: sql`select count(*) from only ${table}`, ordered: true }),
    () => ({
      query: sql`with found as (select * from ${table}) select exists (select 1 from found where ${name} = ${parameter}) as yes`,
      ordered: true,
    }),
    () => embedded(context),
  ])()
}

/** A built query inside a raw one. */
function embedded(context: Context): RawQuery {
  const { query } = context.block({ outer: undefined, depth: 1, purpose: 'derived', want: undefined })
  context.tag('query in a raw query')
  return { query: sql`select count(*) as n from (${query as Loose}) as inside`, ordered: true }
}
