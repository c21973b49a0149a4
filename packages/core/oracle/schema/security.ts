import type { Random } from '../random.js'
import { identifier, literal, qualified, READER_ROLE, WRITER_ROLE, type Column, type Relation } from './schema.js'
import { columnValues } from './columns.js'
import { sqlType } from './sql-types.js'

/** The setting that policies compare with. Unset and empty mean nobody. */
export const TENANT_SETTING = 'app.tenant'
const TENANT = `nullif(current_setting('${TENANT_SETTING}', true), '')`
/** What scopes set it to. */
export const TENANTS = ['1', '2', '3'] as const

/** Roles belong to the whole server: made once, whichever schema comes first. */
export function rolesDdl(): string[] {
  return [READER_ROLE, WRITER_ROLE].map(
    (role) => `do $$ begin create role ${role}; exception when duplicate_object or unique_violation then null; end $$`,
  )
}

export function grantsDdl(schemas: readonly string[]): string[] {
  return schemas.flatMap((schema) => {
    const name = identifier(schema)
    return [
      `grant usage on schema ${name} to ${READER_ROLE}, ${WRITER_ROLE}`,
      `grant select on all tables in schema ${name} to ${READER_ROLE}`,
      `grant select, insert, update, delete, truncate on all tables in schema ${name} to ${WRITER_ROLE}`,
      `grant usage on all sequences in schema ${name} to ${WRITER_ROLE}`,
    ]
  })
}

/** Row security on some tables: by a column of the row, or through a look-up in another table. */
export function policiesDdl(random: Random, relations: readonly Relation[]): string[] {
  const tables = relations.filter((relation) => ['table', 'partitioned', 'parent'].includes(relation.kind))
  const secured = random.sample(tables, random.between(1, 2))
  // A policy that looks into a table with a policy of its own may come back to itself, which PostgreSQL refuses.
  const open = tables.filter((relation) => !secured.includes(relation))
  return secured.flatMap((relation) => {
    const table = qualified(relation)
    const rule = policyRule(random, relation, open)
    return [
      `alter table ${table} enable row level security`,
      `create policy readers on ${table} for select to ${READER_ROLE} using (${rule})`,
      `create policy writers on ${table} to ${WRITER_ROLE} using (true) with check (true)`,
    ]
  })
}

function policyRule(random: Random, relation: Relation, open: readonly Relation[]): string {
  const number = relation.columns.find((column) => column.type === 'int4')
  if (!number) return valueRule(random, relation)
  const tenant = `${TENANT}::int4`
  const others = open.filter((other) => other.columns.some((column) => column.type === 'int4'))
  if (others.length === 0 || random.chance(0.5)) return `${identifier(number.name)} <= ${tenant}`
  const other = random.pick(others)
  const [left, right] = random.sample(
    other.columns.filter((column) => column.type === 'int4'),
    2,
  ) as [Column, Column?]
  const owner = right ? ` and other.${identifier(right.name)} >= ${tenant}` : ''
  const own = `${qualified(relation)}.${identifier(number.name)}`
  return `exists (select 1 from ${qualified(other)} as other where other.${identifier(left.name)} = ${own}${owner})`
}

function valueRule(random: Random, relation: Relation): string {
  const column = relation.columns.find((candidate) => sqlType(candidate.type).equality) as Column
  return `${identifier(column.name)} <> ${literal(random.pick(columnValues(column)))} or ${TENANT} = '1'`
}
