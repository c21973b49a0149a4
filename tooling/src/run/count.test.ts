import { expect, it } from 'vitest'
import { closingLine, countReport } from './count.js'

const report = (...files: { status: string; tests: string[] }[]) => ({
  testResults: files.map(({ status, tests }) => ({
    name: 'a.test.ts',
    status,
    assertionResults: tests.map((test) => ({ status: test })),
  })),
})

it('counts tests over all files', () => {
  const passed = { status: 'passed', tests: ['passed', 'passed', 'pending', 'todo'] }
  const failed = { status: 'failed', tests: ['passed', 'failed'] }
  expect(countReport(report(passed, failed), 1)).toEqual({ passed: 3, failed: 1, skipped: 2 })
})

it.each([
  ['a file that could not be read', report({ status: 'failed', tests: [] }), 1, { passed: 0, failed: 1, skipped: 0 }],
  [
    'an error outside of tests',
    report({ status: 'passed', tests: ['passed'] }),
    1,
    { passed: 1, failed: 1, skipped: 0 },
  ],
  ['a run without any test', report(), 0, { passed: 0, failed: 1, skipped: 0 }],
  ['a run without a report', undefined, 0, { passed: 0, failed: 1, skipped: 0 }],
])('counts %s as failed', (_, found, exitCode, expected) => {
  expect(countReport(found, exitCode)).toEqual(expected)
})

it('says what was left out only if something was', () => {
  expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed')
  expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped')
})
