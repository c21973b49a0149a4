import { describe, expect, test } from 'vitest'
import { History, type Transition } from './history.js'

const render = () => ({ text: '={}', size: 1 })
const begin = (version: string, epoch = 'abcd') => new History([{}], version, render, epoch)
const to = (version: string): Transition => ({ previousRows: [{}], rows: [{}], version, patch: [] })

const raise = (error: Error): never => {
  throw error
}

/** One that somebody has asked, so that it keeps its steps, and that has shown these versions. */
function shown(first: string, ...next: readonly string[]): History {
  const history = begin(first)
  history.since({ state: 'abcd.0', version: first })
  for (const version of next) history.advance(to(version))
  return history
}

describe('what leads on from the rows of a client', () => {
  test.each([
    ['abcd.0', 'a', 0, 2],
    ['abcd.1', 'b', 1, 1],
    ['abcd.2', 'c', 2, 0],
  ])('%s with version %s: the steps since', (state, version, from, count) => {
    const missed = shown('a', 'b', 'c').since({ state, version })
    expect(missed).toEqual({ from, lines: Array.from({ length: count }, () => '={}').join('\n') })
  })

  test.each([
    ['another epoch', 'abce.1', 'b'],
    ['a number that is still to come', 'abcd.3', 'c'],
    ['a negative number', 'abcd.-1', 'a'],
    ['no number', 'abcd', 'a'],
    ['an epoch of rows that were mapped', 'abcd*.1', 'b'],
    ['no rows', '-', '-'],
    ['the version of the number before', 'abcd.1', 'a'],
    ['the newest version under an older number', 'abcd.1', 'c'],
    ['another version under the newest number', 'abcd.2', 'b'],
    ['a version that was never shown', 'abcd.0', 'x'],
  ])('%s: nothing, so that all rows are sent', (_, state, version) => {
    expect(shown('a', 'b', 'c').since({ state, version })).toBeUndefined()
  })
})

test('histories of the same epoch and other rows share the name of a state, and none answers for the other', () => {
  const [ours, theirs] = [shown('a', 'b', 'c'), shown('x', 'y', 'z')]
  for (const [number, version] of ['x', 'y', 'z'].entries()) {
    expect(theirs.stateOf(number)).toBe(ours.stateOf(number))
    expect(theirs.since({ state: theirs.stateOf(number), version })).toBeDefined()
    expect(ours.since({ state: theirs.stateOf(number), version })).toBeUndefined()
  }
})

test('steps that are no longer kept are not made up for by a version', () => {
  const history = shown('v0', ...Array.from({ length: 70 }, (_, index) => `v${index + 1}`))
  expect(history.since({ state: 'abcd.0', version: 'v0' })).toBeUndefined()
  expect(history.since({ state: 'abcd.69', version: 'v69' })).toMatchObject({ from: 69 })
  expect(history.since({ state: 'abcd.69', version: 'v5' })).toBeUndefined()
})

test('the first step is known also to those who ask only after it', () => {
  const history = begin('a')
  history.advance(to('b'))
  expect(history.since({ state: 'abcd.0', version: 'a' })).toMatchObject({ from: 0 })
  expect(history.since({ state: 'abcd.0', version: 'b' })).toBeUndefined()
})

test('a step that cannot be rendered is left out, with those before it: all rows are sent to whoever needs it', () => {
  const bad = to('c')
  const history = new History(
    [{}],
    'a',
    (patch) => {
      if (patch === bad.patch) throw new TypeError('no label')
      return render()
    },
    'abcd',
  )
  history.since({ state: 'abcd.0', version: 'a' })
  for (const step of [to('b'), bad, to('d'), to('e')]) history.advance(step)
  const answers = ['a', 'b', 'c', 'd', 'e'].map((version, number) =>
    history.since({ state: `abcd.${number}`, version }),
  )
  expect(answers.map((missed) => missed?.lines)).toEqual([undefined, undefined, '={}\n={}', '={}', ''])
})

test('the newest step that cannot be rendered is no error to who holds the rows before it, nor to the next', () => {
  const history = new History([{}], 'a', () => raise(new TypeError('no label')), 'abcd')
  history.advance(to('b'))
  expect(history.since({ state: 'abcd.0', version: 'a' })).toBeUndefined()
  history.advance(to('c'))
  expect(history.since({ state: 'abcd.1', version: 'b' })).toBeUndefined()
  expect(history.since({ state: 'abcd.2', version: 'c' })).toEqual({ from: 2, lines: '' })
})

test('an epoch is four characters that no other part of an event id needs, and hardly ever the same', () => {
  const epochs = Array.from({ length: 1_000 }, () => new History([], 'a', render).stateOf(0))
  for (const epoch of epochs) expect(epoch).toMatch(/^[\w-]{4}\.0$/)
  expect(new Set(epochs).size).toBeGreaterThan(990)
})
