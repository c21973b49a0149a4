import { expect, test } from 'vitest'
import { breakLines } from './break-lines'

test('each clause begins a line, and nothing else changes', () => {
  const sql =
    'select "a"."id" from "a" inner join "b" on "b"."a" = "a"."id" where "a"."fromage" = $1 group by "a"."id" order by "a"."id" limit $2'
  expect(breakLines(sql).split('\n')).toEqual([
    'select "a"."id"',
    'from "a"',
    'inner join "b" on "b"."a" = "a"."id"',
    'where "a"."fromage" = $1',
    'group by "a"."id"',
    'order by "a"."id"',
    'limit $2',
  ])
})
