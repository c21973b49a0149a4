import { sql } from 'kysely'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import type { Context, Scope, Typed } from './context.js'
import { eb, type Expr } from './kysely.js'
import { pickColumn, sameFamily } from './references.js'

/** An expression of exactly the type `type`. */
export function expression(context: Context, scope: Scope, type: TypeName, depth: number): Typed {
  const { structure } = context
  const column = pickColumn(context, scope, (other) => other === type)
  const operand = () => column?.expression ?? parameter(context, type)
  const deep = depth > 0 ? 1 : 0
  const choices: (readonly [number, () => Expr | undefined])[] = [
    [column ? 10 : 0, operand],
    [1.5, () => parameter(context, type)],
    [column ? 1 : 0, () => coalesce(context, operand(), type)],
    [1, () => caseWhen(context, scope, operand(), type, depth)],
    [deep, () => context.grammar.scalarSubquery(context, scope, type, depth - 1)?.expression],
    [1.5, () => computed(context, scope, type, depth)],
  ]
  for (;;) {
    const made = structure.weighted(choices)()
    if (made) return { expression: made, type }
  }
}

/** A parameter whose type does not follow from its surroundings. */
export function parameter(context: Context, type: TypeName): Expr {
  const value = context.value(type)
  const castTo = sqlType(type).sql.replace(/ collate .*/, '')
  if (context.structure.chance(0.4)) {
    context.tag('raw cast')
    return collated(sql`${value}::${sql.raw(castTo)}`, type)
  }
  context.tag('cast')
  return collated(eb.cast(eb.val(value), sql.raw(castTo)), type)
}

function collated(value: Expr, type: TypeName): Expr {
  return type === 'insensitive' ? sql`(${value} collate insensitive)` : value
}

function coalesce(context: Context, operand: Expr, type: TypeName): Expr {
  context.tag('coalesce')
  return eb.fn.coalesce(operand, type === 'insensitive' ? parameter(context, type) : eb.val(context.value(type)))
}

function caseWhen(context: Context, scope: Scope, operand: Expr, type: TypeName, depth: number): Expr {
  context.tag('case')
  const condition = context.predicate(scope, depth - 1)
  const then = eb.case().when(condition).then(operand)
  return context.structure.chance(0.5) ? then.end() : then.else(parameter(context, type)).end()
}

/** Functions and operators that stay within the type, without a chance of overflow or failure. */
function computed(context: Context, scope: Scope, type: TypeName, depth: number): Expr | undefined {
  const { structure } = context
  const value = () => pickColumn(context, scope, (other) => other === type)?.expression
  const cast = (made: Expr) => eb.cast(made, sql.raw(sqlType(type).sql))
  switch (type) {
    case 'int4':
    case 'int8':
    case 'numeric':
    case 'float8': {
      const operand = value()
      if (!operand) return undefined
      context.tag('arithmetic')
      return structure.weighted<() => Expr>([
        [2, () => cast(eb(operand, structure.pick(['+', '-'] as const), eb.lit(structure.between(1, 3))))],
        [1, () => cast(eb(operand, '+', eb.val(context.values.between(1, 3))))],
        [1, () => eb.fn('abs', [operand])],
        [1, () => eb.fn('nullif', [operand, sql.lit(1)])],
        [1, () => eb.neg(eb.parens(operand))],
        [1, () => sql`greatest(${operand}, ${parameter(context, type)})`],
      ])()
    }
    case 'text':
      return textFunction(context, scope)
    case 'bool':
      return depth > 0 ? context.predicate(scope, depth - 1) : undefined
    case 'jsonb': {
      const operand = pickColumn(context, scope, (other) => other !== 'json' && other !== 'insensitive')?.expression
      context.tag('jsonb_build_object')
      return operand && sql`jsonb_build_object('v', ${operand})`
    }
    case 'texts': {
      const operand = pickColumn(context, scope, sameFamily('text'))?.expression
      context.tag('array constructor')
      return operand && sql`array[${operand}::text, ${context.value('text')}]`
    }
    default:
      return undefined
  }
}

function textFunction(context: Context, scope: Scope): Expr | undefined {
  const { structure } = context
  const column = pickColumn(context, scope, sameFamily('text'))?.expression
  const any = pickColumn(context, scope, (type) => type !== 'insensitive')?.expression
  const json = pickColumn(context, scope, (type) => type === 'jsonb' || type === 'json')
  context.tag('text function')
  return structure.weighted<() => Expr | undefined>([
    [2, () => column && eb.fn(structure.pick(['lower', 'upper', 'md5']), [column])],
    [1, () => column && eb(column, '||', eb.val(context.value('text')))],
    [1, () => column && eb.fn('concat', [column, sql.lit('-'), eb.cast(eb.val(context.value('int4')), 'int4')])],
    [1, () => column && sql`left(${column}, ${context.values.between(1, 3)})`],
    [1.5, () => any && eb.cast(any, 'text')],
    [2, () => json && jsonPath(context, json.expression)],
  ])()
}

function jsonPath(context: Context, column: Expr): Expr {
  context.tag('json arrow')
  return context.structure.chance(0.5) ? sql`${column} ->> 'a'` : sql`${column} -> 'a' ->> 'b'`
}
