import { describe, expect, test } from 'vitest'
import { compareSnapshots, parseSnapshot, type SnapshotOrder } from './token.js'

const token = (snapshot: string) => `7439201.1.${snapshot}`

describe('parseSnapshot', () => {
  test('splits a token into its parts', () => {
    expect(parseSnapshot('7439201.2.10:15:10,12')).toEqual({
      system: '7439201',
      timeline: '2',
      xmin: 10n,
      xmax: 15n,
      xip: new Set([10n, 12n]),
    })
  })

  test('keeps 64-bit transaction ids exact', () => {
    expect(parseSnapshot(token('9007199254740993:9007199254740995:9007199254740993'))?.xip).toEqual(
      new Set([9007199254740993n]),
    )
  })

  test.each(['', 'nonsense', '1.1', '1.1.10:15', '1.1.10:15:,', '1.1.10:15:10,', 'x.1.10:15:', '1.1.10:15:10\n'])(
    'takes %j for no token',
    (text) => expect(parseSnapshot(text)).toBeUndefined(),
  )
})

describe('compareSnapshots', () => {
  const cases: readonly [string, string, SnapshotOrder][] = [
    ['10:10:', '10:10:', 'same'],
    ['10:15:10,12', '10:15:12,10', 'same'],
    // Ids that nobody has used yet are visible nowhere, whether listed or beyond the end.
    ['10:11:10', '10:10:', 'same'],
    ['10:10:', '11:11:', 'older'],
    ['10:15:10', '15:15:', 'older'],
    ['10:15:10,12', '10:15:12', 'older'],
    ['10:15:10', '10:20:10,17', 'older'],
    ['10:15:10', '10:20:10,11', 'concurrent'],
    ['10:12:', '10:14:11', 'concurrent'],
    ['10:15:10', '11:15:11', 'concurrent'],
    ['5:1000000000000:5', '5:1000000000001:5', 'older'],
  ]

  const opposite: Partial<Record<SnapshotOrder, SnapshotOrder>> = { older: 'newer', newer: 'older' }

  test.each(cases)('%s is to %s: %s', (a, b, order) => {
    expect(compareSnapshots(token(a), token(b))).toBe(order)
    expect(compareSnapshots(token(b), token(a))).toBe(opposite[order] ?? order)
  })

  test('agrees with a count of the visible transactions, for every small snapshot', () => {
    const snapshots = allSnapshots(1, 6)
    for (const a of snapshots) {
      for (const b of snapshots) expect(compareSnapshots(token(a), token(b)), `${a} to ${b}`).toBe(byEnumeration(a, b))
    }
  })

  test.each([
    ['another system', '2.1.10:10:', '1.1.10:10:'],
    ['another timeline', '1.2.10:10:', '1.1.10:10:'],
    ['no token at all', '', '1.1.10:10:'],
  ])('does not compare across %s', (_, a, b) => expect(compareSnapshots(a, b)).toBe('incomparable'))
})

/** Every snapshot whose ids lie in [first, last]. */
function allSnapshots(first: number, last: number): string[] {
  const found: string[] = []
  for (let xmax = first; xmax <= last; xmax++) {
    for (let mask = 0; mask < 1 << (xmax - first); mask++) {
      const xip = Array.from({ length: xmax - first }, (_, bit) => first + bit).filter((_, bit) => mask & (1 << bit))
      found.push(`${xip[0] ?? xmax}:${xmax}:${xip.join(',')}`)
    }
  }
  return found
}

function byEnumeration(a: string, b: string): SnapshotOrder {
  const seenByA = visible(a)
  const seenByB = visible(b)
  const isOlder = [...seenByA].every((xid) => seenByB.has(xid))
  const isNewer = [...seenByB].every((xid) => seenByA.has(xid))
  if (isOlder) return isNewer ? 'same' : 'older'
  return isNewer ? 'newer' : 'concurrent'
}

function visible(snapshot: string): Set<number> {
  const [, xmax, xip] = snapshot.split(':') as [string, string, string]
  const running = new Set(xip === '' ? [] : xip.split(',').map(Number))
  return new Set(Array.from({ length: Number(xmax) }, (_, xid) => xid).filter((xid) => !running.has(xid)))
}
