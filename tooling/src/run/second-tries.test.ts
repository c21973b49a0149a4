import { expect, it } from 'vitest'
import { countReport } from './count.js'
import { describeSecondTries, secondTries } from './second-tries.js'

const report = {
  testResults: [
    {
      name: '/repository/packages/core/test/a.pg.test.ts',
      status: 'failed',
      assertionResults: [
        { status: 'passed', fullName: 'rows arrive', failureMessages: [] },
        { status: 'passed', fullName: 'rows arrive late', failureMessages: ['AssertionError: expected 1 to be 2'] },
        { status: 'failed', fullName: 'rows are right', failureMessages: ['AssertionError', 'AssertionError'] },
        { status: 'skipped', fullName: 'rows are many', failureMessages: [] },
      ],
    },
    {
      name: '/repository/e2e/board.e2e.test.ts',
      status: 'passed',
      assertionResults: [{ status: 'passed', fullName: 'the board opens', failureMessages: ['TimeoutError'] }],
    },
  ],
}

it('names the tests that passed after they had failed, and no others', () => {
  expect(secondTries(report, '/repository')).toEqual([
    'packages/core/test/a.pg.test.ts: rows arrive late',
    'e2e/board.e2e.test.ts: the board opens',
  ])
  expect(countReport(report, 1)).toEqual({ passed: 3, failed: 1, skipped: 1 })
})

it('knows none of a run without a report', () => {
  expect(secondTries(undefined, '/repository')).toEqual([])
})

it('says how many there are, and where', () => {
  const tries = [
    { step: 'unit', tests: [] },
    { step: 'pg on PostgreSQL 18', tests: ['a.pg.test.ts: one', 'b.pg.test.ts: two'] },
  ]
  expect(describeSecondTries(tries)).toBe(
    'passed only at the second try: 2\n  pg on PostgreSQL 18: a.pg.test.ts: one\n  pg on PostgreSQL 18: b.pg.test.ts: two\n',
  )
})

it('says nothing where every test passed at once', () => {
  expect(describeSecondTries([{ step: 'unit', tests: [] }])).toBe('')
})
