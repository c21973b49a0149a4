import type { ClientBase } from 'pg'
import type { ComparableColumn } from '../plan.js'
import { queryJson } from './query-json.js'

/** A relation as the catalog describes it, to somebody who reads it as `role`. */
export interface CatalogRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** `name`, or `schema.name` outside of `public`. */
  readonly label: string
  /** `pg_class.relkind`: r, p (partitioned), v, m (materialized), f (foreign), S (sequence), … */
  readonly kind: string
  readonly temporary: boolean
  /** Belongs to PostgreSQL itself. */
  readonly system: boolean
  /** Found under its bare name on the search path. */
  readonly visible: boolean
  readonly columns: readonly CatalogColumn[]
  /** The names of its columns; empty where there is none. */
  readonly primaryKey: readonly string[]
  /** Partitions and children at any depth, but for foreign tables and other sessions' temporary ones. */
  readonly descendants: readonly number[]
  readonly ancestors: readonly number[]
  /** Labels of foreign tables among the descendants. */
  readonly foreignDescendants: readonly string[]
  /** A view's query. */
  readonly rule: StoredTree | null
  /** The role that a view reads its relations as: its owner, unless it is a security invoker. */
  readonly readsAs: number
  /** Row security policies for SELECT; filled also where they do not apply to `role`. */
  readonly policies: readonly StoredTree[]
  readonly policiesApply: boolean
  /** Columns that `role` may read; `all` with the right on the table. */
  readonly readable: 'all' | readonly string[]
  readonly schemaUsable: boolean
}

export interface CatalogColumn {
  readonly number: number
  readonly name: string
  /** The type's identifier, a domain's base type. */
  readonly type: number
  readonly comparable: ComparableColumn
  /** For a virtual generated column, the numbers of the columns that it is computed from. */
  readonly computedFrom: readonly number[] | null
}

/** A `pg_node_tree` with the columns of relations that `pg_depend` holds for it; column 0 is the relation itself. */
export interface StoredTree {
  readonly tree: string
  readonly references: readonly (readonly [relation: number, column: number])[]
}

export interface RelationRequest {
  readonly relation: number
  readonly role: number
}

/** The catalog, seen from a search path. Its statements run under `search_path = pg_catalog`, whatever that path is. */
export interface Catalog {
  readonly client: ClientBase
  /** Schemas in the order in which bare names are looked up, pg_catalog included. */
  readonly path: readonly string[]
}

/** Describes the relations, in the order of the requests; one that does not exist (any more) is left out. */
export async function readRelations(
  { client, path }: Catalog,
  requests: readonly RelationRequest[],
): Promise<readonly CatalogRelation[]> {
  if (requests.length === 0) return []
  const relations = requests.map((request) => request.relation)
  const roles = requests.map((request) => request.role)
  return queryJson(client, RELATIONS, [relations, roles, path])
}

/** The identifiers of the relations that users write as `labels`: `orders`, or `schema.table`; null where none is. */
export async function findRelations(
  { client, path }: Catalog,
  labels: readonly string[],
): Promise<readonly (number | null)[]> {
  return labels.length === 0 ? [] : queryJson(client, LABELS, [labels, path])
}

/** SQL for the references of one catalog object: `objectClass` and `object` are SQL expressions. */
export function referencesSql(objectClass: string, object: string): string {
  return `(select coalesce(json_agg(json_build_array(d.refobjid::bigint, d.refobjsubid)), '[]')
    from pg_depend d
    where d.classid = '${objectClass}'::regclass and d.objid = ${object}
      and d.refclassid = 'pg_class'::regclass)`
}

/** SQL for how users write a relation: `relation` and `namespace` are aliases of pg_class and pg_namespace. */
function label(relation: string, namespace: string): string {
  return `case when ${namespace}.nspname = 'public' then ${relation}.relname::text
    else ${namespace}.nspname || '.' || ${relation}.relname end`
}

const LABELS = `
select json_agg((
  select c.oid::bigint
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and (${label('c', 'n')} = l.label or (c.relname = l.label and n.nspname = any($2::text[])))
  order by ${label('c', 'n')} = l.label desc, array_position($2::text[], n.nspname::text) limit 1
) order by l.position)
from unnest($1::text[]) with ordinality l(label, position)`

const BASE_TYPE = `
  case when t.typtype <> 'd' then t.oid else (
    with recursive domain(oid) as (
      select t.typbasetype
      union all
      select d.typbasetype from domain join pg_type d on d.oid = domain.oid where d.typtype = 'd'
    )
    select domain.oid from domain join pg_type base on base.oid = domain.oid where base.typtype <> 'd') end`

