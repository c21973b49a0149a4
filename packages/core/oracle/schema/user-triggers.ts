import type { Random } from '../random.js'
import { identifier, qualified, type Relation } from './schema.js'

/** The application's own triggers: writes that no statement of a transaction names. */
export function userTriggersDdl(random: Random, tables: readonly Relation[]): string[] {
  const plain = tables.filter((relation) => relation.kind === 'table')
  const source = random.pick(plain)
  const targets = plain.filter((relation) => relation !== source && counter(relation))
  const target = targets[0]
  if (!target || !random.chance(0.25)) return []
  const column = identifier((counter(target) as { name: string }).name)
  return [
    `create function bump() returns trigger language plpgsql as $f$ begin
      update ${qualified(target)} set ${column} = (coalesce(${column}, 0) + 1) % 4;
      return null;
    end $f$`,
    `create trigger bump after ${random.pick(['insert', 'insert or delete', 'update'])} on ${qualified(source)}
      for each statement when (pg_trigger_depth() = 0) execute function bump()`,
  ]
}

function counter(relation: Relation) {
  return relation.columns.find(
    (column) => column.type === 'int4' && !column.notNull && !column.references && !column.generated,
  )
}
