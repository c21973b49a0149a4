import { sql } from 'kysely'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import type { Context, Scope } from './context.js'
import { eb, type Expr, type Loose } from './kysely.js'
import { hasEquality, pickColumn, sameFamily, type Reference } from './references.js'
import { existsPredicate, inSubquery, quantified, scalarComparison } from './subqueries.js'

type Maker = (context: Context, scope: Scope, depth: number) => Expr | undefined

/** A boolean expression over the columns that `scope` sees. */
export function predicate(context: Context, scope: Scope, depth: number): Expr {
  const deep = depth > 0 ? 1 : 0
  const makers: (readonly [number, Maker])[] = [
    [10, comparison],
    [3, columnComparison],
    [3, inList],
    [1, notInList],
    [1, between],
    [2, nullTest],
    [1.5, distinctFrom],
    [1, pattern],
    [1, anyOfArray],
    [1.5, containment],
    [0.7, booleanColumn],
    [0.7, tupleIn],
    [0.7, optionalParameter],
    [0.7, rawComparison],
    [0.4, functionComparison],
    [0.3, constant],
    [deep * 2, either],
    [deep, negation],
    [deep * 3, existsPredicate],
    [deep * 2.5, inSubquery],
    [deep, scalarComparison],
    [deep * 0.5, quantified],
  ]
  for (;;) {
    const made = context.structure.weighted(makers)(context, scope, depth - 1)
    if (made) return made
  }
}

function comparable(context: Context, scope: Scope): Reference | undefined {
  return pickColumn(context, scope, hasEquality)
}

export function operator(context: Context, type: TypeName): Loose {
  const { structure } = context
  if (!sqlType(type).ordered || structure.chance(0.65))
    return structure.chance(0.85) ? '=' : structure.pick(['!=', '<>'])
  return structure.pick(['<', '<=', '>', '>='])
}

function comparison(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  if (!column) return undefined
  const chosen = operator(context, column.type)
  context.tag(chosen === '=' ? 'column = parameter' : 'column < parameter')
  const value = eb.val(context.value(column.type))
  if (!context.structure.chance(0.1)) return eb(column.expression, chosen, value)
  context.tag('parameter first')
  return eb(value, chosen, column.expression)
}

function columnComparison(context: Context, scope: Scope): Expr | undefined {
  const left = comparable(context, scope)
  if (!left) return undefined
  const right = pickColumn(context, scope, (type) => sameFamily(left.type)(type) && hasEquality(type))
  if (!right) return undefined
  context.tag('column = column')
  return eb(left.expression, operator(context, left.type), right.expression)
}

function list(context: Context, type: TypeName): unknown[] {
  return Array.from({ length: context.structure.between(1, 3) }, () => context.value(type))
}

function inList(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  if (!column) return undefined
  context.tag('in list')
  return eb(column.expression, 'in', list(context, column.type) as Loose)
}

function notInList(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  if (!column) return undefined
  context.tag('not in list')
  return eb(column.expression, 'not in', list(context, column.type) as Loose)
}

function between(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, (type) => sqlType(type).ordered)
  if (!column) return undefined
  const [low, high] = [context.value(column.type), context.value(column.type)]
  if (context.structure.chance(0.3)) {
    context.tag('between symmetric')
    return eb.betweenSymmetric(column.expression, low, high)
  }
  context.tag('between')
  return eb.between(column.expression, low, high)
}

function nullTest(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, () => true)
  context.tag('null test')
  return column && eb(column.expression, context.structure.pick(['is', 'is not'] as const), null)
}

function distinctFrom(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  if (!column) return undefined
  context.tag('is distinct from')
  const chosen = context.structure.pick(['is distinct from', 'is not distinct from'] as const)
  return eb(column.expression, chosen, eb.val(context.value(column.type)))
}

