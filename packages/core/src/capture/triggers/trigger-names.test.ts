import { expect, test } from 'vitest'
import { functionNames, TRIGGER_EVENTS, triggerName } from './trigger-names.js'

test('tables of the schema public are named alone, others with their schema', () => {
  expect(functionNames({ schema: 'public', name: 'orders' })[0]).toBe('_pg_realtime_notify_orders')
  expect(functionNames({ schema: 'shop', name: 'orders' })[0]).toBe('_pg_realtime_notify_shop_orders')
  expect(triggerName({ schema: 'shop', name: 'orders' }, 'insert')).toBe('_pg_realtime_trigger_orders_insert')
})

test('fault 13: names that would run into each other have a second choice that does not', () => {
  const one = functionNames({ schema: 'a_b', name: 'c' })
  const other = functionNames({ schema: 'a', name: 'b_c' })
  expect(one[0]).toBe(other[0])
  expect(one[1]).not.toBe(other[1])
})

test.each(['x'.repeat(63), 'ä'.repeat(31), '🙂'.repeat(15)])(
  'names of %s fit into 63 bytes and stay distinct',
  (name) => {
    const twin = `${name.slice(0, -2)}y`
    const names = [name, twin].flatMap((table) => [
      ...functionNames({ schema: 'public', name: table }),
      ...TRIGGER_EVENTS.map((event) => triggerName({ schema: 'public', name: table }, event)),
    ])
    expect(new Set(names).size).toBe(names.length)
    for (const each of names) {
      expect(Buffer.byteLength(each)).toBeLessThanOrEqual(63)
      expect(Buffer.from(each).toString()).toBe(each)
    }
  },
)
