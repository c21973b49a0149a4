import { expect, test } from 'vitest'
import { Lanes } from './lanes.js'

/** Lanes of which some are taken. */
function lanesOf(most: number, taken: { readonly shared?: number; readonly apart?: number } = {}): Lanes {
  const lanes = new Lanes(most)
  for (const [kind, count] of Object.entries(taken)) for (let n = 0; n < count; n += 1) lanes.take(kind === 'apart')
  return lanes
}

test('slow shapes leave one lane to the others, and the others one to slow shapes that wait', () => {
  expect(lanesOf(2).allot({ shared: 9, apart: 9 })).toEqual({ shared: 1, apart: 1 })
  expect(lanesOf(4).allot({ shared: 9, apart: 9 })).toEqual({ shared: 3, apart: 1 })
  expect(lanesOf(4).allot({ shared: 1, apart: 9 })).toEqual({ shared: 1, apart: 3 })
  expect(lanesOf(4).allot({ shared: 0, apart: 9 })).toEqual({ shared: 0, apart: 3 })
  expect(lanesOf(4).allot({ shared: 9, apart: 0 })).toEqual({ shared: 4, apart: 0 })
})

test('of the only lane that is free, slow shapes have it before others that have one', () => {
  expect(lanesOf(2, { shared: 1 }).allot({ shared: 9, apart: 9 })).toEqual({ shared: 0, apart: 1 })
  expect(lanesOf(3, { shared: 1, apart: 1 }).allot({ shared: 9, apart: 9 })).toEqual({ shared: 1, apart: 0 })
  expect(lanesOf(2, { apart: 1 }).allot({ shared: 9, apart: 9 })).toEqual({ shared: 1, apart: 0 })
  expect(lanesOf(2, { shared: 1, apart: 1 }).allot({ shared: 9, apart: 9 })).toEqual({ shared: 0, apart: 0 })
})

test('a single lane is theirs by turns', () => {
  const lanes = new Lanes(1)
  const turns = Array.from({ length: 4 }, () => {
    const { apart, shared } = lanes.allot({ shared: 9, apart: 9 })
    expect(shared + apart).toBe(1)
    lanes.take(apart === 1)
    expect(lanes.allot({ shared: 9, apart: 9 })).toEqual({ shared: 0, apart: 0 })
    lanes.release(apart === 1)
    return apart === 1 ? 'slow' : 'fast'
  })
  expect(turns).toEqual(['fast', 'slow', 'fast', 'slow'])
  expect(lanes.allot({ shared: 0, apart: 1 })).toEqual({ shared: 0, apart: 1 })
  lanes.take(false)
  lanes.release(false)
  expect(lanes.allot({ shared: 1, apart: 0 })).toEqual({ shared: 1, apart: 0 })
})
