import type { OperationNode, ReferenceNode, SelectQueryNode } from 'kysely'
import type { Condition, LinkOperator, Operand, TopRows } from '../plan.js'
import { openArms, type Arms, type Block, type CteScope, type FromItem } from './blocks.js'
import { comparisonsIn, conjuncts, requiredSubquery, type Comparison } from './comparisons.js'
import { columnName, is, unwrap } from './nodes.js'
import { hasWindow, outputsOf, yieldsOverNothing, type Output } from './outputs.js'
import type { TableLookup } from './read-tree.js'
import { columnsOf, findItem, mayBelongTo, type Visible } from './references.js'
import { topRows } from './top.js'

/** A column of a base table at one place in the query. */
export interface Place {
  readonly item: FromItem
  readonly column: string
  /** The derived tables and CTEs through which it was reached. */
  readonly through: readonly FromItem[]
}

export type Conjunct =
  | {
      readonly kind: 'value'
      readonly place: Place
      readonly operator: Condition['operator']
      readonly operands: readonly Operand[]
    }
  | { readonly kind: 'link'; readonly left: Place; readonly operator: LinkOperator; readonly right: Place }

/**
 * Necessary conditions for a row to matter: if it changes the result, there are rows of `items` with which it meets every
 * conjunct. Leaving out an item with its conjuncts, or a conjunct, keeps that true; so whatever is not understood is
 * left out.
 */
export class Relaxation {
  readonly items: Set<FromItem>
  readonly conjuncts: Conjunct[]

  constructor(items: Iterable<FromItem> = [], all: readonly Conjunct[] = []) {
    this.items = new Set(items)
    this.conjuncts = [...all]
  }

  copy(): Relaxation {
    return new Relaxation(this.items, this.conjuncts)
  }
}

/** How the walk came to where it is. */
export interface Path {
  /** Derived tables and CTEs that the walk has entered, and by which of their arms. */
  readonly entered: ReadonlyMap<FromItem, Block>
  /** The conjunct that the walk is in: it does not hold for what is inside of it. */
  readonly within: OperationNode | undefined
}

/** One conjunct of WHERE or ON. */
export interface Part {
  readonly node: OperationNode
  readonly visible: Visible
}

/** References to CTEs that refer to CTEs multiply. */
const MOST_BLOCKS = 2_000
const MOST_CONJUNCTS = 20_000

/** Reads necessary conditions off the blocks of one tree. */
export class Relaxer {
  readonly #lookup: TableLookup
  readonly #numbers: ReadonlyMap<OperationNode, number>
  readonly #itemArms = new Map<FromItem, Arms | undefined>()
  readonly #subqueries = new Map<Block | undefined, Map<SelectQueryNode, Arms>>()
  readonly #where = new Map<Block, readonly Part[]>()
  readonly #on = new Map<FromItem, readonly Part[]>()
  readonly #overNothing = new Map<Block, boolean>()
  readonly #outputs = new Map<Block, readonly Output[] | undefined>()
  readonly #blocks = new Map<FromItem, Block>()
  #added = 0
  #opened = 0

  constructor(lookup: TableLookup, numbers: ReadonlyMap<OperationNode, number>) {
    this.#lookup = lookup
    this.#numbers = numbers
  }

  /** The blocks of a subquery: the same ones whenever it is asked for at the same place. */
  open(node: SelectQueryNode, outer: Block | undefined, ctes: CteScope | undefined): Arms {
    const known = this.#subqueries.get(outer) ?? new Map<SelectQueryNode, Arms>()
    this.#subqueries.set(outer, known)
    const arms = known.get(node) ?? this.#register(openArms(node, outer, ctes))
    known.set(node, arms)
    return arms
  }

  /** The blocks of a derived table or a reference to a CTE; `undefined` for everything else. */
  armsOf(item: FromItem, block: Block): Arms | undefined {
    if (!this.#itemArms.has(item)) this.#itemArms.set(item, this.#openItem(item, block))
    return this.#itemArms.get(item)
  }

  #openItem({ source }: FromItem, block: Block): Arms | undefined {
    if (source.kind === 'query') {
      return this.#register(openArms(source.query, source.isLateral ? block : block.outer, block.ctes))
    }
    if (source.kind !== 'cte') return undefined
    const { expression, outer, inside } = source.cte
    const query = unwrap(expression)
    return is(query, 'SelectQueryNode') ? this.#register(openArms(query, outer, inside())) : undefined
  }

