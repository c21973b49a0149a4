/** Packs each package as it would be published and lets publint and attw look at the result. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { repositoryRoot } from './repository.js'

const packages = ['packages/core', 'packages/trpc']
const destination = join(repositoryRoot, 'artifacts', 'packages')

rmSync(destination, { recursive: true, force: true })
mkdirSync(destination, { recursive: true })
for (const folder of packages) {
  run('pnpm', ['pack', '--pack-destination', destination], join(repositoryRoot, folder))
}
for (const archive of readdirSync(destination)) {
  run('publint', ['run', '--strict', join(destination, archive)])
  // No CommonJS on purpose: packages of this kind are imported, and Node can require ES modules by now.
  run('attw', ['--profile', 'esm-only', join(destination, archive)])
}

/** What the tools say is shown only if they object. */
function run(program: string, args: string[], cwd = repositoryRoot): void {
  const PATH = [join(repositoryRoot, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const result = spawnSync(program, args, { cwd, encoding: 'utf8', env: { ...process.env, PATH } })
  if (result.status === 0) return
  console.error(`${program} ${args.join(' ')}`)
  console.error(result.error?.message ?? result.stdout + result.stderr)
  process.exitCode = 1
}
