/** What it costs to find the live queries that changes can affect: counted, for few and for many of them. */
import type { Compilable } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAnalysisShop, type AnalysisShop } from '../analyze/analyze.fixture.js'
import { compileOnly } from '../analyze/ast/kysely.fixture.js'
import type { Plan } from '../analyze/plan.js'
import { rowChange, type Change, type TextRow } from '../change.js'
import type { Answer, Ask, ChangeFilter, Routable } from './contract.js'
import { Router } from './router.js'

let shop: AnalysisShop

beforeAll(async () => {
  shop = await openAnalysisShop()
})

afterAll(() => shop?.[Symbol.asyncDispose]())

const FILTER: ChangeFilter = { isAsync: false, decide: () => Promise.resolve(true) }
const order = (id: number, user: number, status = 'open'): TextRow => ({
  id: String(id),
  user_id: String(user),
  status,
  total: '1',
  note: null,
  placed_at: '2026-01-01 00:00:00+00',
})

/** Changes of the orders of users 1 to 5, twenty of each: inserts, updates, deletes. */
function changesOf(plan: Plan): Change[] {
  const { relation } = plan.tables.find(({ label }) => label === 'orders')!
  return Array.from({ length: 100 }, (_, n) => {
    const row = order(n, (n % 5) + 1)
    if (n % 3 === 0) return rowChange(relation, 'insert', undefined, row)
    if (n % 3 === 1) return rowChange(relation, 'delete', row, undefined)
    return rowChange(relation, 'update', row, { ...row, status: 'shipped' })
  })
}

/** In the place of PostgreSQL: the changed orders are joined with their users. */
const askForUsers: Ask = (inquiries) =>
  Promise.resolve(
    inquiries.map(({ images }): Answer => {
      const users = new Set(images.map(({ row }) => row['user_id'] ?? null))
      return { kind: 'rows', rows: [...users].map((user) => [user]) }
    }),
  )

interface Population {
  readonly count: number
  readonly from?: number
  readonly filter?: ChangeFilter
}

/** How often routing looked at a live query, and which it found; there are `count`, each of another user. */
async function route(plan: Plan, { count, from = 1, filter }: Population) {
  let looks = 0
  const router = new Router<Routable>()
  for (let user = from; user < from + count; user += 1) {
    const query: Routable = { plan, parameters: [user, 10], filter, isUnsettled: false, lastRow: undefined }
    router.add(
      new Proxy(query, {
        get(target, property) {
          looks += 1
          return Reflect.get(target, property) as unknown
        },
      }),
    )
  }
  looks = 0
  const hits = await router.route(changesOf(plan), askForUsers)
  const atRouting = looks
  return { looks: atRouting, found: [...hits.keys()].map(({ parameters }) => parameters[0]) }
}

const orders = compileOnly().selectFrom('orders').select(['id', 'status'])
const ofAUser = orders.where('user_id', '=', 1)

test.each<[string, Compilable, Pick<Population, 'filter'>]>([
  ['by a value of the row', ofAUser, {}],
  ['with a filter of the application', ofAUser, { filter: FILTER }],
  ['by a list', orders.where('user_id', 'in', [1]), {}],
  ['by a value, with a condition beside', ofAUser.where('total', '<', '10'), {}],
  ['by a value, of the first rows', ofAUser.orderBy('id').limit(10), {}],
  [
    'by what the row is joined with',
    orders.innerJoin('users as u', 'u.id', 'orders.user_id').where('u.org_id', '=', 1).clearSelect().select('u.name'),
    {},
  ],
])('fault 24: matching does not grow with the number of live queries: %s', async (_, query, overrides) => {
  const plan = await shop.plan(query)
  const few = await route(plan, { count: 5, ...overrides })
  const many = await route(plan, { count: 5_000, ...overrides })
  expect(new Set(many.found)).toEqual(new Set([1, 2, 3, 4, 5]))
  expect(many.found).toEqual(few.found)
  expect(many.looks).toBe(few.looks)
})

test('fault 24: changes that reach nobody look at nobody', async () => {
  const { looks, found } = await route(await shop.plan(ofAUser), { count: 5_000, from: 6 })
  expect({ looks, found }).toEqual({ looks: 0, found: [] })
})
