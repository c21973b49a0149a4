import { expect, it } from 'vitest'
import { checkFiles, checkImports } from './import-rules.js'
import { repositoryFiles } from './repository.js'

const reasons = (file: string, ...imports: string[]) =>
  checkImports(file, imports.map((name) => `import { x } from '${name}'`).join('\n')).map(
    (violation) => violation.reason,
  )

const inEngine = (file: string) => `packages/core/src/${file}`

it('holds in this repository', () => {
  const files = repositoryFiles(/^(packages|apps|e2e|benchmarks|tooling)\/.*\.(ts|tsx)$/)
  expect(files.length).toBeGreaterThan(20)
  expect(checkFiles(files)).toEqual([])
})

it.each([
  ['its own stage', 'route/router.ts', './names.js'],
  ['its own stage from below', 'capture/triggers/install.ts', '../pg-snapshot.js'],
  ['an earlier stage', 'live/live-instance.ts', '../refresh/schedule.js'],
  ['the contract of a later stage', 'route/router.ts', '../live/contract.js'],
  ['the contract of an earlier stage from below', 'capture/triggers/install.ts', '../../analyze/plan.js'],
  ['the shared vocabulary', 'analyze/analyze.ts', '../change.js'],
  ['utilities', 'connection/session.ts', '../util/clock.js'],
  ['any stage, at the top', 'pipeline.ts', './live/registry.js'],
  ['any stage, in a test', 'analyze/analyze.test.ts', '../live/registry.js'],
])('allows %s', (_, file, imports) => {
  expect(reasons(inEngine(file), imports)).toEqual([])
})

it.each([
  ['a later stage', 'route/router.ts', '../live/registry.js', 'route comes before live'],
  [
    'a later stage from below',
    'capture/triggers/install.ts',
    '../../refresh/schedule.js',
    'capture comes before refresh',
  ],
  ['the top', 'live/registry.ts', '../pipeline.js', 'only the top of the engine knows all stages'],
  ['a stage from a utility', 'util/clock.ts', '../live/contract.js', 'shared by all stages'],
  ['an implementation from a contract', 'live/contract.ts', '../refresh/schedule.js', 'other contracts only'],
  [
    'an implementation from connection',
    'connection/session.ts',
    '../capture/pg-snapshot.js',
    'contracts of stages only',
  ],
  ['connection from a stage', 'live/registry.ts', '../connection/session.js', 'live comes before connection'],
  ['a framework', 'live/registry.ts', '@trpc/server', 'must not depend on @trpc/server'],
])('refuses %s', (_, file, imports, reason) => {
  expect(reasons(inEngine(file), imports)).toEqual([expect.stringContaining(reason)])
})

it('refuses the inside of another package', () => {
  const file = 'packages/trpc/src/server.ts'
  expect(reasons(file, '@pg-realtime/core')).toEqual([])
  expect(reasons(file, '@pg-realtime/core/src/live/registry.js', '../../core/src/index.js')).toHaveLength(2)
})

it('sees every way to import', () => {
  const source = `
    import type { A } from '../live/a.js'
    import '../live/b.js'
    export { C } from '../live/c.js'
    export * from '../live/d.js'
    const e = await import('../live/e.js')
    // import { f } from '../live/f.js'`
  const seen = checkImports(inEngine('route/router.ts'), source).map((violation) => violation.imports)
  expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `../live/${name}.js`))
})