/** Types whose text tells which values are equal; a collation that is not deterministic takes other text for equal. */
const VALUE_KIND = `
    case
      when base.typtype = 'e' then 'enum'
      when base.oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype) then 'number'
      when base.oid in ('text'::regtype, 'varchar'::regtype)
        and coalesce((select l.collisdeterministic from pg_collation l where l.oid = a.attcollation), true) then 'text'
      when base.oid = 'uuid'::regtype then 'uuid'
      when base.oid = 'bool'::regtype then 'boolean'
      when base.oid = 'date'::regtype then 'date'
      when base.oid = 'timestamp'::regtype then 'timestamp'
      when base.oid = 'timestamptz'::regtype then 'timestamptz'
    end`

const COLUMNS = `
  select json_agg(json_build_object(
    'number', a.attnum, 'name', a.attname, 'type', base.oid::bigint,
    'comparable', json_build_object('type', format_type(base.oid, -1), 'valueKind', ${VALUE_KIND},
      'builtIn', base.oid < 16384 or base.typtype = 'e'),
    'computedFrom', case when a.attgenerated = 'v' then (
      select json_agg(d.refobjsubid)
      from pg_attrdef f join pg_depend d
        on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refobjid = f.adrelid and d.refobjsubid > 0
      where f.adrelid = a.attrelid and f.adnum = a.attnum) end
  ) order by a.attnum)
  from pg_attribute a join pg_type t on t.oid = a.atttypid
  join pg_type base on base.oid = (${BASE_TYPE})
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`

const POLICIES_APPLY = `
  c.relrowsecurity
  and not exists (select from pg_roles r where r.oid = asked.role and (r.rolsuper or r.rolbypassrls))
  and (c.relforcerowsecurity or not pg_has_role(asked.role, c.relowner, 'usage'))`

const RELATIONS = `
with recursive
asked as (select * from unnest($1::oid[], $2::oid[]) with ordinality asked(oid, role, position)),
down(root, oid) as (
  select distinct oid, oid from asked
  union
  select down.root, i.inhrelid from down join pg_inherits i on i.inhparent = down.oid
),
up(root, oid) as (
  select distinct oid, oid from asked
  union
  select up.root, i.inhparent from up join pg_inherits i on i.inhrelid = up.oid
)
select coalesce(json_agg(json_build_object(
  'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'label', ${label('c', 'n')},
  'kind', c.relkind, 'temporary', c.relpersistence = 't',
  'system', c.oid < 16384 or n.nspname in ('pg_catalog', 'information_schema', 'pg_toast'),
  'visible', n.nspname = (
    select found.nspname
    from pg_class same join pg_namespace found on found.oid = same.relnamespace
    where same.relname = c.relname and found.nspname = any($3::text[])
    order by array_position($3::text[], found.nspname::text) limit 1),
  'columns', coalesce((${COLUMNS}), '[]'),
  'primaryKey', (
    select coalesce(json_agg(a.attname order by a.attnum), '[]')
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey[:i.indnkeyatts - 1])
    where i.indrelid = c.oid and i.indisprimary),
  'descendants', (
    select coalesce(json_agg(d.oid::bigint order by d.oid), '[]')
    from down join pg_class d on d.oid = down.oid
    where down.root = c.oid and d.oid <> c.oid and d.relkind in ('r', 'p') and d.relpersistence <> 't'),
  'ancestors', (select coalesce(json_agg(up.oid::bigint order by up.oid), '[]') from up where up.root = c.oid and up.oid <> c.oid),
  'foreignDescendants', (
    select coalesce(json_agg(${label('f', 'fn')}), '[]')
    from down join pg_class f on f.oid = down.oid join pg_namespace fn on fn.oid = f.relnamespace
    where down.root = c.oid and f.relkind = 'f' and f.oid <> c.oid),
  'rule', case when c.relkind = 'v' then (
    select json_build_object('tree', r.ev_action::text, 'references', ${referencesSql('pg_rewrite', 'r.oid')})
    from pg_rewrite r where r.ev_class = c.oid and r.ev_type = '1') end,
  'readsAs', case
    when c.relkind <> 'v' or exists (
      select from pg_options_to_table(c.reloptions)
      where option_name = 'security_invoker' and option_value::boolean)
    then asked.role else c.relowner end::bigint,
  'policies', case when c.relrowsecurity then (
    select coalesce(json_agg(json_build_object(
      'tree', p.polqual::text, 'references', ${referencesSql('pg_policy', 'p.oid')})), '[]')
    from pg_policy p where p.polrelid = c.oid and p.polcmd in ('r', '*') and p.polqual is not null) else '[]' end,
  'policiesApply', ${POLICIES_APPLY},
  'readable', case when has_table_privilege(asked.role, c.oid, 'select') then '"all"' else (
    select coalesce(json_agg(a.attname), '[]')
    from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and has_column_privilege(asked.role, c.oid, a.attnum, 'select')) end,
  'schemaUsable', has_schema_privilege(asked.role, n.oid, 'usage')
) order by asked.position), '[]')::text
from asked
join pg_class c on c.oid = asked.oid
join pg_namespace n on n.oid = c.relnamespace`
