import type { QueryCase } from '../case.js'
import { Random } from '../random.js'
import { label } from '../schema/functions.js'
import { READER_ROLE, type Schema } from '../schema/schema.js'
import { TENANT_SETTING, TENANTS } from '../schema/security.js'
import { sqlType } from '../schema/sql-types.js'
import { encodeNode } from './codec.js'
import { queryExpression } from './compound.js'
import { block } from './blocks.js'
import { Context, type Grammar } from './context.js'
import { predicate } from './predicates.js'
import { selection } from './selection.js'
import { scalarSubquery } from './subqueries.js'
import { builder, type Loose } from './kysely.js'
import { rawQuery } from './raw.js'

export interface GeneratedQuery {
  readonly query: Omit<QueryCase, 'id' | 'initial'>
  readonly features: ReadonlySet<string>
}

const grammar: Grammar = { block, selection, predicate, scalarSubquery }

/** A query; the same `shapeSeed` with another `valueSeed` is the same SQL with other parameters and scope. */
export function generateQuery(schema: Schema, version: number, shapeSeed: number, valueSeed: number): GeneratedQuery {
  const context = new Context(new Random(shapeSeed), new Random(valueSeed), schema, version, grammar)
  const { structure } = context
  const scoped = schema.secured && structure.chance(0.4)
  const scope = scoped ? { role: READER_ROLE, settings: { [TENANT_SETTING]: context.values.pick(TENANTS) } } : undefined
  if (scoped) context.tag('scope')
  const made = structure.weighted([
    [20, built],
    [2, raw],
    [1.2, filtered],
  ])(context)
  return { query: { ...made, scope, dependsOn: [...new Set(context.dependsOn)] }, features: context.features }
}

type Made = Pick<QueryCase, 'node' | 'sql' | 'refresh' | 'compare'>

function built(context: Context): Made {
  const { query, ordered } = queryExpression(context, {
    outer: undefined,
    depth: 2,
    purpose: 'result',
    want: undefined,
  })
  return finished(query.toOperationNode(), { ordered, loose: context.loose })
}

function raw(context: Context): Made {
  const { query, ordered } = rawQuery(context)
  return finished(query.toOperationNode(), { ordered, loose: false })
}

/** A query on one table with a refresh map of the same meaning: what the map lets through is what changes the result. */
function filtered(context: Context): Made {
  const { structure, schema } = context
  const relations = schema.relations.filter((relation) => relation.kind === 'table' && !relation.key.includes('nr'))
  const relation = relations.length > 0 ? structure.pick(relations) : undefined
  const column = relation?.columns.find((candidate) => candidate.type in FILTERABLE)
  if (!relation || !column) return built(context)
  const text = context.values.pick(sqlType(column.type).values)
  const type = FILTERABLE[column.type as keyof typeof FILTERABLE]
  const node = builder
    .selectFrom(`${relation.schema}.${relation.name}`)
    .selectAll()
    .where(column.name, '=', text)
    .toOperationNode()
  context.tag('refresh map')
  const refresh = { table: label(relation), column: column.name, type, text }
  return { ...finished(node, { ordered: false, loose: false }), refresh }
}

/** Types whose values a refresh map compares as the query does. */
const FILTERABLE = { text: 'text', status: 'text', bool: 'bool', int4: 'int4' } as const

function finished(node: Loose, compare: Made['compare']): Made {
  const compiled = builder.getExecutor().compileQuery(node, { queryId: 'oracle' })
  return { node: encodeNode(node), sql: compiled.sql, refresh: undefined, compare }
}
