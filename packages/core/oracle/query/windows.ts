import { sql } from 'kysely'
import { sqlType } from '../schema/sql-types.js'
import type { Context, Scope, Typed } from './context.js'
import { eb, type Loose } from './kysely.js'
import { orderExpressions } from './ordering.js'
import { hasEquality, pickColumn } from './references.js'

/** A window function over the block: on a total order where the result depends on one. */
export function windowColumn(context: Context, scope: Scope): Typed | undefined {
  const { structure } = context
  const own: Scope = { ...scope, outer: undefined, complete: false }
  const partition = structure.chance(0.6) ? pickColumn(context, own, hasEquality) : undefined
  const tied = pickColumn(context, own, (type) => sqlType(type).ordered)
  const number = pickColumn(context, own, (type) => type === 'int4')
  const order = orderExpressions(context, scope)
  const over = (total: boolean) => (builder: Loose) => {
    const partitioned = partition ? builder.partitionBy(partition.expression) : builder
    if (!total) return tied ? partitioned.orderBy(tied.expression) : partitioned
    return order.reduce((built: Loose, expression) => built.orderBy(expression), partitioned)
  }
  context.tag('window')
  return structure.weighted<() => Typed | undefined>([
    [3, () => ({ expression: eb.fn.agg('row_number').over(over(true)) as Loose, type: 'int8' })],
    [
      2,
      () => ({
        expression: eb.fn.agg(structure.pick(['rank', 'dense_rank'])).over(over(false)) as Loose,
        type: 'int8',
      }),
    ],
    [2, () => ({ expression: eb.fn.countAll().over(over(false)) as Loose, type: 'int8' })],
    [1, () => ({ expression: eb.fn.countAll().over() as Loose, type: 'int8' })],
    [
      2,
      () =>
        number && {
          expression: eb.fn.sum(number.expression as Loose).over(over(structure.chance(0.5))) as Loose,
          type: 'int8',
        },
    ],
    [
      1,
      () =>
        number && {
          expression: eb.fn
            .agg(structure.pick(['lag', 'lead', 'first_value']), [number.expression as Loose])
            .over(over(true)) as Loose,
          type: 'int4',
        },
    ],
    [
      0.5,
      () =>
        number && {
          expression: sql`sum(${number.expression}) over (order by ${sql.join(order)} rows between 1 preceding and current row)`,
          type: 'int8',
        },
    ],
  ])()
}
