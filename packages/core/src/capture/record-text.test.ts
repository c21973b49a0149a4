import { expect, test } from 'vitest'
import { parseRecord, RecordTextError } from './record-text.js'

test.each<[string, number, (string | null)[]]>([
  ['()', 0, []],
  ['()', 1, [null]],
  ['("")', 1, ['']],
  ['(,)', 2, [null, null]],
  ['(1,a b,)', 3, ['1', 'a b', null]],
  ['("a,b","c)d","(")', 3, ['a,b', 'c)d', '(']],
  ['("say ""x""","a\\\\b")', 2, ['say "x"', 'a\\b']],
  ['("""","\\\\")', 2, ['"', '\\']],
  ['("(1,""x"")",2)', 2, ['(1,"x")', '2']],
  ['("a\nb",ä🙂)', 2, ['a\nb', 'ä🙂']],
])('%s', (text, count, fields) => {
  expect(parseRecord(text, count)).toEqual(fields)
})

test.each<[string, number]>([
  ['', 1],
  ['1,2', 2],
  ['(1,2)', 3],
  ['(1,2)', 1],
  ['("a)', 1],
  ['(a"b)', 1],
  ['(1)', 0],
])('refuses %s as a row of %i fields, without repeating it', (text, count) => {
  expect(() => parseRecord(text, count)).toThrow(RecordTextError)
  expect(() => parseRecord(text, count)).not.toThrow(text || 'nothing')
})
