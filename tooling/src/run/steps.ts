/** The suites and checks that a test run consists of, in the order in which they run: what fails fast comes first. */

export interface Step {
  readonly name: string
  /** Counted as one test unless it is a vitest run, whose tests are counted each. */
  readonly kind: 'check' | 'vitest'
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What takes longer hangs: it is ended, and counts as failed. */
  readonly minutes: number
}

/** Several times what a step takes on two cores. */
const MINUTES = 20

export type Selection = 'all' | 'fast' | 'pg'

export function stepsOf(selection: Selection, majors: readonly string[]): Step[] {
  const onServers = majors.map((major) => postgres(major))
  if (selection === 'pg') return onServers
  const unit = vitest('unit', 'unit')
  const types = vitest('types', 'types')
  if (selection === 'fast') {
    // The configuration of vitest says which.
    const quick = vitest('pg, quick ones', 'pg')
    return [unit, types, { ...quick, env: { PG_REALTIME_FAST: '1' } }]
  }
  const checks = [
    check('build', 'turbo', 'run', 'build'),
    check('types of all sources', 'tsc', '-p', 'tsconfig.test.json'),
    check('types of each workspace', 'turbo', 'run', 'typecheck'),
    check('types on the newest Kysely', 'tsc', '-p', 'packages/core/test/tsconfig.kysely-0.29.json'),
    check('format', 'oxfmt', '--check'),
    check('lint', 'oxlint', '--type-aware'),
    check('unused files and dependencies', 'knip'),
    check('published packages', 'tsx', 'tooling/src/checks/packages.ts'),
    check('public interface', 'tsx', 'tooling/src/checks/api-snapshot.ts'),
  ]
  const adapter = vitest('adapter on other versions of tRPC', 'trpc-*')
  const core = vitest('core on the newest Kysely', 'kysely-*')
  return [...checks, unit, adapter, core, types, ...onServers, ...oracle(majors), vitest('browser', 'browser')]
}

/** Thousands of random transactions; its seeds hold for one major, and it would find little more on another. */
function oracle(majors: readonly string[]): readonly Step[] {
  if (!majors.includes('18')) return []
  const suite = 'packages/core/oracle/suite.ts'
  const step = check('oracle on PostgreSQL 18', 'tsx', '--conditions=@pg-realtime/source', suite)
  return [{ ...step, env: { PG_MAJOR: '18' }, minutes: 40 }]
}

function postgres(major: string): Step {
  return { ...vitest(`pg on PostgreSQL ${major}`, 'pg'), env: { PG_MAJOR: major } }
}

function check(name: string, ...command: string[]): Step {
  return { name, kind: 'check', command, minutes: MINUTES }
}

function vitest(name: string, project: string): Step {
  return { name, kind: 'vitest', command: ['vitest', 'run', '--project', project], minutes: MINUTES }
}