  #register(arms: Arms): Arms {
    this.#opened += arms.blocks.length
    if (this.#opened > MOST_BLOCKS) throw new Error('it has too many occurrences')
    for (const block of arms.blocks) for (const item of block.items) this.#blocks.set(item, block)
    return arms
  }

  /** Whether the block returns a row even if no row meets its conditions. */
  yieldsOverNothing(block: Block): boolean {
    const known = this.#overNothing.get(block)
    if (known !== undefined) return known
    const yields = yieldsOverNothing(block.node, (reference) => mayBelongTo(this.#lookup, block, reference))
    this.#overNothing.set(block, yields)
    return yields
  }

  /** The conjuncts of the block's WHERE; none where it is not understood as a whole. */
  whereParts(block: Block): readonly Part[] {
    const known = this.#where.get(block)
    if (known !== undefined) return known
    const parts = conjuncts(block.node.where?.where).map((node): Part => ({ node, visible: allOf(block) }))
    this.#where.set(block, parts)
    return parts
  }

  /** The conjuncts of the ON condition of the block's item at `index`. */
  onParts(item: FromItem, index: number): readonly Part[] {
    const known = this.#on.get(item)
    if (known !== undefined) return known
    // A join binds more tightly than a comma: of the items before it, the last one alone belongs to it.
    const first = Math.max(0, (this.#blocks.get(item)?.node.from?.froms.length ?? 0) - 1)
    const parts = conjuncts(item.join?.on?.on).map((node): Part => ({ node, visible: { first, end: index + 1 } }))
    this.#on.set(item, parts)
    return parts
  }

  /** Adds what must hold for the block to contribute anything. */
  gather(into: Relaxation, block: Block, path: Path, seen: Set<Block | FromItem> = new Set()): void {
    if (seen.has(block) || !block.isPlain) return
    seen.add(block)
    for (const item of block.items) if (!item.isNullable) this.include(into, item, path, seen)
    for (const part of this.whereParts(block)) this.#addPart(into, part, block, undefined, path, seen)
    block.items.forEach((item, index) => {
      if (!item.onFilters) return
      for (const part of this.onParts(item, index)) this.#addPart(into, part, block, undefined, path, seen)
    })
  }

  /** Adds an item whose row is there, and so meets its own ON condition. */
  include(into: Relaxation, item: FromItem, path: Path, seen: Set<Block | FromItem>): void {
    const block = this.#blocks.get(item)
    if (seen.has(item) || block === undefined || !block.isPlain) return
    seen.add(item)
    if (item.source.kind === 'table') {
      const { schema, name } = item.source.table
      if (this.#lookup(schema, name)?.isTable === true) into.items.add(item)
    } else if (!path.entered.has(item)) {
      const arms = this.armsOf(item, block)
      const only = arms?.blocks.length === 1 && arms.others.length === 0 ? arms.blocks[0] : undefined
      if (only !== undefined && !this.yieldsOverNothing(only)) this.gather(into, only, path, seen)
    }
    if (!claimsOwnOn(item, block)) return
    for (const part of this.onParts(item, block.items.indexOf(item))) {
      this.#addPart(into, part, block, item, path, seen)
    }
  }

  /** The equality of `x in (select y …)`, for the arm of the subquery that the walk enters. */
  addMembership(into: Relaxation, member: OperationNode, block: Block, visible: Visible, arm: Block, path: Path): void {
    const left = is(member, 'ReferenceNode') ? this.resolve(member, block, visible, path) : undefined
    const right = this.#output(arm, 0, path, [])
    if (!left || !right) return
    this.#push(into, { kind: 'link', left, operator: '=', right }, undefined, path, new Set([block, arm]))
  }

  #addPart(
    into: Relaxation,
    { node, visible }: Part,
    block: Block,
    owner: FromItem | undefined,
    path: Path,
    seen: Set<Block | FromItem>,
  ): void {
    if (node === path.within) return
    const required = requiredSubquery(node)
    if (required) {
      const { blocks, others } = this.open(required.select, block, block.ctes)
      const [arm] = blocks
      if (arm === undefined || blocks.length > 1 || others.length > 0 || this.yieldsOverNothing(arm)) return
      this.gather(into, arm, path, seen)
      const { member } = required
      const left = member && is(member, 'ReferenceNode') ? this.resolve(member, block, visible, path) : undefined
      const right = left && this.#output(arm, 0, path, [])
      if (left && right) this.#push(into, { kind: 'link', left, operator: '=', right }, owner, path, seen)
      return
    }
    for (const comparison of comparisonsIn(node, this.#numbers)) {
      const conjunct = this.#resolveAll(comparison, block, visible, path)
      if (conjunct) this.#push(into, conjunct, owner, path, seen)
    }
  }

  #resolveAll(comparison: Comparison, block: Block, visible: Visible, path: Path): Conjunct | undefined {
    if (comparison.kind === 'value') {
      const place = this.resolve(comparison.reference, block, visible, path)
      return place && { kind: 'value', place, operator: comparison.operator, operands: comparison.operands }
    }
    const left = this.resolve(comparison.left, block, visible, path)
    const right = this.resolve(comparison.right, block, visible, path)
    return left && right && { kind: 'link', left, operator: comparison.operator, right }
  }

  #push(
    into: Relaxation,
    conjunct: Conjunct,
    owner: FromItem | undefined,
    path: Path,
    seen: Set<Block | FromItem>,
  ): void {
    if (++this.#added > MOST_CONJUNCTS) throw new Error('it has too many conditions')
    const nullable = placesOf(conjunct)
      .flatMap(({ item, through }) => [...through, item])
      .filter((item) => item.isNullable)
    // A row that is absent from the join, all NULL, meets only "is null".
    const rejectsNull = conjunct.kind === 'link' || conjunct.operator !== 'is null'
    if (!rejectsNull && nullable.some((item) => item !== owner)) return
    for (const item of nullable) this.include(into, item, path, seen)
    into.conjuncts.push(conjunct)
  }

  /** The base table's column that a reference means; `undefined` where that is not certain. */
  resolve(reference: ReferenceNode, block: Block, visible: Visible, path: Path): Place | undefined {
    const column = columnName(reference)
    const item = column === undefined ? undefined : findItem(this.#lookup, reference, block, visible)
    return item && this.#column(item, column!, path, [])
  }

  #column(item: FromItem, column: string, path: Path, through: readonly FromItem[]): Place | undefined {
    if (item.source.kind === 'table') {
      return columnsOf(this.#lookup, item)?.has(column) === true ? { item, column, through } : undefined
    }
    const block = this.#blocks.get(item)
    const arms = block && this.armsOf(item, block)
    if (!arms || arms.others.length > 0 || (item.source.kind === 'cte' && item.source.cte.renames)) return undefined
    const entered = path.entered.get(item)
    if (!entered && arms.blocks.length > 1) return undefined
    if (entered?.picksRows === true) return undefined
    const names = this.#outputsOf(arms.blocks[0]!)?.map(({ name }) => name) ?? []
    const position = names.indexOf(column)
    if (position < 0 || names.lastIndexOf(column) !== position) return undefined
    return this.#output(entered ?? arms.blocks[0]!, position, path, [...through, item])
  }

  #output(block: Block, position: number, path: Path, through: readonly FromItem[]): Place | undefined {
    const output = this.#outputsOf(block)?.[position]
    if (!output || !block.isPlain || this.yieldsOverNothing(block)) return undefined
    if ('item' in output) return this.#column(output.item, output.name, path, through)
    const reference = unwrap(output.node)
    const place = is(reference, 'ReferenceNode') ? this.resolve(reference, block, allOf(block), path) : undefined
    return place && { ...place, through: [...through, ...place.through] }
  }

  /** The `order by … limit` of the query's outermost block, as far as it is about this item's rows. */
  topRows(block: Block, item: FromItem): TopRows | undefined {
    if (hasWindow(block.node) || this.yieldsOverNothing(block)) return undefined
    const path: Path = { entered: new Map(), within: undefined }
    const outputs = this.#outputsOf(block)?.map(({ name }, position) => ({
      name,
      place: this.#output(block, position, path, []),
    }))
    return (
      outputs &&
      topRows(block, item, this.#numbers, outputs, (node) =>
        is(node, 'ReferenceNode') ? this.resolve(node, block, allOf(block), path) : undefined,
      )
    )
  }

  #outputsOf(block: Block): readonly Output[] | undefined {
    if (!this.#outputs.has(block)) {
      this.#outputs.set(
        block,
        outputsOf(block, (item) => columnsOf(this.#lookup, item)),
      )
    }
    return this.#outputs.get(block)
  }
}

function allOf({ items }: Block): Visible {
  return { first: 0, end: items.length }
}

export function placesOf(conjunct: Conjunct): readonly Place[] {
  return conjunct.kind === 'value' ? [conjunct.place] : [conjunct.left, conjunct.right]
}

/** Where a RIGHT or FULL join makes the items before it nullable, no row need meet the ON of another join. */
function claimsOwnOn(item: FromItem, block: Block): boolean {
  return (
    item.join?.joinType.endsWith('LeftJoin') === true && !block.items.some((other) => !other.join && other.isNullable)
  )
}