function pattern(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, sameFamily('text'))
  if (!column) return undefined
  context.tag('like')
  const chosen = context.structure.pick(['like', 'not like', 'ilike', '~', '!~*'] as const)
  return eb(column.expression, chosen, eb.val(context.values.pick(['a%', '%b', 'a', 'A%', '_'])))
}

function anyOfArray(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, (type) => ['int4', 'text', 'status', 'uuid', 'int8'].includes(type))
  if (!column) return undefined
  const values = context.values.sample(sqlType(column.type).parameters, context.values.int(3))
  context.tag('= any(parameter)')
  if (context.structure.chance(0.5)) return sql`${column.expression} = any(${values})`
  const array = eb.cast(eb.val(values), sql.raw(`${sqlType(column.type).sql}[]`))
  return eb(column.expression, '=', eb.fn.any(array as Loose) as Loose)
}

function containment(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, (type) => ['jsonb', 'texts', 'ints', 'range'].includes(type))
  if (!column) return undefined
  context.tag('@>')
  const right =
    column.type === 'jsonb' ? eb.val(context.values.pick(['{"a":1}', '{}', '[1]'])) : eb.val(context.value(column.type))
  return eb(column.expression, context.structure.pick(['@>', '<@'] as const), right)
}

function booleanColumn(context: Context, scope: Scope): Expr | undefined {
  const column = pickColumn(context, scope, (type) => type === 'bool')
  context.tag('boolean column')
  return column && (context.structure.chance(0.5) ? column.expression : eb(column.expression, 'is', eb.lit(false)))
}

function tupleIn(context: Context, scope: Scope): Expr | undefined {
  const [left, right] = [comparable(context, scope), comparable(context, scope)]
  if (!left || !right) return undefined
  const tuples = list(context, left.type).map((value) => eb.tuple(value, context.value(right.type)))
  context.tag('tuple in')
  return eb(eb.refTuple(left.expression, right.expression), 'in', tuples as Loose)
}

/** The optional filter that applications write: `$1 is null or column = $2`. */
function optionalParameter(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  if (!column) return undefined
  const value = context.value(column.type)
  context.tag('optional filter')
  const cast = eb.cast(eb.val(value), sql.raw(sqlType(column.type).sql.replace(/ collate .*/, '')))
  return eb.or([eb(cast, 'is', null), eb(column.expression, '=', eb.val(value))])
}

function rawComparison(context: Context, scope: Scope): Expr | undefined {
  const column = comparable(context, scope)
  context.tag('raw predicate')
  return column && sql`(${column.expression} = ${context.value(column.type)})`
}

/** A schema's own function that reads tables. */
function functionComparison(context: Context, scope: Scope): Expr | undefined {
  if (context.schema.functions.length === 0) return undefined
  const called = context.structure.pick(context.schema.functions)
  if (called.dependsOn !== undefined) context.dependsOn.push(called.dependsOn)
  context.tag(called.dependsOn === undefined ? 'sql function' : 'opaque function')
  const column = pickColumn(context, scope, (type) => type === 'int4')
  const argument = column?.expression ?? eb.cast(eb.val(context.value('int4')), 'int4')
  return eb(eb.fn(called.name, [argument]), '>', eb.val(context.values.between(0, 3)))
}

function constant(context: Context): Expr {
  context.tag('constant')
  return context.structure.pick<() => Expr>([
    () => eb.lit(true),
    () => eb(eb.cast(eb.val(context.value('int4')), 'int4'), '=', eb.val(context.value('int4'))),
    () => sql`true`,
  ])()
}

function either(context: Context, scope: Scope, depth: number): Expr {
  context.tag('or')
  const parts = Array.from({ length: 2 }, () => predicate(context, scope, depth))
  return context.structure.chance(0.75) ? eb.or(parts as Loose) : eb.and(parts as Loose)
}

function negation(context: Context, scope: Scope, depth: number): Expr {
  context.tag('not')
  return eb.not(eb.parens(predicate(context, scope, depth) as Loose) as Loose)
}
