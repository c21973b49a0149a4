import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Packages of the workspace are tested from their sources, never from a build that may be out of date.
const conditions = ['@pg-realtime/source']
const resolve = { conditions: [...conditions, 'module', 'node', 'development|production'] }
const ssr = { resolve: { conditions: [...conditions, 'module', 'node', 'development|production'] } }

const ignored = ['**/node_modules/**', '**/dist/**', '**/.next/**']
/** Left out by `pnpm test:fast`. */
const slow = ['**/*.slow.pg.test.ts', '**/server.pg.test.ts', '**/oracle/**']
const fast = process.env['PG_REALTIME_FAST'] === '1'

const needsPostgres = '**/*.pg.test.ts'
const needsBrowser = '**/*.e2e.test.ts'
const shared = { resolve, ssr }

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...ignored, needsPostgres, needsBrowser],
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...shared,
        test: {
          name: 'pg',
          include: [needsPostgres],
          exclude: fast ? [...ignored, ...slow] : ignored,
          globalSetup: ['tooling/src/postgres/global-setup.ts'],
          pool: 'forks',
          maxWorkers: Math.max(2, Math.min(4, availableParallelism())),
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
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
          include: [needsBrowser],
          exclude: ignored,
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
