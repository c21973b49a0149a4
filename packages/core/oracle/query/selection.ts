import { typeNames } from '../schema/sql-types.js'
import type { Block, BlockOptions, Context, Output, Scope, Typed } from './context.js'
import { expression } from './expressions.js'
import { jsonColumn } from './json.js'
import { named, type Loose, type Query } from './kysely.js'
import { pickColumn, reference } from './references.js'
import { windowColumn } from './windows.js'

/** The SELECT list: all columns of an item, or expressions of the types that are wanted, or of any. */
export function selection(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  const { structure } = context
  const only = scope.items.length === 1 ? scope.items[0] : undefined
  if (!options.want && only && structure.chance(0.3)) {
    context.tag('select all')
    return {
      query: structure.chance(0.5) ? query.selectAll() : query.selectAll(only.alias),
      columns: only.columns,
      ordered: false,
    }
  }
  const columns: Output[] = []
  let built = query
  for (const value of values(context, scope, options)) {
    const isFree = (name: string) => !columns.some((column) => column.name === name)
    const own = value.column !== undefined && isFree(value.column) && structure.chance(0.6) ? value.column : undefined
    const name = own ?? freeName(columns.length, isFree)
    built = built.select(own !== undefined ? (value.expression as Loose) : named(value.expression, name))
    columns.push({ name, type: value.type })
  }
  return { query: built, columns, ordered: false }
}

function freeName(start: number, isFree: (name: string) => boolean): string {
  for (let number = start; ; number++) if (isFree(`c${number}`)) return `c${number}`
}

type NamedValue = Typed & { readonly column?: string }

function values(context: Context, scope: Scope, options: BlockOptions): NamedValue[] {
  const { structure } = context
  if (options.want) return options.want.map((type) => expression(context, scope, type, options.depth))
  return Array.from({ length: structure.between(1, 4) }, () => {
    const special = structure.chance(0.12)
      ? windowColumn(context, scope)
      : structure.chance(0.1) && options.depth > 0
        ? jsonColumn(context, scope, options.depth)
        : undefined
    if (special) return special
    const column = pickColumn(context, { ...scope, outer: undefined }, () => true)
    if (column && structure.chance(0.75)) {
      return {
        expression: reference(context, scope, column.item, column.column.name),
        type: column.type,
        column: column.column.name,
      }
    }
    return expression(
      context,
      scope,
      column?.type ?? structure.pick(typeNames.filter((type) => type !== 'large')),
      options.depth,
    )
  })
}
