import type {
  BinaryOperationNode,
  ColumnNode,
  OperationNode,
  OperatorNode,
  RawNode,
  ReferenceNode,
  SelectQueryNode,
  TableNode,
} from 'kysely'

/*
 * Nodes are recognised by `kind` alone: the tree may come from another copy of Kysely than the one imported here.
 */
interface Kinds {
  SelectQueryNode: SelectQueryNode
  RawNode: RawNode
  ReferenceNode: ReferenceNode
  TableNode: TableNode
  BinaryOperationNode: BinaryOperationNode
  OperatorNode: OperatorNode
  ColumnNode: ColumnNode
}

export function is<Kind extends keyof Kinds>(node: OperationNode, kind: Kind): node is Kinds[Kind] {
  return node.kind === kind
}

/** The nodes directly below a node, in the order of its properties. */
export function* children(node: OperationNode): Generator<OperationNode> {
  for (const value of Object.values(node)) {
    for (const item of Array.isArray(value) ? value : [value]) if (isOperationNode(item)) yield item
  }
}

/** Takes off what changes nothing: parentheses, and raw SQL that is only a node, such as `sql.ref('a')`. */
export function unwrap(node: OperationNode): OperationNode {
  if (node.kind === 'ParensNode') return unwrap((node as OperationNode & { node: OperationNode }).node)
  const only = is(node, 'RawNode') && node.sqlFragments.every((text) => text === '') ? node.parameters : []
  return only.length === 1 && only[0] !== undefined ? unwrap(only[0]) : node
}

export interface TableName {
  readonly schema: string | undefined
  readonly name: string
}

export function tableName(node: TableNode): TableName {
  return { schema: node.table.schema?.name, name: node.table.identifier.name }
}

function isOperationNode(value: unknown): value is OperationNode {
  return typeof value === 'object' && value !== null && typeof (value as { kind?: unknown }).kind === 'string'
}
