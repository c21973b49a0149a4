import type { ReferenceNode } from 'kysely'
import type { Block, FromItem } from './blocks.js'
import { columnName, tableName, type TableName } from './nodes.js'
import type { TableLookup } from './read-tree.js'

/** Which of its block's items a clause sees: those from `first` on, up to `end`. */
export interface Visible {
  readonly first: number
  readonly end: number
}

/**
 * The from-item that a reference in `block` means, looking at the items that are visible there and then at the blocks
 * around; `undefined` where that is not certain.
 */
export function findItem(
  lookup: TableLookup,
  reference: ReferenceNode,
  block: Block,
  { first, end }: Visible,
): FromItem | undefined {
  // `from a, b join c on a.x = …`: this a is one further out.
  if (candidates(lookup, reference, block.items.slice(0, first))?.length !== 0) return undefined
  const own = candidates(lookup, reference, block.items.slice(first, end))
  if (own === undefined || own.length > 0) return only(own)
  let found: readonly FromItem[] = []
  for (let scope = block.outer; scope !== undefined; scope = scope.outer) {
    const there = candidates(lookup, reference, scope.items)
    // A block around may show only a part of its items here, so that a name which stands further out, too, is not certain.
    if (there === undefined || (there.length > 0 && found.length > 0)) return undefined
    if (there.length > 0) found = there
  }
  return only(found)
}

function only(items: readonly FromItem[] | undefined): FromItem | undefined {
  return items?.length === 1 ? items[0] : undefined
}

/** Items that have such a column; `undefined` where one of them has columns that the tree does not tell. */
function candidates(
  lookup: TableLookup,
  reference: ReferenceNode,
  items: readonly FromItem[],
): readonly FromItem[] | undefined {
  const qualifier = reference.table && tableName(reference.table)
  if (qualifier) return items.filter((item) => isNamed(lookup, item, qualifier))
  const column = columnName(reference)
  const known = items.map((item) => columnsOf(lookup, item))
  if (known.includes(undefined)) return undefined
  return items.filter((_, index) => column !== undefined && known[index]?.has(column))
}

/** Every item that a reference in `block` may mean, the blocks around included: too many rather than too few. */
export function possibleItems(lookup: TableLookup, block: Block, reference: ReferenceNode): readonly FromItem[] {
  const qualifier = reference.table && tableName(reference.table)
  const column = columnName(reference)
  const found: FromItem[] = []
  for (let scope: Block | undefined = block; scope !== undefined; scope = scope.outer) {
    const items = scope.items.filter((item) =>
      qualifier ? isNamed(lookup, item, qualifier) : column === undefined || columnsOf(lookup, item)?.has(column),
    )
    found.push(...items)
    if (items.length > 0 && !mayBeHidden(scope)) break
  }
  return found
}

/** Whether the reference may stand in an ON condition, which does not see all of the block's items. */
function mayBeHidden({ node }: Block): boolean {
  return (node.joins?.length ?? 0) > 0
}

/** Whether a reference somewhere below the block may mean one of the block's own items. */
export function mayBelongTo(lookup: TableLookup, block: Block, reference: ReferenceNode): boolean {
  const qualifier = reference.table && tableName(reference.table)
  const column = columnName(reference)
  return block.items.some((item) => {
    if (qualifier) return item.name === undefined || item.name.name === qualifier.name
    const columns = columnsOf(lookup, item)
    return columns === undefined || column === undefined || columns.has(column)
  })
}

function isNamed(lookup: TableLookup, { name: own, node, source }: FromItem, { schema, name }: TableName): boolean {
  if (own?.name !== name || schema === undefined) return own?.name === name
  if (source.kind !== 'table' || node.kind === 'AliasNode') return false
  return lookup(schema, name)?.relation === lookup(source.table.schema, name)?.relation
}

/** The columns of a base table or view; `undefined` for everything else. */
export function columnsOf(lookup: TableLookup, { source }: FromItem): ReadonlySet<string> | undefined {
  return source.kind === 'table' ? lookup(source.table.schema, source.table.name)?.columns : undefined
}
