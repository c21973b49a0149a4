import pg from 'pg'

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [pg.types.builtins.BOOL]: (text) => text === 't',
  [pg.types.builtins.INT2]: Number,
  [pg.types.builtins.INT4]: Number,
  [pg.types.builtins.OID]: Number,
  [pg.types.builtins.INT8]: String,
  [pg.types.builtins.FLOAT8]: Number,
  [pg.types.builtins.JSON]: (text) => JSON.parse(text) as object,
  [pg.types.builtins.JSONB]: (text) => JSON.parse(text) as object,
}

/** What the engine reads of catalogs and log must not depend on the type parsers that the application chose. */
export const OWN_TYPES = {
  getTypeParser: (oid: number) => PARSERS[oid] ?? (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown),
}
