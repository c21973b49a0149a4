/** What a suite found: how many tests passed, failed, and were left out. */
export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The part of vitest's JSON report that is looked at. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName?: string
      /** Of every try, also of a test that passed in the end. */
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

export const nothing: Count = { passed: 0, failed: 0, skipped: 0 }
export const onePassed: Count = { passed: 1, failed: 0, skipped: 0 }
export const oneFailed: Count = { passed: 0, failed: 1, skipped: 0 }

export function add(left: Count, right: Count): Count {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  }
}

/**
 * A file that could not be read has no tests, and an error between tests belongs to none: both count as one failed test,
 * and so does a run that wrote no report.
 */
export function countReport(report: VitestReport | undefined, exitCode: number): Count {
  if (report === undefined) return oneFailed
  const counts = report.testResults.map(({ status, assertionResults }) => {
    const counted = assertionResults.map((test) => countTest(test.status)).reduce(add, nothing)
    return status === 'failed' && counted.failed === 0 ? add(counted, oneFailed) : counted
  })
  const total = counts.reduce(add, nothing)
  const silent = total.failed === 0 && (exitCode !== 0 || total.passed === 0)
  return silent ? add(total, oneFailed) : total
}

function countTest(status: string): Count {
  if (status === 'passed') return onePassed
  return status === 'failed' ? oneFailed : { passed: 0, failed: 0, skipped: 1 }
}

/** The closing line, in the form that continuous integration reads. */
export function closingLine({ passed, failed, skipped }: Count): string {
  const counted = `${passed} passed, ${failed} failed`
  return skipped === 0 ? counted : `${counted}, ${skipped} skipped`
}
