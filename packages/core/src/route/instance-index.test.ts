import { describe, expect, test } from 'vitest'
import type { Operand, ValueKind } from '../analyze/plan.js'
import { InstanceIndex } from './instance-index.js'

const parameter = (number: number): Operand => ({ kind: 'parameter', number })
const elements = (number: number): Operand => ({ kind: 'elements', number })
const slot = (kind: ValueKind, ...operands: readonly Operand[]) => ({ kind, operands })
const instance = (...parameters: readonly unknown[]) => ({ parameters })

function indexOf(slots: readonly ReturnType<typeof slot>[], ...all: readonly ReturnType<typeof instance>[]) {
  const index = new InstanceIndex<ReturnType<typeof instance>>(slots)
  for (const one of all) index.add(one)
  return (...values: readonly (string | null | undefined)[]) => {
    const found = index.find(values)
    return found && [...found]
  }
}

describe('looking instances up', () => {
  test('by the tuple of their values', () => {
    const [one, two, three] = [instance(1, 'a'), instance(1, 'b'), instance(1, 'a')]
    const find = indexOf([slot('number', parameter(1)), slot('text', parameter(2))], one, two, three)
    expect(find('1', 'a')).toEqual([one, three])
    expect(find('1', 'b')).toEqual([two])
    expect(find('2', 'a')).toEqual([])
  })

  test('whatever the value’s type in JavaScript is', () => {
    const all = [instance(1), instance('1'), instance(1n), instance('1.0')]
    expect(indexOf([slot('number', parameter(1))], ...all)('1')).toEqual(all)
  })

  test('by each element of a list, and of an array parameter', () => {
    const one = instance(1, 2, [3, 4])
    expect(indexOf([slot('number', parameter(1), parameter(2))], one)('2')).toEqual([one])
    expect(indexOf([slot('number', elements(3))], one)('4')).toEqual([one])
    expect(indexOf([slot('number', elements(3))], one)('5')).toEqual([])
  })

  test('NULL equals nothing', () => {
    const find = indexOf([slot('number', parameter(1))], instance(null), instance(undefined))
    expect(find(null)).toEqual([])
    expect(find('1')).toEqual([])
  })

  test('an instance whose value is not understood is always among those found', () => {
    const [odd, one] = [instance('1e3'), instance(1)]
    const find = indexOf([slot('number', parameter(1))], odd, one)
    expect(find('1')).toEqual([one, odd])
    expect(find('1000')).toEqual([odd])
  })

  test('a value that is not known finds no answer', () => {
    const find = indexOf([slot('number', parameter(1))], instance(1))
    expect(find(undefined)).toBeUndefined()
    expect(find('NaN')).toBeUndefined()
  })

  test('lists with too many combinations are found by every change', () => {
    const many = instance(
      Array.from({ length: 100 }, (_, n) => n),
      Array.from({ length: 100 }, (_, n) => n),
    )
    expect(indexOf([slot('number', elements(1)), slot('number', elements(2))], many)('500', '500')).toEqual([many])
  })
})

test('what is removed is not found any more', () => {
  const index = new InstanceIndex<ReturnType<typeof instance>>([slot('number', elements(1))])
  const [one, two, odd] = [instance([1, 2]), instance([2]), instance(['1e3'])]
  for (const each of [one, two, odd]) index.add(each)
  index.remove(one)
  index.remove(odd)
  expect([...index.find(['1'])!]).toEqual([])
  expect([...index.find(['2'])!]).toEqual([two])
})
