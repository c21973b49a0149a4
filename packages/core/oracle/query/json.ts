import { sql } from 'kysely'
import { jsonArrayFrom, jsonBuildObject, jsonObjectFrom } from 'kysely/helpers/postgres'
import { newScope, type Context, type Scope, type Typed } from './context.js'
import { eb, type Loose } from './kysely.js'
import { totalOrder } from './ordering.js'
import { pickColumn } from './references.js'
import { addSource } from './sources.js'
import { correlation } from './subqueries.js'

/** Related rows as JSON, and rows as JSON objects. */
export function jsonColumn(context: Context, scope: Scope, depth: number): Typed | undefined {
  const { structure } = context
  const expression = structure.weighted<() => Loose>([
    [4, () => jsonArrayFrom(related(context, scope, depth) as Loose)],
    [2, () => jsonObjectFrom(related(context, scope, depth).limit(1) as Loose)],
    [1, () => built(context, scope)],
    [1, () => wholeRow(context, scope)],
  ])()
  return expression && { expression, type: 'json' }
}

function related(context: Context, outer: Scope, depth: number) {
  const scope = newScope(outer)
  let query = addSource(context, scope, depth - 1)
  scope.complete = true
  const correlated = correlation(context, scope, outer)
  if (correlated) query = query.where(correlated as Loose)
  if (context.structure.chance(0.4)) query = query.where(context.predicate(scope, depth - 2) as Loose)
  context.tag('json subquery')
  const selected = context.grammar.selection(context, scope, query, {
    outer,
    depth: 0,
    purpose: 'derived',
    want: undefined,
  })
  return totalOrder(context, scope, selected.query)
}

function built(context: Context, scope: Scope): Loose {
  const column = pickColumn(context, scope, () => true)
  context.tag('jsonBuildObject')
  return (
    column &&
    jsonBuildObject({ value: column.expression, fixed: eb.cast(eb.val(context.value('int4')), 'int4') } as Loose)
  )
}

/** Takes every column without naming one. */
function wholeRow(context: Context, scope: Scope): Loose {
  const item = context.structure.pick(scope.items)
  context.tag('whole row')
  // A function's result in FROM may be a bare value, which is no row.
  if (!item.relation) return eb.fn.toJson(item.alias as Loose)
  return context.structure.pick<() => Loose>([
    () => eb.fn.toJson(item.alias as Loose),
    () => sql`to_jsonb(${sql.id(item.alias)})::json`,
    () => sql`row_to_json(${sql.id(item.alias)}.*)`,
  ])()
}
