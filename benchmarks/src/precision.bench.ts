/**
 * After each transaction of a seeded workload every live query is compared with a fresh run of it: that tells which
 * results changed, and whether one was missed. What re-running by column would have run is known from the tables and
 * columns that `explain()` names, and from the columns that the transaction changed.
 */
import type { Pool, PoolClient } from 'pg'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { median, rounded } from './harness/measure.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable } from './harness/table.js'
import { asText, openInstances, runFresh, type Instance } from './precision/instances.js'
import { Random } from './precision/random.js'
import { SHAPES, transaction, WATCHED, type Write } from './precision/shapes.js'

export const question = 'How many refreshes change what is shown, and is any change missed?'

interface Count {
  executed: number
  useful: number
  byColumn: number
  missed: number
}

interface Touched {
  readonly table: string
  /** Undefined: rows came or went. */
  readonly columns: readonly string[] | undefined
}

const SIZE = { customers: WATCHED * 2, ordersPerCustomer: 5, itemsPerOrder: 2 }
const ORDERS = SIZE.customers * SIZE.ordersPerCustomer

export async function run(options: BenchOptions): Promise<Figures> {
  const rounds: Map<string, Count>[] = []
  for (let seed = 1; seed <= options.rounds; seed += 1) {
    await using shop = await openShop(SIZE)
    rounds.push(await measure(shop, seed, options))
  }
  print(rounds)
  const all = rounds.map((counts) => total([...counts.values()]))
  return {
    // Close to its target: three digits would round a miss away.
    precision: Number(median(all.map(({ useful, executed }) => useful / executed)).toFixed(4)),
    column_level: rounded(median(all.map(({ useful, byColumn }) => useful / byColumn))),
    missed: total(all).missed,
  }
}

async function measure(shop: Shop, seed: number, options: BenchOptions): Promise<Map<string, Count>> {
  const realtime = shop.realtime({ throttleMs: 0 })
  const instances = await openInstances(realtime, shop.db, sized(options, WATCHED, 40))
  const counts = new Map(SHAPES.map(({ name }) => [name, { executed: 0, useful: 0, byColumn: 0, missed: 0 }]))
  const byQuery = new Map(instances.map((instance) => [keyOf(instance), instance]))
  await runFresh(shop.pool, instances)
  realtime.observe((event) => {
    const instance = byQuery.get(keyOf(event))
    if (instance) instance.refreshes += 1
  })
  const random = new Random(seed)
  for (let n = 0; n < sized(options, 100, 20); n += 1) {
    for (const instance of instances) instance.refreshes = 0
    const touched = await write(shop.pool, transaction(random, { orders: ORDERS, items: ORDERS * SIZE.itemsPerOrder }))
    await realtime.barrier()
    const changed = await runFresh(shop.pool, instances)
    for (const instance of instances) tally(counts.get(instance.shape.name)!, instance, changed.has(instance), touched)
  }
  return counts
}

function keyOf({ sql, parameters }: Pick<Instance, 'sql' | 'parameters'>): string {
  return `${sql} ${JSON.stringify(parameters)}`
}

function tally(count: Count, instance: Instance, hasChanged: boolean, touched: readonly Touched[]): void {
  count.executed += instance.refreshes
  if (hasChanged) count.useful += 1
  if (asText(instance.live.rows) !== instance.fresh) count.missed += 1
  const reads = instance.live.explain().tables
  if (touched.some((one) => reads.some((read) => isTouched(read, one)))) count.byColumn += 1
}

function isTouched(
  read: { readonly table: string; readonly columns: readonly string[] | 'all' },
  { table, columns }: Touched,
): boolean {
  if (read.table !== table) return false
  return columns === undefined || read.columns === 'all' || columns.some((column) => read.columns.includes(column))
}

/** Runs the transaction, and tells which columns of which tables really changed. */
async function write(pool: Pool, writes: readonly Write[]): Promise<Touched[]> {
  const client = await pool.connect()
  const touched: Touched[] = []
  await client.query('begin')
  for (const { table, text, values } of writes) touched.push(...(await writeOne(client, table, text, values)))
  await client.query('commit')
  client.release()
  return touched
}

async function writeOne(
  client: PoolClient,
  table: string,
  text: string,
  values: readonly unknown[],
): Promise<readonly Touched[]> {
  const isUpdate = text.startsWith('update')
  const id = values.at(-1)
  const before = isUpdate ? await rowOf(client, table, id) : {}
  const { rowCount } = await client.query(text, [...values])
  if (!isUpdate) return rowCount ? [{ table, columns: undefined }] : []
  const after = await rowOf(client, table, id)
  const columns = Object.keys(after).filter((column) => before[column] !== after[column])
  return columns.length > 0 ? [{ table, columns }] : []
}

async function rowOf(client: PoolClient, table: string, id: unknown): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(`select * from ${table} where id = $1`, [id])
  return rows[0] ?? {}
}

function total(counts: readonly Count[]): Count {
  const sum: Count = { executed: 0, useful: 0, byColumn: 0, missed: 0 }
  for (const count of counts) {
    for (const key of ['executed', 'useful', 'byColumn', 'missed'] as const) sum[key] += count[key]
  }
  return sum
}

function print(rounds: readonly Map<string, Count>[]): void {
  const rows = [...SHAPES.map(({ name }) => name), 'all'].map((name) => {
    const { executed, useful, byColumn, missed } = total(
      rounds.flatMap((counts) => (name === 'all' ? [...counts.values()] : [counts.get(name)!])),
    )
    return {
      shape: name,
      refreshes: executed,
      'results that changed': useful,
      precision: useful / executed,
      'by column': byColumn,
      'precision by column': useful / byColumn,
      missed,
    }
  })
  printTable(`${rounds.length} seeds, ${SHAPES.length} shapes`, rows)
}
