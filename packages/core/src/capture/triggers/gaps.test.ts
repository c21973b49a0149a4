import { expect, test } from 'vitest'
import { parseSnapshot } from '../pg-snapshot.js'
import { Gaps } from './gaps.js'

test('a doubt lasts until a batch whose snapshot covers the moment', () => {
  const gaps = new Gaps()
  gaps.add('why', parseSnapshot('10:20:'))
  expect(gaps.settle(parseSnapshot('10:19:'))).toBe('why')
  expect(gaps.settle(parseSnapshot('10:20:15'))).toBe('why')
  expect(gaps.settle(parseSnapshot('10:20:'))).toBe('why')
  expect(gaps.settle(parseSnapshot('10:21:'))).toBeUndefined()
})

test('a transaction that was open then makes the batch in which it has ended a gap', () => {
  const gaps = new Gaps()
  gaps.add('why', parseSnapshot('10:20:10,12'), [10n, 12n])
  expect(gaps.settle(parseSnapshot('10:20:10,12'))).toBe('why')
  expect(gaps.settle(parseSnapshot('10:25:10,12'))).toBeUndefined()
  expect(gaps.settle(parseSnapshot('12:25:12'))).toContain('transaction 10 has ended')
  expect(gaps.open).toBe(true)
  expect(gaps.settle(parseSnapshot('25:25:'))).toContain('transaction 12 has ended')
  expect(gaps.open).toBe(false)
})
