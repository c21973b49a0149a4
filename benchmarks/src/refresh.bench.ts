/**
 * Refreshes live queries whose rows have all changed, from taking a connection to showing the rows, without a tick around
 * it. The baselines run the same queries on one connection and parse the rows, and do nothing with them.
 */
import type { Client } from 'pg'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { interleaved, median, milliseconds, ratio, rounded, worst } from './harness/measure.js'
import { Owned } from './harness/owned.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable } from './harness/table.js'
import { openInstances, type ShapeOf } from './refresh/instances.js'

export const question = 'What do many live queries of one shape cost to refresh, against running each prepared?'

const EQUALITY: ShapeOf = {
  text: (marker) => `select id, status, total, note from orders where customer_id = ${marker} order by id`,
}
/** With a parameter that is not known while it is planned, no index helps. */
const OPTIONAL: ShapeOf = {
  text: (marker) =>
    `select id, status, total, note from orders where ${marker}::int is null or customer_id = ${marker}::int order by id`,
}
const LARGE: ShapeOf = {
  text: (marker) => `select id, status, total, note from orders where id <= ${marker} order by id`,
}
const SCOPED: ShapeOf = {
  text: (marker) =>
    `select id, status, total from orders where customer_id = current_setting('app.customer')::int and id > ${marker}`,
}

export async function run(options: BenchOptions): Promise<Figures> {
  await using owned = new Owned()
  const most = sized(options, 10_000, 50)
  const shop = owned.use(await openShop({ customers: most, ordersPerCustomer: 10, itemsPerOrder: 1 }))
  const [reader, client] = [await shop.database.connect(), await shop.database.connect()]
  const equal = []
  for (const count of sized(options, [1, 100, 2_000, 10_000], [1, 50])) {
    equal.push(await compare(options, shop, reader, client, count))
  }
  const optional = await compareOptional(options, shop, reader, client)
  const scopes = await compareScopes(options, shop, reader, client)
  const part = await comparePart(options, shop, reader)
  const many = equal.filter(({ count }) => count > 1)
  return {
    vs_prepared: rounded(worst(many.map((each) => each.vsPrepared))),
    vs_bare: rounded(worst(many.map((each) => each.vsBare))),
    worst: rounded(worst([optional, scopes])),
    part: rounded(part),
  }
}

async function compare(options: BenchOptions, shop: Shop, reader: Client, client: Client, count: number) {
  const values = numbers(count)
  const instances = await openInstances(shop, reader, EQUALITY, values)
  const lateral = `select p.k, q.* from unnest($1::int[]) with ordinality p(p1, k) cross join lateral (${EQUALITY.text('p.p1')}) q`
  const results = await measure(options, shop, count, {
    ours: () => instances.refresh(),
    prepared: () => milliseconds(() => oneByOne(client, 'equality', EQUALITY.text('$1'), values)),
    bare: () => milliseconds(() => client.query(lateral, [values])),
  })
  const { ours, prepared, bare } = results
  const [vsPrepared, vsBare] = [ratio(ours, prepared), ratio(ours, bare)]
  printTable(`${count.toLocaleString('en-US')} instances of an equality, 10 rows each, all of them changed`, [
    { way: 'ours, shown', ms: median(ours) },
    { way: 'prepared one by one', ms: median(prepared), 'ours ÷': vsPrepared },
    { way: 'the bare lateral statement', ms: median(bare), 'ours ÷': vsBare },
  ])
  return { count, vsPrepared, vsBare }
}

async function compareOptional(options: BenchOptions, shop: Shop, reader: Client, client: Client): Promise<number> {
  const values = numbers(sized(options, 2_000, 50))
  const instances = await openInstances(shop, reader, OPTIONAL, values)
  const { ours, prepared } = await measure(options, shop, values.length, {
    ours: () => instances.refresh(),
    prepared: () => milliseconds(() => oneByOne(client, 'optional', OPTIONAL.text('$1'), values)),
  })
  printTable(`${values.length} instances of \`$1 is null or x = $1\``, [
    { way: 'ours, shown', ms: median(ours) },
    { way: 'prepared one by one', ms: median(prepared), 'ours ÷': ratio(ours, prepared) },
  ])
  return ratio(ours, prepared)
}

async function compareScopes(options: BenchOptions, shop: Shop, reader: Client, client: Client): Promise<number> {
  const values = numbers(sized(options, 1_000, 20))
  const scopeOf = (value: number) => ({ settings: { 'app.customer': String(value) } })
  const instances = await openInstances(shop, reader, SCOPED, values, scopeOf)
  const { ours, prepared } = await measure(options, shop, values.length, {
    ours: () => instances.refresh(),
    prepared: () =>
      milliseconds(async () => {
        for (const value of values) {
          await client.query(
            `begin isolation level repeatable read read only; select set_config('app.customer', '${value}', true)`,
          )
          await client.query({ name: 'scoped', text: SCOPED.text('$1'), values: [value] })
          await client.query('commit')
        }
      }),
  })
  printTable(`${values.length} scopes with one live query each`, [
    { way: 'ours, shown', ms: median(ours) },
    { way: 'prepared, a transaction each', ms: median(prepared), 'ours ÷': ratio(ours, prepared) },
  ])
  return ratio(ours, prepared)
}

/** One row of a large result has changed: that row, against the whole result, both shown. */
async function comparePart(options: BenchOptions, shop: Shop, reader: Client): Promise<number> {
  const rows = sized(options, 10_000, 300)
  const instances = await openInstances(shop, reader, LARGE, [rows])
  const changed = [rows / 2]
  const afterChange = (refresh: () => Promise<number>) => async () => {
    await shop.pool.query('update orders set total = total + 1 where id = any($1)', [changed])
    return refresh()
  }
  const contestants = {
    part: afterChange(() => instances.refresh(changed)),
    whole: afterChange(() => instances.refresh()),
  }
  await interleaved(contestants, sized(options, 25, 1))
  const { part, whole } = await interleaved(contestants, options.rounds)
  printTable(`one row changed in a result of ${rows.toLocaleString('en-US')}`, [
    { way: 'that row alone', ms: median(part), '÷ the whole': ratio(part, whole) },
    { way: 'the whole result', ms: median(whole) },
  ])
  return ratio(part, whole)
}

/** Every row changes before each measurement; everything is let run first, until the better way is found and code is hot. */
async function measure<Name extends 'ours' | 'prepared' | 'bare'>(
  options: BenchOptions,
  shop: Shop,
  count: number,
  contestants: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const { ours } = contestants as Record<'ours', () => Promise<number>>
  const changed = {
    ...contestants,
    ours: async () => {
      await shop.pool.query('update orders set total = total + 1 where customer_id <= $1', [count])
      await shop.pool.query('vacuum orders')
      // The first to read the new rows would pay for it.
      await shop.pool.query('select count(note) from orders where customer_id <= $1', [count])
      return ours()
    },
  }
  await interleaved(changed, sized(options, count > 1_000 ? 3 : 25, 1))
  return interleaved(changed, options.rounds)
}

async function oneByOne(client: Client, name: string, text: string, values: readonly number[]): Promise<void> {
  for (const value of values) await client.query({ name, text, values: [value] })
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
