/**
 * PostgreSQL stores parsed queries as text (`pg_node_tree`): view rules, policies, the bodies of SQL functions.
 *
 *     {QUERY :commandType 1 :rtable ({RTE :rtekind 0 :relid 16384 …}) :targetList ({TARGETENTRY :expr {VAR :varno 1 …}})}
 *
 * This reader knows the notation only. Labels and fields differ between versions (RTE became RANGETBLENTRY), so whoever
 * walks a tree looks for fields, and treats absent ones as absent.
 */
export interface TreeNode {
  readonly label: string
  readonly fields: ReadonlyMap<string, TreeValue>
}

/** A node, a list, or a bare token; `undefined` is PostgreSQL's `<>`. */
export type TreeValue = TreeNode | readonly TreeValue[] | string | undefined

export function isNode(value: TreeValue): value is TreeNode {
  return typeof value === 'object' && 'label' in value
}

export function isList(value: TreeValue): value is readonly TreeValue[] {
  return Array.isArray(value)
}

/** A field that holds one number, such as an object identifier; `undefined` where the node has no such field. */
export function numberOf(node: TreeNode, field: string): number | undefined {
  const value = node.fields.get(field)
  return typeof value === 'string' ? Number(value) : undefined
}

export function isTrue(node: TreeNode, field: string): boolean {
  return node.fields.get(field) === 'true'
}

export function parseNodeTree(text: string): TreeValue {
  const tokens = text.match(TOKEN) ?? []
  let next = 0

  function value(): TreeValue {
    const token = tokens[next++]
    if (token === undefined) throw new SyntaxError('A stored query tree ends too early')
    if (token === '{') return node()
    if (token === '(') return list()
    return token === '<>' ? undefined : token
  }

  function list(): readonly TreeValue[] {
    const items: TreeValue[] = []
    while (tokens[next] !== ')') items.push(value())
    next++
    return items
  }

  function node(): TreeNode {
    const label = tokens[next++] ?? ''
    const fields = new Map<string, TreeValue>()
    while (tokens[next] !== '}') {
      const name = tokens[next++]
      if (name === undefined) throw new SyntaxError('A stored query tree ends too early')
      // The first value counts even if it looks like a field: an alias may be named ":relid".
      let held = value()
      for (let token = tokens[next]; token !== '}' && !token?.startsWith(':'); token = tokens[next])
        held = [held, value()]
      fields.set(name.slice(1), held)
    }
    next++
    return { label, fields }
  }

  return value()
}

// Braces, parentheses and blanks inside a token are escaped with a backslash.
const TOKEN = /[{}()]|(?:\\[^]|[^\s{}()\\])+/g
