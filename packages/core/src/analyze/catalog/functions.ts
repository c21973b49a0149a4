import { queryJson } from './query-json.js'
import { referencesSql, type Catalog, type StoredTree } from './relations.js'

/** A function as the catalog describes it. */
export interface CatalogFunction {
  readonly oid: number
  /** `now()`, `public.total(integer)`: the name with its argument types, with a schema where it needs one. */
  readonly signature: string
  readonly name: string
  readonly argumentCount: number
  readonly language: string
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  /** Belongs to PostgreSQL itself. */
  readonly builtin: boolean
  /** The body, where PostgreSQL keeps it parsed. */
  readonly body: StoredTree | null
  /** Expressions for arguments that a call leaves out; they join the call only when it is planned. */
  readonly defaults: string | null
  /** The functions that an aggregate is made of. */
  readonly parts: readonly number[]
  /** The role that it runs as, where it is not the caller's. */
  readonly definer: number | null
}

export async function readFunctions(
  { client }: Catalog,
  functions: readonly number[],
): Promise<readonly CatalogFunction[]> {
  return functions.length === 0 ? [] : queryJson(client, FUNCTIONS, [functions])
}

const FUNCTIONS = `
select coalesce(json_agg(json_build_object(
  'oid', p.oid::bigint, 'signature', p.oid::regprocedure::text,
  'name', p.proname, 'argumentCount', p.pronargs, 'language', l.lanname,
  'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
  'builtin', p.oid < 16384,
  'body', case when p.prosqlbody is not null then json_build_object(
    'tree', p.prosqlbody::text, 'references', ${referencesSql('pg_proc', 'p.oid')}) end,
  'defaults', p.proargdefaults::text,
  'parts', (
    select coalesce(json_agg(part.oid::bigint), '[]')
    from pg_aggregate g
    cross join lateral unnest(array[
      g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn,
      g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn]::oid[]) part(oid)
    where g.aggfnoid = p.oid and part.oid <> 0),
  'definer', case when p.prosecdef then p.proowner::bigint end
)), '[]')::text
from pg_proc p
join pg_language l on l.oid = p.prolang
where p.oid = any($1::oid[])`
