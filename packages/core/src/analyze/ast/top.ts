import type { OperationNode, OrderByItemNode, SelectQueryNode, ValueNode } from 'kysely'
import type { Operand, OrderKey, TopRows } from '../plan.js'
import type { Block, FromItem } from './blocks.js'
import { is, unwrap } from './nodes.js'
import type { Place } from './relaxation.js'

/**
 * `order by … limit n` at the top of a query, by columns of one item alone that the query also returns: a row of that
 * item that sorts behind the last row returned, before and after its change, plays no part. `undefined` for any other.
 */
export function topRows(
  block: Block,
  item: FromItem,
  numbers: ReadonlyMap<OperationNode, number>,
  /** What each of the block's columns is. */
  outputs: readonly { readonly name: string; readonly place: Place | undefined }[],
  placeOf: (node: OperationNode) => Place | undefined,
): TopRows | undefined {
  const { node } = block
  const limit = node.limit && operand(unwrap(node.limit.limit), numbers)
  if (limit === undefined || item.isNullable || !block.isPlain || !isPlainSelect(node)) return undefined
  const keys: OrderKey[] = []
  for (const order of node.orderBy?.items ?? []) {
    const place = placeOf(unwrap(order.orderBy))
    const descending = direction(order)
    if (place?.item !== item || place.through.length > 0 || descending === undefined || order.collation)
      return undefined
    const output = outputs.findIndex((shown) => shown.place?.item === item && shown.place.column === place.column)
    const name = outputs[output]?.name
    if (name === undefined) return undefined
    const nullsFirst = order.nulls ? order.nulls === 'first' : descending
    keys.push({ column: place.column, output, name, descending, nullsFirst })
  }
  return keys.length > 0 ? { limit, keys } : undefined
}

/** Each row of the join is one row of the result, whatever other rows there are. */
function isPlainSelect(node: SelectQueryNode): boolean {
  const isModified = (node.frontModifiers?.length ?? 0) + (node.endModifiers?.length ?? 0) > 0
  const parts = node as SelectQueryNode & { readonly fetch?: unknown; readonly top?: unknown }
  const isPicking = [node.groupBy, node.having, node.distinctOn?.length, parts.fetch, parts.top].some(Boolean)
  return !isModified && !isPicking && (node.setOperations?.length ?? 0) === 0
}

function direction({ direction: node }: OrderByItemNode): boolean | undefined {
  if (node === undefined) return false
  const text = is(node, 'RawNode') ? node.sqlFragments.join('').trim().toLowerCase() : ''
  return text === 'desc' ? true : text === 'asc' ? false : undefined
}

function operand(node: OperationNode, numbers: ReadonlyMap<OperationNode, number>): Operand | undefined {
  if (node.kind !== 'ValueNode') return undefined
  const { value, immediate } = node as ValueNode
  if (immediate === true) return typeof value === 'number' ? { kind: 'literal', value } : undefined
  const number = numbers.get(node)
  return number === undefined ? undefined : { kind: 'parameter', number }
}
