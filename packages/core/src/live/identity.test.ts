import { expect, test } from 'vitest'
import { result } from '../route/refresh-option.js'
import type { LiveOptions } from './contract.js'
import { identityOf } from './identity.js'

type Options = LiveOptions<never, Record<string, unknown>>
const identity = (parameters: readonly unknown[] = [], options: object = {}, throttleMs = 500) =>
  identityOf('select 1', parameters, options as Options, throttleMs)

test('the same query, parameters and options are one live query', () => {
  const options = { scope: { role: 'member', settings: { a: '1', b: '2' } }, refresh: { orders: { id: result('id') } } }
  const reordered = {
    scope: { settings: { b: '2', a: '1' }, role: 'member' },
    refresh: { orders: { id: result('id') } },
  }
  expect(identity([1, new Date(0)], options)).toBe(identity([1, new Date(0)], reordered))
})

test('parity 16: another scope is another live query', () => {
  const scopes = [
    {},
    { role: 'a' },
    { role: 'b' },
    { settings: { 'app.user': '1' } },
    { settings: { 'app.user': '2' } },
  ]
  expect(new Set(scopes.map((scope) => identity([], { scope }))).size).toBe(scopes.length)
})

test('parameters that PostgreSQL could tell apart are different', () => {
  const values = [
    1,
    '1',
    1n,
    true,
    'true',
    null,
    undefined,
    [1],
    ['1'],
    { a: 1 },
    new Date(1),
    Buffer.from('1'),
    -0,
    0,
    NaN,
  ]
  expect(new Set(values.map((value) => identity([value]))).size).toBe(values.length)
})

test('an object with its own PostgreSQL text is shared only with itself', () => {
  const point = { toPostgres: () => '(1,2)' }
  expect(identity([point])).toBe(identity([point]))
  expect(identity([point])).not.toBe(identity([{ toPostgres: () => '(1,2)' }]))
})

test('functions in the refresh option are told apart by reference', () => {
  const isUrgent = () => true
  expect(identity([], { refresh: { orders: { a: isUrgent } } })).toBe(
    identity([], { refresh: { orders: { a: isUrgent } } }),
  )
  expect(identity([], { refresh: () => true })).not.toBe(identity([], { refresh: () => true }))
})

test('options that decide when it refreshes count; id and onError do not', () => {
  expect(identity([], {}, 100)).not.toBe(identity([], {}, 200))
  expect(identity([], { refreshEvery: 10 })).not.toBe(identity([], { refreshEvery: 20 }))
  expect(identity([], { dependsOn: ['a'] })).not.toBe(identity([], {}))
  expect(identity([], { id: 'x', onError: () => {} })).toBe(identity())
})
