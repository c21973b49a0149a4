export const BULK: Readonly<Record<string, string>> = {
  'INSERT of 100,000 rows': `insert into orders select id + 1000000, customer_id, status, total, note, placed_at, details, 0 from orders`,
  'UPDATE of 100,000 rows': 'update orders set version = version + 1',
  'DELETE of 100,000 rows': 'delete from orders',
}

const NOISE = `(select string_agg(md5(g::text), '') from generate_series(1, %) g)`
const value = (bytes: number): string => NOISE.replace('%', String(bytes / 32))

/** Below what is logged as one entry, and values that are too large to be logged. */
export const LARGE: Readonly<Record<string, string>> = {
  'UPDATE of 400 rows': 'update orders set version = version + 1 where id <= 400',
  'UPDATE to 4 kB': `update orders set note = ${value(4_000)} where id = 1`,
  'UPDATE to 100 kB': `update orders set note = ${value(100_000)} where id = 1`,
  'UPDATE to 1 MB': `update orders set note = ${value(1_000_000)} where id = 1`,
  'UPDATE to 100 MB': `update orders set note = repeat('x', 100000000) where id = 1`,
}
