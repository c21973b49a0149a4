import { relative } from 'node:path'
import type { VitestReport } from './count.js'

/** Tests that passed after they had failed, by name. A test that passed keeps what it failed with the first time. */
export function secondTries(report: VitestReport | undefined, root: string): string[] {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status, failureMessages = [] }) => status === 'passed' && failureMessages.length > 0)
      .map(({ fullName = '' }) => `${relative(root, name)}: ${fullName}`),
  )
}

/** What stands before the closing line; empty where every test passed at once. */
export function describeSecondTries(tries: readonly { readonly step: string; readonly tests: readonly string[] }[]) {
  const lines = tries.flatMap(({ step, tests }) => tests.map((test) => `  ${step}: ${test}`))
  if (lines.length === 0) return ''
  return [`passed only at the second try: ${lines.length}`, ...lines, ''].join('\n')
}
