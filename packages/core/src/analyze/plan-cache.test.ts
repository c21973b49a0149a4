import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { AnalyzeInput } from './analyze.js'
import { PlanCache } from './plan-cache.js'
import type { Plan } from './plan.js'

const input = (changes: Partial<AnalyzeInput> = {}): AnalyzeInput => ({
  sql: 'select 1',
  node: undefined,
  scope: {},
  dependsOn: [],
  acceptsTime: false,
  ...changes,
})

/** A plan that is told apart by identity. */
const makePlan = async (): Promise<Plan> => ({ sql: 'select 1' }) as Plan

test('the same query is analyzed once, while the first analysis is under way too', async () => {
  const cache = new PlanCache()
  let made = 0
  const make = (): Promise<Plan> => {
    made++
    return makePlan()
  }
  const plans = await Promise.all([cache.plan(input(), make), cache.plan(input(), make)])
  plans.push(await cache.plan(input(), make))
  expect(made).toBe(1)
  expect(new Set(plans).size).toBe(1)
})

test.each<[string, Partial<AnalyzeInput>]>([
  ['SQL', { sql: 'select 2' }],
  ['role', { scope: { role: 'a' } }],
  ['search path', { scope: { settings: { search_path: 'a' } } }],
  ['declared tables', { dependsOn: ['a'] }],
  ['acceptance of time', { acceptsTime: true }],
])('another %s has another plan', async (_, changes) => {
  const cache = new PlanCache()
  const first = await cache.plan(input(), makePlan)
  expect(await cache.plan(input(changes), makePlan)).not.toBe(first)
})

test("settings of the application's own, and the order of settings and tables, do not make another plan", async () => {
  const cache = new PlanCache()
  const settings = { search_path: 'a', timezone: 'UTC', 'app.user_id': '1' }
  const first = await cache.plan(input({ scope: { settings }, dependsOn: ['a', 'b'] }), makePlan)
  const reordered = { 'app.user_id': '2', timezone: 'UTC', search_path: 'a' }
  expect(await cache.plan(input({ scope: { settings: reordered }, dependsOn: ['b', 'a'] }), makePlan)).toBe(first)
})

test('raw SQL has another plan than a Kysely tree of the same text', async () => {
  const cache = new PlanCache()
  const raw = sql`select 1`.toOperationNode()
  const tree = { kind: 'SelectQueryNode' } as AnalyzeInput['node']
  const first = await cache.plan(input({ node: raw }), makePlan)
  expect(await cache.plan(input(), makePlan)).toBe(first)
  expect(await cache.plan(input({ node: tree }), makePlan)).not.toBe(first)
})

test('a failed analysis is tried again', async () => {
  const cache = new PlanCache()
  await expect(cache.plan(input(), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await cache.plan(input(), makePlan)).toBeDefined()
})

test('an analysis under way when the cache is cleared is not kept', async () => {
  const cache = new PlanCache()
  let finish: (plan: Plan) => void = () => {}
  const stale = new Promise<Plan>((resolve) => (finish = resolve))
  const waiting = cache.plan(input(), () => stale)
  cache.clear()
  const fresh = await cache.plan(input(), makePlan)
  finish(await makePlan())
  expect(await waiting).not.toBe(fresh)
  expect(await cache.plan(input(), makePlan)).toBe(fresh)
})

test('the plan that was unused for longest goes first', async () => {
  const cache = new PlanCache(2)
  const [first, second] = await Promise.all(['1', '2'].map((text) => cache.plan(input({ sql: text }), makePlan)))
  await cache.plan(input({ sql: '1' }), makePlan)
  await cache.plan(input({ sql: '3' }), makePlan)
  expect(await cache.plan(input({ sql: '1' }), makePlan)).toBe(first)
  expect(await cache.plan(input({ sql: '2' }), makePlan)).not.toBe(second)
})
