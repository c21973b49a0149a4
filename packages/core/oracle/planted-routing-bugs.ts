import type { BinaryOperationNode, OperationNode, OperatorNode, UnaryOperationNode } from 'kysely'
import pg, { type Client, type ClientBase } from 'pg'
import type { Arms, Block } from '../src/analyze/ast/blocks.js'
import { is, unwrap } from '../src/analyze/ast/nodes.js'
import { Relaxer, type Part, type Path } from '../src/analyze/ast/relaxation.js'
import type { Change } from '../src/change.js'
import { operandValues } from '../src/route/conditions.js'
import type { Inquiry } from '../src/route/contract.js'
import { InstanceIndex } from '../src/route/instance-index.js'
import type { TickClient } from '../src/refresh/tick-transaction.js'
import { Questioner } from '../src/route/questioner.js'
import { Shape } from '../src/route/shape.js'
import { replaceMethod } from './run/replace-method.js'

/**
 * Faults that routing could have, each of them one that a simpler rule would really have: planted by replacing methods of
 * the engine's own classes, for every engine of this process, until they are disposed of.
 */
export const plantedRoutingBugs = {
  'the old row is not looked up': () =>
    replaceMethod(
      Shape.prototype,
      'relevantImages',
      (original) => (way, change) => original(way, change).filter(({ row }) => row === change.newRow || !change.newRow),
    ),
  'a deleted row is not looked up': () =>
    replaceMethod(
      Shape.prototype,
      'relevantImages',
      (original) => (way, change) => (change.operation === 'delete' ? [] : original(way, change)),
    ),
  'constants and ranges are checked on the new row alone': () =>
    replaceMethod(Shape.prototype, 'relevantImages', (original) => (way, change) => {
      const images = original(way, change)
      return images.some(({ row }) => row === change.newRow) || !change.newRow ? images : []
    }),
  'a partner that goes in the same batch is unknown': () =>
    changesFor((change, { plan, way }) => {
      const partners = new Set(way.partners.map(({ relation }) => relation))
      return !plan.tables.some((table) => partners.has(table.relation) && table.family.includes(change.relation))
    }),
  'another row of the own table that goes in the same batch is unknown': () =>
    changesFor((change, { way }) => !way.table.family.includes(change.relation)),
  'questions see a later snapshot than their tick': () =>
    replaceMethod(Questioner.prototype, 'ask', (original) => async (reader, inquiries, changes) => {
      const later = await laterClient(reader)
      try {
        return await original(later, inquiries, changes)
      } finally {
        await later.query('rollback')
        await later.end()
      }
    }),
  'not exists means exists': () => parts(withoutNot),
  'not in means in': () => parts(withoutNotIn),
  'left joins are inner joins': () =>
    arms(({ blocks }) => {
      for (const item of blocks.flatMap((block) => block.items)) {
        if (item.join?.joinType.endsWith('LeftJoin')) Object.assign(item, { isNullable: false, onFilters: true })
      }
    }),
  'aggregates over nothing return nothing': () =>
    replaceMethod(Relaxer.prototype, 'yieldsOverNothing', () => () => false),
  'filters go into derived tables that pick rows': () =>
    arms(({ blocks }) => {
      for (const block of blocks) Object.assign(block, { picksRows: false })
    }),
  'filters go into derived tables in which rows are picked further in': () =>
    replaceMethod(
      Relaxer.prototype,
      'gather',
      (original) => (into, block, path, seen) =>
        original(into, block, { ...path, entered: upTo(block, path.entered) }, seen),
    ),
  'keys are compared as they are written': () => keysAsWritten((texts) => texts),
  'only the first value of a list counts': () => keysAsWritten((texts) => texts.slice(0, 1)),
  'only the first occurrence of a table counts': () =>
    replaceMethod(
      Shape.prototype,
      'ways',
      (original) =>
        function* (table, columns) {
          for (const way of original(table, columns)) return yield way
        },
    ),
  'every row sorts behind the limit': () =>
    replaceMethod(
      Shape.prototype,
      'inReach',
      (original) =>
        function* (way, images, queries) {
          if (!way.top) yield* original(way, images, queries)
        },
    ),
} satisfies Record<string, () => Disposable>

export type PlantedRoutingBug = keyof typeof plantedRoutingBugs

