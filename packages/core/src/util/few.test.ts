import { expect, test } from 'vitest'
import { countOf, membersOf, withMember, withoutMember, type Few } from './few.js'

const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]

test('members come in their order, and each of them once', () => {
  let few: Few<{ name: string }>
  expect(membersOf(few)).toEqual([])
  for (const member of [a, a, b, c, b]) few = withMember(few, member)
  expect(membersOf(few)).toEqual([a, b, c])
  expect(countOf(few)).toBe(3)
})

test('the last that goes leaves none, and a stranger takes nobody along', () => {
  let few = withMember<{ name: string }>(undefined, a)
  expect(withoutMember(few, b)).toBe(few)
  few = withMember(few, b)
  few = withoutMember(withoutMember(few, a), c)
  expect(membersOf(few)).toEqual([b])
  few = withoutMember(few, b)
  expect(countOf(few)).toBe(0)
  expect(withoutMember(withMember(few, a), a)).toBeUndefined()
})

test('a list does not change with what it was taken of', () => {
  let few = withMember(withMember<{ name: string }>(undefined, a), b)
  const members = membersOf(few)
  few = withMember(few, c)
  expect(members).toEqual([a, b])
})
