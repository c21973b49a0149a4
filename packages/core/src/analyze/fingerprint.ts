import { createHash } from 'node:crypto'
import type { ClientBase } from 'pg'
import { queryJson } from './catalog/query-json.js'
import type { AssumedObjects, Plan } from './plan.js'

/** The plans whose assumptions about the schema do not hold any more: one statement for all of them. */
export async function driftedPlans(client: ClientBase, plans: Iterable<Plan>): Promise<readonly Plan[]> {
  const all = [...plans]
  const relations = new Set(all.flatMap((plan) => plan.assumed.relations))
  const functions = new Set(all.flatMap((plan) => plan.assumed.functions))
  const roles = new Set(all.flatMap((plan) => plan.assumed.roles))
  const state = await readSchemaState(client, {
    relations: [...relations],
    functions: [...functions],
    roles: [...roles],
  })
  return all.filter((plan) => fingerprintOf(state, plan.assumed) !== plan.fingerprint)
}

/** A digest of each catalog object, by its identifier; what is not there does not exist. */
export interface SchemaState {
  readonly relations: ReadonlyMap<number, string>
  readonly functions: ReadonlyMap<number, string>
  readonly roles: ReadonlyMap<number, string>
}

type Digests = [number, string][]

export async function readSchemaState(client: ClientBase, assumed: AssumedObjects): Promise<SchemaState> {
  const objects = [assumed.relations, assumed.functions, assumed.roles]
  if (objects.every(({ length }) => length === 0)) return NOTHING
  const state = await queryJson<{ relations: Digests; functions: Digests; roles: Digests }>(client, STATE, objects)
  return { relations: new Map(state.relations), functions: new Map(state.functions), roles: new Map(state.roles) }
}

const NOTHING: SchemaState = { relations: new Map(), functions: new Map(), roles: new Map() }

export function fingerprintOf(state: SchemaState, { relations, functions, roles }: AssumedObjects): string {
  const hash = createHash('sha256')
  for (const relation of relations) hash.update(`r${relation}=${state.relations.get(relation) ?? 'gone'};`)
  for (const called of functions) hash.update(`f${called}=${state.functions.get(called) ?? 'gone'};`)
  for (const role of roles) hash.update(`u${role}=${state.roles.get(role) ?? 'gone'};`)
  return hash.digest('base64url')
}

/** SQL for a 64-bit digest of the parts, NULLs told apart from empty texts. */
function digest(...parts: readonly string[]): string {
  return `pg_catalog.hashtextextended(pg_catalog.json_build_array(${parts.join(', ')})::pg_catalog.text, 0)::pg_catalog.text`
}

// `xmin` tells what came back: rows were rewritten by ALTER TYPE … USING, or a partition was away for a while.
const COLUMNS = `(
  select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.xmin::pg_catalog.text, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attisdropped) order by a.attnum)
  from pg_catalog.pg_attribute a where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0)`
const GENERATED = `(
  select pg_catalog.json_agg(f.adbin::pg_catalog.text order by f.adnum)
  from pg_catalog.pg_attrdef f join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) f.adrelid and a.attnum operator(pg_catalog.=) f.adnum
  where f.adrelid operator(pg_catalog.=) c.oid and a.attgenerated operator(pg_catalog.<>) '')`
const RULES = `(
  select pg_catalog.json_agg(r.ev_action::pg_catalog.text order by r.oid)
  from pg_catalog.pg_rewrite r where r.ev_class operator(pg_catalog.=) c.oid)`
const POLICIES = `(
  select pg_catalog.json_agg(pg_catalog.json_build_array(p.oid, p.polcmd, p.polpermissive, p.polroles, p.polqual::pg_catalog.text) order by p.oid)
  from pg_catalog.pg_policy p where p.polrelid operator(pg_catalog.=) c.oid)`
const FAMILY = `(
  select pg_catalog.json_agg(pg_catalog.json_build_array(i.inhrelid, i.inhparent, i.xmin::pg_catalog.text) order by i.inhrelid, i.inhparent)
  from pg_catalog.pg_inherits i
  where i.inhparent operator(pg_catalog.=) c.oid or i.inhrelid operator(pg_catalog.=) c.oid)`
/** Of enums, the values and their order: queries name them, and rows show them. */
const ENUMS = `(
  select pg_catalog.json_agg(pg_catalog.json_build_array(e.enumtypid, e.enumlabel, e.enumsortorder) order by e.oid)
  from pg_catalog.pg_enum e where e.enumtypid operator(pg_catalog.=) any (array(
    select pg_catalog.unnest(array[t.oid, t.typelem, t.typbasetype])
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid
    where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0)))`
/** Who may read: a role that may not any more must not go on seeing rows. */
const GRANTS = `(
  select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attacl::pg_catalog.text) order by a.attnum)
  from pg_catalog.pg_attribute a where a.attrelid operator(pg_catalog.=) c.oid and a.attacl is not null)`
/** Grants and policies of a role are its members' as well, directly or through other roles. */
const MEMBERSHIPS = `(
  with recursive granted(role) as (
    select u.oid
    union
    select m.roleid from granted g join pg_catalog.pg_auth_members m on m.member operator(pg_catalog.=) g.role)
  select pg_catalog.json_agg(m::pg_catalog.text order by m.roleid, m.member, m.grantor)
  from granted g join pg_catalog.pg_auth_members m on m.member operator(pg_catalog.=) g.role)`
// A table of the same name in a schema that is searched earlier would take this one's place.
const NAMESAKES = `(
  select pg_catalog.json_agg(s.oid order by s.oid) from pg_catalog.pg_class s where s.relname operator(pg_catalog.=) c.relname)`

const STATE = `
select pg_catalog.json_build_object(
  'relations', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::pg_catalog.int8, ${digest(
      'c.relname',
      'c.relnamespace',
      'c.relkind',
      'c.relowner',
      'c.relrowsecurity',
      'c.relforcerowsecurity',
      'c.reloptions',
      'c.relacl::pg_catalog.text',
      COLUMNS,
      ENUMS,
      GRANTS,
      GENERATED,
      RULES,
      POLICIES,
      FAMILY,
      NAMESAKES,
    )})), '[]')
    from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) any($1::pg_catalog.oid[])),
  'functions', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(p.oid::pg_catalog.int8, ${digest(
      'p.proname',
      'p.pronamespace',
      'p.prosrc',
      'p.prosqlbody::pg_catalog.text',
      'p.proargdefaults::pg_catalog.text',
      'p.provolatile',
      'p.prosecdef',
      'p.proowner',
    )})), '[]')
    from pg_catalog.pg_proc p where p.oid operator(pg_catalog.=) any($2::pg_catalog.oid[])),
  'roles', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(u.oid::pg_catalog.int8, ${digest(
      'u.rolsuper',
      'u.rolbypassrls',
      'u.rolinherit',
      MEMBERSHIPS,
    )})), '[]')
    from pg_catalog.pg_roles u where u.oid operator(pg_catalog.=) any($3::pg_catalog.oid[])))::pg_catalog.text`
