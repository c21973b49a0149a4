import { sql } from 'kysely'
import { sqlType, typeNames, type TypeName } from '../schema/sql-types.js'
import type { Block, BlockOptions, Context, Output } from './context.js'
import { builder, eb, type Loose, type Query } from './kysely.js'
import { direction, isTotal, limited } from './ordering.js'
import { isExact } from './references.js'

/** A query expression: one block, or a set operation, with common tables before it at times. */
export function queryExpression(context: Context, options: BlockOptions): Block {
  const { structure, commonTables } = context
  if (!structure.chance(0.2)) return body(context, options)
  const before = commonTables.length
  // Recursion must come first: added later, the builder leaves the word RECURSIVE out.
  const recursion = structure.chance(0.15) ? recursive(context) : undefined
  let creator: Loose = recursion ?? builder
  for (let count = structure.between(recursion ? 0 : 1, 2); count > 0; count--) {
    creator = withCommonTable(context, creator, recursion !== undefined)
  }
  const made = body(context, options)
  commonTables.length = before
  // The body was built on its own: its node gets the WITH clause of a query that has nothing else.
  const node = {
    ...made.query.toOperationNode(),
    with: creator.selectNoFrom(eb.lit(1).as('one')).toOperationNode().with,
  }
  return { ...made, query: fromNode(node) }
}

function body(context: Context, options: BlockOptions): Block {
  return context.structure.chance(0.14) ? setOperation(context, options) : context.block(options)
}

/** A query builder around an operation node. */
export function fromNode(node: Loose): Query {
  const Builder = builder.selectNoFrom(eb.lit(1).as('one')).constructor as new (props: Loose) => Query
  return new Builder({ queryId: { queryId: 'oracle' }, queryNode: node, executor: builder.getExecutor() })
}

function withCommonTable(context: Context, creator: Loose, afterRecursive: boolean): Loose {
  const { structure, commonTables } = context
  const name = commonTableName(context, afterRecursive)
  const { query, columns } = context.block({ outer: undefined, depth: 1, purpose: 'derived', want: undefined })
  commonTables.push({ name, columns })
  context.tag('cte')
  if (!structure.chance(0.3)) return creator.with(name, () => query)
  context.tag('cte materialized')
  return creator.with(
    (cte: Loose) => (structure.chance(0.5) ? cte(name).materialized() : cte(name).notMaterialized()),
    () => query,
  )
}

/** A name of its own, or a table's, which it then hides. Under WITH RECURSIVE it would hide the table from itself. */
function commonTableName(context: Context, afterRecursive: boolean): string {
  const { structure, commonTables, schema } = context
  const tables = schema.relations.filter((relation) => relation.schema === 'public')
  if (afterRecursive || tables.length === 0 || !structure.chance(0.15)) return context.fresh('cte')
  const { name } = structure.pick(tables)
  if (commonTables.some((table) => table.name === name)) return context.fresh('cte')
  context.tag('cte hides a table')
  return name
}

/** A chain through one table, by two of its number columns: finite, because UNION keeps each pair once. */
function recursive(context: Context): Loose {
  const isNumber = ({ type }: Output) => type === 'int4'
  const relation = context.schema.relations.find((candidate) => candidate.columns.filter(isNumber).length >= 2)
  if (!relation) return undefined
  const [from, to] = relation.columns.filter(isNumber).map((column) => column.name) as [string, string]
  const name = context.fresh('chain').replace(' "', '')
  const table = `${relation.schema}.${relation.name} as link`
  const columns = [`link.${from} as f`, `link.${to} as t`]
  const value = context.value('int4')
  context.commonTables.push({
    name,
    columns: [
      { name: 'f', type: 'int4' },
      { name: 't', type: 'int4' },
    ],
  })
  context.tag('with recursive')
  return builder.withRecursive(`${name}(f, t)`, (creator: Loose) =>
    creator
      .selectFrom(table)
      .where(`link.${from}`, '=', value)
      .select(columns)
      .union(creator.selectFrom(`${name} as prior`).innerJoin(table, `link.${from}`, 'prior.t').select(columns)),
  )
}

type SetOperator = 'union' | 'unionAll' | 'intersect' | 'intersectAll' | 'except' | 'exceptAll'

function setOperation(context: Context, options: BlockOptions): Block {
  const { structure } = context
  const types = options.want ?? Array.from({ length: structure.between(1, 3) }, () => structure.pick(armTypes()))
  const arm = () => context.block({ ...options, purpose: 'arm', want: types, depth: options.depth - 1 }).query
  let query = arm()
  const columns = outputNames(query).map((name, index): Output => ({ name, type: types[index] as TypeName }))
  for (let count = structure.between(1, 2); count > 0; count--) {
    const operator = structure.pick<SetOperator>([
      'union',
      'unionAll',
      'unionAll',
      'intersect',
      'intersectAll',
      'except',
      'exceptAll',
    ])
    context.tag(operator)
    query = query[operator](structure.chance(0.2) ? nested(context, arm) : (arm() as Loose))
  }
  if (!columns.every(isTotal) || structure.chance(0.5) || options.want) return { query, columns, ordered: false }
  const ordered = columns.reduce((built, column) => built.orderBy(sql.ref(column.name), direction(context)), query)
  return { query: structure.chance(0.4) ? limited(context, ordered) : ordered, columns, ordered: true }
}

/** An arm that is a set operation itself, in parentheses. */
function nested(context: Context, arm: () => Query): Loose {
  context.tag('nested set operation')
  return eb.parens(arm().unionAll(arm() as Loose) as Loose)
}

function armTypes(): TypeName[] {
  return typeNames.filter((type) => isExact(type) && type !== 'large' && sqlType(type).ordered)
}

/** The names of a query's columns, as its selections give them. */
function outputNames(query: Query): string[] {
  const node = query.toOperationNode() as Loose
  return node.selections.map(({ selection }: Loose) => selection.alias?.name ?? selection.column.column.name)
}
