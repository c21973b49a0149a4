import { expect, test } from 'vitest'
import { interleaved, median, percentile, ratio, rounded, worst } from './measure.js'

test('every round measures each contestant, and begins with another one', async () => {
  const order: string[] = []
  const contestant = (name: string) => async (): Promise<number> => order.push(name)
  const results = await interleaved({ a: contestant('a'), b: contestant('b') }, 2)
  expect(order).toEqual(['a', 'b', 'b', 'a'])
  expect(results).toEqual({ a: [1, 4], b: [2, 3] })
})

test('a slow round disturbs both sides, and so not their ratio', () => {
  expect(ratio([2, 200, 2], [1, 100, 1])).toBe(2)
})

test('percentiles lie between the nearest values, whatever the order', () => {
  expect(median([3, 1, 2, 4])).toBe(2.5)
  expect(percentile([10, 0], 0.99)).toBeCloseTo(9.9)
  expect(median([])).toBeNaN()
})

test('a missing size leaves the figure open', () => {
  expect(worst([1, 3, 2])).toBe(3)
  expect(worst([1, 3, 2], 'least')).toBe(1)
  expect(worst([1, null])).toBeNull()
  expect(worst([1, Number.NaN])).toBeNull()
  expect(worst([])).toBeNull()
})

test('figures have three digits, and what is not a number is null', () => {
  expect(rounded(1.23456)).toBe(1.23)
  expect(rounded(Infinity)).toBeNull()
})
