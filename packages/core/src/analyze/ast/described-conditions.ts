import type { Condition, LinkedColumn } from '../plan.js'
import type { FromItem } from './blocks.js'
import type { TableLookup, TreeOccurrence } from './read-tree.js'
import type { Place, Relaxation } from './relaxation.js'

export type Described = Pick<TreeOccurrence, 'conditions' | 'partners' | 'links'>

export const NO_CONDITIONS: Described = { conditions: [], partners: [], links: [] }

/** A pruned relaxation as the plan has it. */
export function describeConditions({ items, conjuncts }: Relaxation, own: FromItem, lookup: TableLookup): Described {
  const partners = [...items].filter((item) => item !== own)
  const conditionsOf = (item: FromItem): Condition[] =>
    conjuncts.flatMap((conjunct) =>
      conjunct.kind === 'value' && conjunct.place.item === item
        ? [{ column: conjunct.place.column, operator: conjunct.operator, operands: conjunct.operands }]
        : [],
    )
  const linked = ({ item, column }: Place): LinkedColumn => ({ partner: partners.indexOf(item), column })
  return {
    conditions: conditionsOf(own),
    partners: partners.map((item) => ({
      alias: item.name?.name ?? '',
      relation: item.source.kind === 'table' ? lookup(item.source.table.schema, item.source.table.name)!.relation : 0,
      conditions: conditionsOf(item),
    })),
    links: conjuncts.flatMap((conjunct) =>
      conjunct.kind === 'link'
        ? [{ left: linked(conjunct.left), operator: conjunct.operator, right: linked(conjunct.right) }]
        : [],
    ),
  }
}
