import type { FromItem } from './blocks.js'
import { placesOf, Relaxation, type Conjunct } from './relaxation.js'

/**
 * What of a relaxation bears on the rows of `own`: the items that links tie to it. The rest would make a cross product,
 * and an item that is only joined to says nothing.
 */
export function prune(relaxation: Relaxation, own: FromItem): Relaxation {
  const known = relaxation.conjuncts.filter((conjunct) => itemsOf(conjunct).every((item) => relaxation.items.has(item)))
  const kept = connected(own, known)
  let conjuncts = known.filter((conjunct) => itemsOf(conjunct).every((item) => kept.has(item)))
  for (let leaf = findLeaf(own, kept, conjuncts); leaf; leaf = findLeaf(own, kept, conjuncts)) {
    const dropped = leaf
    kept.delete(dropped)
    conjuncts = conjuncts.filter((conjunct) => !itemsOf(conjunct).includes(dropped))
  }
  return new Relaxation(kept, unique(conjuncts))
}

function connected(own: FromItem, conjuncts: readonly Conjunct[]): Set<FromItem> {
  const links = conjuncts.filter(({ kind }) => kind === 'link').map(itemsOf)
  const kept = new Set([own])
  for (let size = 0; size !== kept.size;) {
    size = kept.size
    for (const items of links) if (items.some((item) => kept.has(item))) for (const item of items) kept.add(item)
  }
  return kept
}

/** An item that no value is compared with, and that is tied to one other item at most. */
function findLeaf(own: FromItem, kept: ReadonlySet<FromItem>, conjuncts: readonly Conjunct[]): FromItem | undefined {
  return [...kept].find((item) => {
    if (item === own) return false
    const about = conjuncts.filter((conjunct) => itemsOf(conjunct).includes(item))
    const others = new Set(about.flatMap(itemsOf).filter((other) => other !== item))
    return others.size <= 1 && about.every((conjunct) => conjunct.kind === 'link')
  })
}

function itemsOf(conjunct: Conjunct): readonly FromItem[] {
  return placesOf(conjunct).map(({ item }) => item)
}

function unique(conjuncts: readonly Conjunct[]): readonly Conjunct[] {
  return conjuncts.filter((one, index) => conjuncts.findIndex((other) => isSame(one, other)) === index)
}

function isSame(one: Conjunct, other: Conjunct): boolean {
  if (one.kind === 'link') {
    return (
      other.kind === 'link' &&
      one.operator === other.operator &&
      isSamePlace(one.left, other.left) &&
      isSamePlace(one.right, other.right)
    )
  }
  return (
    other.kind === 'value' &&
    one.operator === other.operator &&
    one.operands === other.operands &&
    isSamePlace(one.place, other.place)
  )
}

function isSamePlace(one: { item: FromItem; column: string }, other: { item: FromItem; column: string }): boolean {
  return one.item === other.item && one.column === other.column
}
