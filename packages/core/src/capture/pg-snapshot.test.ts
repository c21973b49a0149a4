import { expect, test } from 'vitest'
import { covers, hasEnded, parseSnapshot } from './pg-snapshot.js'

test('knows which transactions have ended', () => {
  const snapshot = parseSnapshot('10:20:10,15')
  expect([9n, 10n, 11n, 15n, 19n, 20n].map((id) => hasEnded(snapshot, id))).toEqual([
    true,
    false,
    true,
    false,
    true,
    false,
  ])
})

test.each<[string, string, boolean]>([
  ['10:20:', '10:20:', true],
  ['10:21:', '10:20:', true],
  ['10:20:', '10:21:', false],
  ['10:20:10', '10:20:', false],
  ['10:20:', '10:20:10', true],
  ['10:30:25', '10:20:10', true],
  ['10:30:15', '10:20:10', false],
])('%s covers %s: %s', (later, earlier, expected) => {
  expect(covers(parseSnapshot(later), parseSnapshot(earlier))).toBe(expected)
})

test('refuses what is no snapshot', () => {
  expect(() => parseSnapshot('10:20')).toThrow('not a pg_snapshot')
})
