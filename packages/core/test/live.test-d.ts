import { sql, type Generated, type Kysely } from 'kysely'
import { expectTypeOf, test } from 'vitest'
import { applyPatch, type LiveQuery, type Patch, type Realtime, type RealtimeError, type Update } from '../src/index.js'

interface Shop {
  users: { id: Generated<number>; name: string; status: 'active' | 'inactive' | null; seen_at: Date }
  orders: { id: Generated<number>; user_id: number; code: string }
}

declare const db: Kysely<Shop>
declare const realtime: Realtime<Shop>

test('rows have the type of the query', () => {
  const live = realtime.live(db.selectFrom('users').select(['id', 'name as title', 'status']))
  interface Expected {
    id: number
    title: string
    status: 'active' | 'inactive' | null
  }
  expectTypeOf(live).toEqualTypeOf<LiveQuery<Expected>>()
  expectTypeOf(live.rows).toEqualTypeOf<readonly Expected[]>()
  expectTypeOf(live.ready).resolves.toEqualTypeOf<readonly Expected[]>()
  expectTypeOf(live.single).toEqualTypeOf<Expected | undefined>()
  expectTypeOf(live.error).toEqualTypeOf<RealtimeError | undefined>()
})

test('selectAll, joins and raw SQL are inferred too', () => {
  expectTypeOf(realtime.live(db.selectFrom('users').selectAll()).rows[0]!.seen_at).toEqualTypeOf<Date>()
  const joined = db.selectFrom('orders').leftJoin('users', 'users.id', 'orders.user_id').select(['code', 'users.name'])
  expectTypeOf(realtime.live(joined).rows).toEqualTypeOf<readonly { code: string; name: string | null }[]>()
  expectTypeOf(realtime.live(sql<{ n: number }>`select 1 as n`).rows).toEqualTypeOf<readonly { n: number }[]>()
})

test('listeners and iteration have it as well', async () => {
  const live = realtime.live(db.selectFrom('users').select('id'))
  live.subscribe((update) => {
    expectTypeOf(update).toEqualTypeOf<Update<{ id: number }>>()
    expectTypeOf(update.previousRows).toEqualTypeOf<readonly { id: number }[]>()
    expectTypeOf(update.patch).toEqualTypeOf<Patch<{ id: number }>>()
  })
  for await (const { rows } of live) expectTypeOf(rows).toEqualTypeOf<readonly { id: number }[]>()
})

test('a patch’s steps have it too', () => {
  realtime.live(db.selectFrom('users').select(['id', 'name'])).subscribe(({ rows, previousRows, patch }) => {
    expectTypeOf(applyPatch(previousRows, patch)).toEqualTypeOf<{ id: number; name: string }[]>()
    for (const step of patch) {
      expectTypeOf(step.row).toEqualTypeOf<{ id: number; name: string }>()
      if (step.kind === 'update') expectTypeOf(step.columns).toEqualTypeOf<readonly string[]>()
      if (step.kind === 'insert') expectTypeOf(rows[step.to]).toEqualTypeOf<{ id: number; name: string } | undefined>()
      // @ts-expect-error a row that went has no place any more
      if (step.kind === 'remove') void step.to
    }
  })
})

test('map changes it', () => {
  const mapped = realtime.live(db.selectFrom('users').select('name')).map(({ name }) => name.length)
  expectTypeOf(mapped).toEqualTypeOf<LiveQuery<number>>()
})

test('rows are read-only', () => {
  const live = realtime.live(db.selectFrom('users').select('id'))
  expectTypeOf(live.rows).not.toHaveProperty('push')
})

test('what is looked up by id has unknown rows', () => {
  expectTypeOf(realtime.get('users')).toEqualTypeOf<LiveQuery<unknown> | undefined>()
})

test('dependsOn and exclude name tables and columns of the database', () => {
  realtime.live(db.selectFrom('users').select('id'), { dependsOn: ['orders'] })
  // @ts-expect-error no such table
  realtime.live(db.selectFrom('users').select('id'), { dependsOn: ['nowhere'] })
})
