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
export function* children(node: object): Generator<OperationNode> {
  if (isValue(node)) return
  for (const property of Object.values(node)) {
    for (const item of Array.isArray(property) ? property : [property]) if (isOperationNode(item)) yield item
  }
}

/** A copy in which no node stands twice. Kysely's own transformers share the leaves, which are just the parameters. */
export function copyTree<Node extends OperationNode>(node: Node): Node {
  if (isValue(node)) return { ...node }
  const copyItem = (item: unknown): unknown => (isOperationNode(item) ? copyTree(item) : item)
  const copyProperty = (property: unknown): unknown =>
    Array.isArray(property) ? property.map(copyItem) : copyItem(property)
  const properties = Object.entries(node).map(([name, property]) => [name, copyProperty(property)])
  return Object.fromEntries(properties) as Node
}

/** What a parameter holds is the application's, even if it looks like a node. */
function isValue(node: object): boolean {
  const { kind } = node as Partial<OperationNode>
  return kind === 'ValueNode' || kind === 'PrimitiveValueListNode'
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

/** Names as PostgreSQL understands them. */
export function tableName({ table: { schema, identifier } }: TableNode): TableName {
  return { schema: schema && truncated(schema.name), name: truncated(identifier.name) }
}

/** The column that a reference names; `undefined` for `t.*`. */
export function columnName({ column }: ReferenceNode): string | undefined {
  return is(column, 'ColumnNode') ? truncated(column.column.name) : undefined
}

const MOST_BYTES = 63

/** PostgreSQL cuts names off after 63 bytes, and never within a character. */
export function truncated(name: string): string {
  let bytes = 0
  let kept = ''
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > MOST_BYTES) return kept
    kept += character
  }
  return name
}

function isOperationNode(value: unknown): value is OperationNode {
  return typeof value === 'object' && value !== null && typeof (value as { kind?: unknown }).kind === 'string'
}
