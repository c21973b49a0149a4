import type { Generated, Kysely } from 'kysely'
import { expectTypeOf, test } from 'vitest'
import { createRealtime, result, type ChangeEvent, type Realtime } from '../src/index.js'
import type { Pool } from 'pg'

interface Shop {
  users: { id: Generated<number>; name: string; status: 'active' | 'inactive' | null; seen_at: Date }
  orders: { id: Generated<number>; user_id: number; code: string }
  'audit.entries': { id: number; note: string }
}

declare const db: Kysely<Shop>
declare const pool: Pool
declare const realtime: Realtime<Shop>
const orders = db.selectFrom('orders').select(['id', 'code'])

test('tables, columns and values of a refresh map are those of the database', () => {
  realtime.live(orders, { refresh: { orders: { code: 'A-1', user_id: 1 } } })
  realtime.live(orders, { refresh: { users: { status: 'active' }, orders: 'default' } })
  realtime.live(orders, { refresh: { users: { status: null } } })
  realtime.live(orders, { refresh: { 'audit.entries': { note: 'x' } } })
  realtime.live(orders, { refresh: { users: { seen_at: new Date() } } })
})

test('a wrong table does not compile', () => {
  // @ts-expect-error no such table
  realtime.live(orders, { refresh: { order: { code: 'A-1' } } })
})

test('a wrong column does not compile', () => {
  // @ts-expect-error no such column
  realtime.live(orders, { refresh: { orders: { colour: 'red' } } })
})

test('a value of another type does not compile', () => {
  // @ts-expect-error a number, not a string
  realtime.live(orders, { refresh: { orders: { user_id: 'one' } } })
  // @ts-expect-error not one of its values
  realtime.live(orders, { refresh: { users: { status: 'gone' } } })
})

test('a predicate gets the column’s type, or null', () => {
  realtime.live(orders, {
    refresh: {
      orders: {
        user_id: (value) => {
          expectTypeOf(value).toEqualTypeOf<number | null>()
          return value === 1
        },
      },
      users: {
        seen_at: (value) => {
          expectTypeOf(value).toEqualTypeOf<Date | null>()
          return true
        },
      },
    },
  })
})

test('result(…) names a column of the result', () => {
  realtime.live(orders, { refresh: { orders: { user_id: result('id') } } })
  // @ts-expect-error the result has no such column
  realtime.live(orders, { refresh: { orders: { user_id: result('user_id') } } })
})

test('a function gets the change, the rows and a connection', () => {
  realtime.live(orders, {
    refresh({ change, rows, db: lookUp }) {
      expectTypeOf(change).toEqualTypeOf<ChangeEvent<Shop>>()
      expectTypeOf(change.table).toEqualTypeOf<'users' | 'orders' | 'audit.entries'>()
      expectTypeOf(rows).toEqualTypeOf<readonly { id: number; code: string }[]>()
      expectTypeOf(lookUp).toEqualTypeOf<Kysely<Shop>>()
      return 'default'
    },
  })
  realtime.live(orders, { refresh: { orders: async ({ rows }) => rows.length > 0, users: () => undefined } })
  // @ts-expect-error neither a boolean nor 'default'
  realtime.live(orders, { refresh: () => 'always' })
})

test('exclude names columns of the database', () => {
  createRealtime({ db, pool, exclude: { users: ['name'] } })
  // @ts-expect-error no such column
  createRealtime({ db, pool, exclude: { users: ['password'] } })
  // @ts-expect-error no such table
  createRealtime({ db, pool, exclude: { people: ['name'] } })
})
