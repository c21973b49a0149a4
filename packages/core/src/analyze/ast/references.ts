import type { ReferenceNode } from 'kysely'
import type { Block, FromItem } from './blocks.js'
import { columnName, tableName, type TableName } from './nodes.js'
import type { TableLookup } from './read-tree.js'

/** A column of a base table that stands in the FROM of a block. */
export interface OwnColumn {
  readonly item: FromItem
  readonly column: string
}

/**
 * The base table's column that a reference in `block` means, looking at the first `visible` items of that block only;
 * `undefined` for everything else, and where it is not certain.
 */
export function ownColumn(
  lookup: TableLookup,
  block: Block,
  reference: ReferenceNode,
  visible: number,
): OwnColumn | undefined {
  const column = columnName(reference)
  if (column === undefined) return undefined
  const items = block.items.slice(0, visible)
  const qualifier = reference.table && tableName(reference.table)
  // Without a qualifier a second item with such a column would make the query ambiguous, so one table settles it.
  const candidates = qualifier
    ? items.filter((item) => isNamed(item, qualifier))
    : items.filter((item) => columnsOf(lookup, item)?.has(column))
  const [item] = candidates
  if (item === undefined || candidates.length > 1 || columnsOf(lookup, item)?.has(column) !== true) return undefined
  return { item, column }
}

/** Every item that a reference in `block` may mean, the blocks around included: too many rather than too few. */
export function possibleItems(lookup: TableLookup, block: Block, reference: ReferenceNode): readonly FromItem[] {
  const qualifier = reference.table && tableName(reference.table)
  const column = columnName(reference)
  for (let scope: Block | undefined = block; scope !== undefined; scope = scope.outer) {
    const items = scope.items.filter((item) =>
      qualifier ? isNamed(item, qualifier) : column === undefined || columnsOf(lookup, item)?.has(column),
    )
    if (items.length > 0) return items
  }
  return []
}

function isNamed(item: FromItem, { schema, name }: TableName): boolean {
  return item.name?.name === name && (schema === undefined || item.name.schema === schema)
}

function columnsOf(lookup: TableLookup, { source }: FromItem): ReadonlySet<string> | undefined {
  return source.kind === 'table' ? lookup(source.table.schema, source.table.name)?.columns : undefined
}
