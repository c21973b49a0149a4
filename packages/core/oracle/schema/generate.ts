import { Random } from '../random.js'
import { functionsDdl } from './functions.js'
import { inheritedTables, partitionedTable } from './hierarchies.js'
import { Names } from './names.js'
import { identifier, type Relation, type Schema } from './schema.js'
import { grantsDdl, policiesDdl, rolesDdl } from './security.js'
import { typeDdl } from './sql-types.js'
import { plainTable, type Made } from './tables.js'
import { userTriggersDdl } from './user-triggers.js'
import { view } from './views.js'
import { insertRows } from '../transaction/inserts.js'

const SCHEMAS = ['public', 'shop', 'Other "Schema"'] as const

/** A random schema with its first rows. `version` is PostgreSQL's major. */
export function generateSchema(seed: number, version: number): Schema {
  const random = new Random(seed)
  const names = new Names(random)
  const relations: Relation[] = []
  const ddl: string[] = [...typeDdl, ...SCHEMAS.slice(1).map((schema) => `create schema ${identifier(schema)}`)]
  const add = (made: Made) => {
    ddl.push(...made.ddl)
    relations.push(...made.relations)
  }
  const schema = () => (random.chance(0.75) ? 'public' : random.pick(SCHEMAS))
  for (let count = random.between(2, 4); count > 0; count--)
    add(plainTable(random, names, schema(), relations, version))
  if (random.chance(0.5)) add(partitionedTable(random, names, schema(), relations))
  if (random.chance(0.3)) add(inheritedTables(random, names, schema()))
  const tables = [...relations]
  for (let count = random.int(3); count > 0; count--) add(view(random, names, relations, version))
  const functions = functionsDdl(random, tables)
  ddl.push(...functions.ddl, ...userTriggersDdl(random, tables), ...settingsDdl(random))
  const secured = random.chance(0.4)
  if (secured) ddl.push(...rolesDdl(), ...policiesDdl(random, tables), ...grantsDdl(SCHEMAS))
  for (const table of tables) if (table.write === 'all') ddl.push(insertRows(random, table, random.between(3, 8)))
  return { ddl, relations, functions: functions.functions, secured }
}

/** Output settings that every session of the database gets; a writer's own are drawn per transaction. */
function settingsDdl(random: Random): string[] {
  if (random.chance(0.6)) return []
  const [name, value] = random.pick([
    ['datestyle', 'SQL, DMY'],
    ['timezone', 'Asia/Kolkata'],
    ['intervalstyle', 'iso_8601'],
    ['bytea_output', 'escape'],
    ['extra_float_digits', '0'],
  ] as const)
  return [`do $$ begin execute format('alter database %I set ${name} = ''${value}''', current_database()); end $$`]
}
