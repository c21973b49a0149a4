/**
 * The router alone, as a tick calls it with a batch of one change, on plans that the engine made; questions go to
 * PostgreSQL, in a transaction like a tick's. The database has the same rows whatever the number of live queries, and each
 * change reaches one of them.
 */
import type { Client } from 'pg'
import type { Plan } from '../../packages/core/src/analyze/plan.js'
import { rowChange, type Change, type TextRow } from '../../packages/core/src/change.js'
import { createEngine } from '../../packages/core/src/engine.js'
import type { Ask, Routable } from '../../packages/core/src/route/contract.js'
import { Questioner } from '../../packages/core/src/route/questioner.js'
import { Router } from '../../packages/core/src/route/router.js'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { interleaved, median, ratio, rounded } from './harness/measure.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable } from './harness/table.js'
import { itemsOf, ordersOf, type QueryKind } from './harness/watcher.js'

export const question = 'Does it cost more to find out whom a change reaches when there are more live queries?'

export async function run(options: BenchOptions): Promise<Figures> {
  const sizes = sized(options, [100, 1_000, 10_000, 100_000], [10, 100])
  await using shop = await openShop({ customers: sizes.at(-1)!, ordersPerCustomer: 2, itemsPerOrder: 1 })
  const plans = await plansOf(shop)
  const reader = await shop.database.connect()
  await reader.query('begin isolation level repeatable read read only')
  const questioner = new Questioner()
  const ask: Ask = (inquiries, changes) => questioner.ask(reader, inquiries, changes)
  const local = await measure(plans.orders, 'orders', sizes, {
    ask,
    reader,
    changes: sized(options, 5_000, 20),
    options,
  })
  const join = await measure(plans.items, 'items', sizes, { ask, reader, changes: sized(options, 200, 5), options })
  await reader.query('commit')
  const [fewest, most] = [String(sizes[0]), String(sizes.at(-1))]
  printTable(
    'One change, microseconds',
    sizes.map((size) => ({
      'live queries': String(size),
      'by value': median(local[size]!),
      '÷ fewest': ratio(local[size]!, local[fewest]!),
      'through a join': median(join[size]!),
      '÷ fewest ': ratio(join[size]!, join[fewest]!),
    })),
  )
  return {
    local_ratio: rounded(ratio(local[most]!, local[fewest]!)),
    join_ratio: rounded(ratio(join[most]!, join[fewest]!)),
    local_us: rounded(median(local[most]!)),
  }
}

/** As the engine's own analysis makes them. */
async function plansOf({ db, pool }: Shop): Promise<Record<QueryKind, Plan>> {
  const plans: Plan[] = []
  const plan = (made: Plan): Plan => {
    plans.push(made)
    return made
  }
  const engine = createEngine({ db, pool }, { plan })
  await engine.live(ordersOf(db, 1)).ready
  await engine.live(itemsOf(db, 1)).ready
  await engine.stop()
  return { orders: plans[0]!, items: plans[1]! }
}

interface Setting {
  readonly ask: Ask
  readonly reader: Client
  /** How many are routed in one measurement, each as a batch of its own. */
  readonly changes: number
  readonly options: BenchOptions
}

/** Microseconds a change, for each round, by the number of live queries. */
async function measure(
  plan: Plan,
  kind: QueryKind,
  sizes: readonly number[],
  { ask, reader, changes, options }: Setting,
): Promise<Record<string, number[]>> {
  const routers = new Map(sizes.map((size) => [String(size), routerOf(plan, size)]))
  const contestants = Object.fromEntries(
    await Promise.all(
      sizes.map(async (size) => {
        const router = routers.get(String(size))!
        const batches = await changesOf(reader, plan, kind, { count: changes, size })
        return [String(size), () => microseconds(router, batches, ask)] as const
      }),
    ),
  )
  // Once for what is compiled, prepared and cached at first use.
  await interleaved(contestants, 1)
  return interleaved(contestants, options.rounds)
}

function routerOf(plan: Plan, size: number): Router<Routable> {
  const router = new Router<Routable>()
  for (let n = 1; n <= size; n += 1)
    router.add({ plan, parameters: [n], filter: undefined, isUnsettled: false, lastRow: undefined })
  return router
}

/** UPDATEs of rows that belong to the watched customers 1 to `size`, spread over them. */
async function changesOf(
  reader: Client,
  plan: Plan,
  kind: QueryKind,
  { count, size }: { readonly count: number; readonly size: number },
): Promise<Change[]> {
  const { relation } = plan.tables.find(({ name }) => name === kind)!
  const column = kind === 'orders' ? 'total' : 'price'
  const ids = Array.from({ length: count }, (_, n) => ((n * 7_919) % size) + 1)
  const { rows } = await reader.query<{ row: TextRow }>(
    `select (select jsonb_object_agg(key, value) from jsonb_each_text(to_jsonb(t))) as row
     from unnest($1::int[]) with ordinality u(id, n) join ${kind} t using (id) order by n`,
    [ids],
  )
  return rows.map(({ row }) => rowChange(relation, 'update', row, { ...row, [column]: '12345' }))
}

async function microseconds(router: Router<Routable>, changes: readonly Change[], ask: Ask): Promise<number> {
  const start = performance.now()
  for (const change of changes) {
    const hits = await router.route([change], ask)
    if (hits.size !== 1) throw new Error(`a change reached ${hits.size} live queries in place of one`)
  }
  return ((performance.now() - start) * 1_000) / changes.length
}
