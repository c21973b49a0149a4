import { expect, test } from 'vitest'
import { niceTicks } from './nice-ticks'

test.each([
  [0, [0, 1]],
  [4, [0, 1, 2, 3, 4]],
  [33_000, [0, 10_000, 20_000, 30_000, 40_000]],
  [9.2, [0, 2.5, 5, 7.5, 10]],
])('%d is covered by round steps from zero', (highest, ticks) => {
  expect(niceTicks(highest)).toEqual(ticks)
})
