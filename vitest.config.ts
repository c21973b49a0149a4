import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { withKysely } from './packages/core/test/support/with-kysely.js'
import { withTrpc } from './packages/trpc/test/support/with-trpc.js'

// Packages of the workspace are tested from their sources, never from a build that may be out of date.
const conditions = ['@pg-realtime/source']
const resolve = { conditions: [...conditions, 'module', 'node', 'development|production'] }
const ssr = { resolve: { conditions: [...conditions, 'module', 'node', 'development|production'] } }

const ignored = ['**/node_modules/**', '**/dist/**', '**/.next/**']
/** What `pnpm test:fast` runs of the suite that needs PostgreSQL: a little of every stage, in a minute. */
const quick = [
  'tooling/src/postgres.pg.test.ts',
  'packages/core/src/**/{dependencies,install}.pg.test.ts',
  'packages/core/test/{default-refresh,refresh-map,subscribe}.pg.test.ts',
]
const fast = process.env['PG_REALTIME_FAST'] === '1'

/**
 * Real servers, sockets and browsers on a shared machine: in CI a test that fails is tried once more. Its first failure is printed,
 * and the summary of the whole run names it. The oracle's tests are not, see `packages/core/oracle/verdict.ts`.
 */
const retry = process.env['CI'] === 'true' ? 1 : 0

const needsPostgres = '**/*.pg.test.ts'
const needsBrowser = '**/*.e2e.test.ts'
const shared = { resolve, ssr }
const setupFiles = ['tooling/src/patience.ts']

const onServer = {
  expect: { poll: { timeout: 20_000 } },
  globalSetup: ['tooling/src/postgres/global-setup.ts'],
  pool: 'forks' as const,
  maxWorkers: Math.max(2, Math.min(4, availableParallelism())),
  retry,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          setupFiles,
          include: ['**/*.test.ts'],
          exclude: [...ignored, needsPostgres, needsBrowser],
          sequence: { groupOrder: 0 },
        },
      },
      // The adapter again, on the oldest tRPC that it supports and on the newest.
      ...['11.0', '11.25'].map((version) => ({
        ...shared,
        plugins: [withTrpc(version)],
        test: {
          name: `trpc-${version}`,
          setupFiles,
          include: ['packages/trpc/test/*.test.ts'],
          exclude: [...ignored, needsPostgres, '**/types.test.ts'],
          env: { TRPC_VERSION: version },
          sequence: { groupOrder: 0 },
        },
      })),
      {
        ...shared,
        test: {
          name: 'pg',
          setupFiles,
          ...onServer,
          include: fast ? quick : [needsPostgres],
          exclude: ignored,
          sequence: { groupOrder: 1 },
        },
      },
      // What rests most on Kysely's trees and executors again, on the newest that is supported.
      ...['0.29'].map((version) => ({
        ...shared,
        plugins: [withKysely(version)],
        test: {
          name: `kysely-${version}`,
          setupFiles,
          ...onServer,
          include: [
            'packages/core/src/{analyze,live,route}/**/!(*.pg).test.ts',
            'packages/core/src/analyze/occurrences.pg.test.ts',
            'packages/core/test/kysely-version.test.ts',
            'packages/core/test/{plugins,refresh-map}.pg.test.ts',
            'packages/core/oracle/oracle.pg.test.ts',
          ],
          exclude: ignored,
          env: { KYSELY_VERSION: version },
          sequence: { groupOrder: 1 },
        },
      })),
      {
        ...shared,
        test: {
          name: 'types',
          include: [],
          exclude: ignored,
          typecheck: {
            enabled: true,
            only: true,
            include: ['**/*.test-d.ts'],
            exclude: ignored,
            tsconfig: 'tsconfig.test.json',
          },
          sequence: { groupOrder: 2 },
        },
      },
      {
        ...shared,
        test: {
          name: 'browser',
          setupFiles,
          include: [needsBrowser],
          exclude: ignored,
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          retry,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