function changesFor(isKnown: (change: Change, inquiry: Inquiry) => boolean): Disposable {
  return replaceMethod(Questioner.prototype, 'ask', (original) => async (reader, inquiries, changes) => {
    const answers = []
    for (const inquiry of inquiries) {
      const known = changes.filter((change) => isKnown(change, inquiry))
      answers.push(...(await original(reader, [inquiry], known)))
    }
    return answers
  })
}

/** A transaction that began when something else had been committed, if that happens within a moment. */
async function laterClient(reader: ClientBase): Promise<Client> {
  const { host, port, user, password, database } = (reader as unknown as TickClient).connection
  const client = new pg.Client({ host, port, user, database: database!, ...(password ? { password } : {}) })
  await client.connect()
  const snapshot = async (from: ClientBase) =>
    (await from.query<{ text: string }>('select pg_current_snapshot()::text as text')).rows[0]?.text
  const before = await snapshot(reader)
  for (let tries = 0; tries < 10 && (await snapshot(client)) === before; tries++)
    await client.query('select pg_sleep(0.003)')
  await client.query('begin isolation level repeatable read read only')
  return client
}

function parts(map: (node: OperationNode) => OperationNode): Disposable {
  // The walk knows a part again by its identity.
  const known = new WeakMap<Block, readonly Part[]>()
  return replaceMethod(Relaxer.prototype, 'whereParts', (original) => (block) => {
    const mapped = known.get(block) ?? original(block).map((part) => ({ ...part, node: map(part.node) }))
    known.set(block, mapped)
    return mapped
  })
}

function withoutNot(node: OperationNode): OperationNode {
  if (node.kind !== 'UnaryOperationNode') return node
  const { operator, operand } = node as UnaryOperationNode
  const inner = unwrap(operand)
  const isNotExists = (operator as OperatorNode).operator === 'not' && inner.kind === 'UnaryOperationNode'
  return isNotExists ? inner : node
}

function withoutNotIn(node: OperationNode): OperationNode {
  const { operator } = node as BinaryOperationNode
  if (!is(node, 'BinaryOperationNode') || (operator as OperatorNode).operator !== 'not in') return node
  return { ...node, operator: { kind: 'OperatorNode', operator: 'in' } } as OperationNode
}

/** Changes what the analysis takes a block for, when it is opened. */
function arms(change: (opened: Arms) => void): Disposable {
  const opened = <Opened extends Arms | undefined>(made: Opened): Opened => {
    if (made) change(made)
    return made
  }
  return inReverse([
    replaceMethod(Relaxer.prototype, 'open', (original) => (node, outer, ctes) => opened(original(node, outer, ctes))),
    replaceMethod(Relaxer.prototype, 'armsOf', (original) => (item, block) => opened(original(item, block))),
  ])
}

/** What the walk has entered on the way into an item of the block, without what it has entered since. */
function upTo(block: Block, entered: Path['entered']): Path['entered'] {
  const steps = [...entered]
  const last = steps.findLastIndex(([item]) => block.items.includes(item))
  return last < 0 ? entered : new Map(steps.slice(0, last + 1))
}

/** An index of instances by the text of their parameters. */
function keysAsWritten(chosen: (texts: readonly (string | null | undefined)[]) => typeof texts): Disposable {
  type Index = InstanceIndex<{ readonly parameters: readonly unknown[] }>
  type Instance = Parameters<Index['add']>[0]
  const all = new WeakMap<object, Set<Instance>>()
  const instances = (index: object): Set<Instance> => {
    const known = all.get(index) ?? new Set()
    all.set(index, known)
    return known
  }
  const prototype = InstanceIndex.prototype as Index
  return inReverse([
    replaceMethod(prototype, 'add', (_, index) => (instance) => void instances(index).add(instance)),
    replaceMethod(prototype, 'remove', (_, index) => (instance) => void instances(index).delete(instance)),
    replaceMethod(
      prototype,
      'find',
      (_, index) => (values) =>
        [...instances(index)].filter(({ parameters }) =>
          index.slots.every(({ operands }, position) => {
            const texts = operands.flatMap((operand) => operandValues(operand, parameters))
            return chosen(texts).includes(values[position])
          }),
        ),
    ),
  ])
}

function inReverse(planted: readonly Disposable[]): Disposable {
  return {
    [Symbol.dispose]: () => {
      for (const one of [...planted].reverse()) one[Symbol.dispose]()
    },
  }
}
