import type { Random } from '../random.js'
import { identifier, qualified, type Relation, type SchemaFunction } from './schema.js'

/** Functions that queries call: one whose body PostgreSQL understands, one whose body it keeps as a string. */
export function functionsDdl(
  random: Random,
  tables: readonly Relation[],
): { ddl: string[]; functions: SchemaFunction[] } {
  const ddl: string[] = []
  const functions: SchemaFunction[] = []
  for (const opaque of [false, true]) {
    const relation = random.pick(tables)
    const number = relation.columns.find((column) => column.type === 'int4')
    if (!number || !random.chance(0.4)) continue
    const name = opaque ? 'opaque_count' : 'parsed_count'
    const body = `select count(*) from ${qualified(relation)} where ${identifier(number.name)} >= $1`
    ddl.push(
      opaque
        ? `create function ${name}(int4) returns int8 stable language plpgsql as $f$ begin return (${body}); end $f$`
        : `create function ${name}(int4) returns int8 stable language sql begin atomic ${body}; end`,
    )
    functions.push({ name, dependsOn: opaque ? label(relation) : undefined })
  }
  return { ddl, functions }
}

/** How users name a table in options: `name`, or `schema.name` outside `public`. */
export function label(relation: { readonly schema: string; readonly name: string }): string {
  return relation.schema === 'public' ? relation.name : `${relation.schema}.${relation.name}`
}
