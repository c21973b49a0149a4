import type { ClientBase } from 'pg'
import type { RelationId } from '../../change.js'
import type { CaptureObjects } from './objects.js'
import type { CapturedColumn, Marker } from './trigger-function.js'
import type { TriggerEvent } from './trigger-names.js'

/** A relation as the catalog shows it: what it is, and which of our triggers it has. */
export interface InstalledRelation {
  readonly relation: RelationId
  readonly schema: string
  readonly name: string
  /** `pg_class.relkind`: r, p; anything else is not watched. */
  readonly kind: string
  readonly owner: string
  readonly columns: readonly CapturedColumn[]
  readonly hasForeignDescendant: boolean
  /** PostgreSQL would let a writable foreign table become a descendant. */
  readonly mayTakeForeignDescendant: boolean
  /** A logical subscription writes it, or an ancestor of it. */
  readonly isSubscribed: boolean
  readonly triggers: readonly InstalledTrigger[]
}

export interface InstalledTrigger {
  readonly name: string
  /** `undefined` where the trigger fires for several events: not one of ours. */
  readonly event: TriggerEvent | undefined
  /** A for ENABLE ALWAYS. */
  readonly enabled: string
  readonly perRow: boolean
  /** Fires with the changed rows in transition tables of our names. */
  readonly listsRows: boolean
  readonly functionName: string
  readonly marker: Marker | undefined
  /** The function's owner, with whose rights it runs, may write the log. */
  readonly mayLog: boolean
}

/** Looks at these relations, in one statement; those that do not exist are missing from the answer. */
export async function inspectRelations(
  client: ClientBase,
  objects: CaptureObjects,
  relations: readonly RelationId[],
): Promise<InstalledRelation[]> {
  const { rows } = await client.query<Row>(INSPECT, [
    relations,
    objects.schema,
    objects.segments,
    [objects.mode, objects.lost],
  ])
  return rows.map((row) => ({
    relation: Number(row.relation),
    schema: row.schema,
    name: row.name,
    kind: row.kind,
    owner: row.owner,
    columns: row.columns ?? [],
    hasForeignDescendant: row.has_foreign_descendant,
    mayTakeForeignDescendant: row.may_take_foreign_descendant,
    isSubscribed: row.is_subscribed,
    triggers: (row.triggers ?? []).map((trigger) => ({
      ...trigger,
      event: EVENTS[trigger.type & EVENT_BITS],
      perRow: (trigger.type & ROW_BIT) !== 0,
      marker: parseMarker(trigger.comment),
    })),
  }))
}

interface Row {
  relation: string
  schema: string
  name: string
  kind: string
  owner: string
  columns: CapturedColumn[] | null
  has_foreign_descendant: boolean
  may_take_foreign_descendant: boolean
  is_subscribed: boolean
  triggers: (Omit<InstalledTrigger, 'event' | 'perRow' | 'marker'> & { type: number; comment: string | null })[] | null
}

// Bits of pg_trigger.tgtype.
const ROW_BIT = 1
const EVENTS: Readonly<Record<number, TriggerEvent>> = { 4: 'insert', 8: 'delete', 16: 'update', 32: 'truncate' }
const EVENT_BITS = 4 | 8 | 16 | 32

const INSPECT = `
SELECT c.oid AS relation, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
  pg_catalog.pg_get_userbyid(c.relowner) AS owner,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'number', a.attnum, 'modifier', a.atttypmod,
      'type', CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'e' THEN 3500 ELSE t.oid END::int8,
      'variable', a.attlen < 0, 'virtual', a.attgenerated = 'v') ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  EXISTS (WITH RECURSIVE d(oid) AS (
      SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
      UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN d ON i.inhparent = d.oid)
    SELECT FROM d JOIN pg_catalog.pg_class f ON f.oid = d.oid WHERE f.relkind = 'f') AS has_foreign_descendant,
  -- Below a unique index PostgreSQL allows no foreign partition; below a plain table anything may be a child.
  EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwhandler <> 0) AND CASE c.relkind
    WHEN 'p' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisunique)
    ELSE EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid)
    END AS may_take_foreign_descendant,
  EXISTS (WITH RECURSIVE a(oid) AS (
      SELECT c.oid UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN a ON i.inhrelid = a.oid)
    SELECT FROM a JOIN pg_catalog.pg_subscription_rel s ON s.srrelid = a.oid) AS is_subscribed,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', g.tgname, 'type', g.tgtype::int, 'enabled', g.tgenabled,
      'listsRows', (g.tgtype & 20 = 0 OR g.tgnewtable IS NOT DISTINCT FROM 'new_rows')
        AND (g.tgtype & 24 = 0 OR g.tgoldtable IS NOT DISTINCT FROM 'old_rows'),
      'mayLog', pg_catalog.has_schema_privilege(p.proowner, s.oid, 'USAGE')
        AND coalesce((SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(p.proowner, pg_catalog.to_regclass(x), 'INSERT')) FROM pg_catalog.unnest($3::text[]) x), true)
        AND coalesce((SELECT pg_catalog.bool_and(pg_catalog.has_sequence_privilege(p.proowner, pg_catalog.to_regclass(x), 'USAGE')) FROM pg_catalog.unnest($4::text[]) x), true),
      'functionName', p.proname, 'comment', pg_catalog.obj_description(p.oid, 'pg_proc')) ORDER BY g.tgname)
    FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
      JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
    WHERE g.tgrelid = c.oid AND s.nspname = $2 AND NOT g.tgisinternal) AS triggers
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[])
ORDER BY c.oid`

function parseMarker(comment: string | null): Marker | undefined {
  if (comment === null || !comment.startsWith('{"pgRealtime":')) return undefined
  try {
    return (JSON.parse(comment) as { pgRealtime: Marker }).pgRealtime
  } catch {
    return undefined
  }
}
