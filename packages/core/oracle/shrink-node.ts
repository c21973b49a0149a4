/**
 * Smaller trees than an encoded operation node, the boldest first: a clause gone, one side of an AND or OR, one entry
 * of a list less, a subtree in the place of its parent. Most are no valid query; whoever asks tries them.
 */
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Path = readonly (string | number)[]

const CLAUSES = [
  'with',
  'joins',
  'where',
  'having',
  'orderBy',
  'limit',
  'offset',
  'fetch',
  'setOperations',
  'distinctOn',
  'frontModifiers',
  'groupBy',
]
/** Lists of which one entry may go, if another stays. */
const LISTS = ['joins', 'selections', 'items', 'expressions', 'setOperations', 'froms', 'values', 'frontModifiers']

export function* smallerNodes(root: unknown): Generator<unknown> {
  for (const { path, replacement } of edits(root as Json, [])) yield replaced(root as Json, path, replacement)
}

interface Edit {
  readonly path: Path
  /** Undefined removes it. */
  readonly replacement: Json | undefined
}

function* edits(node: Json, path: Path): Generator<Edit> {
  if (typeof node !== 'object' || node === null) return
  if (isList(node)) {
    for (const [index, entry] of node.entries()) yield* edits(entry, [...path, index])
    return
  }
  for (const clause of CLAUSES) if (clause in node) yield { path: [...path, clause], replacement: undefined }
  for (const key of LISTS) {
    const list = node[key]
    if (list !== undefined && isList(list) && list.length > 1) {
      for (const index of list.keys())
        yield { path: [...path, key], replacement: list.filter((_, position) => position !== index) }
    }
  }
  yield* inPlaceOf(node, path)
  for (const [key, entry] of Object.entries(node)) yield* edits(entry, [...path, key])
}

function* inPlaceOf(node: { readonly [key: string]: Json }, path: Path): Generator<Edit> {
  const parts =
    node['kind'] === 'AndNode' || node['kind'] === 'OrNode'
      ? ['left', 'right']
      : node['kind'] === 'ParensNode'
        ? ['node']
        : node['kind'] === 'UnaryOperationNode'
          ? ['operand']
          : []
  for (const part of parts) yield { path, replacement: node[part] ?? null }
}

function isList(node: Json): node is readonly Json[] {
  return Array.isArray(node)
}

function replaced(node: Json, [first, ...rest]: Path, replacement: Json | undefined): Json | undefined {
  if (first === undefined) return replacement
  if (Array.isArray(node)) {
    return (node as readonly Json[]).map((entry, index) =>
      index === first ? (replaced(entry, rest, replacement) ?? null) : entry,
    )
  }
  const entries = { ...(node as { readonly [key: string]: Json }) }
  const changed = replaced(entries[first] as Json, rest, replacement)
  if (changed === undefined) delete entries[first]
  else entries[first] = changed
  return entries
}
