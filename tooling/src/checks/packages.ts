/** Packs each package as it would be published, lets publint and attw look at the result, and runs the command in it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { repositoryRoot } from './repository.js'

const packages = ['packages/core', 'packages/trpc']
const destination = join(repositoryRoot, 'artifacts', 'packages')

rmSync(destination, { recursive: true, force: true })
mkdirSync(destination, { recursive: true })
for (const folder of packages) {
  run('pnpm', ['pack', '--pack-destination', destination], join(repositoryRoot, folder))
}
const archives = readdirSync(destination)
for (const archive of archives) {
  run('publint', ['run', '--strict', join(destination, archive)])
  // No CommonJS on purpose: packages of this kind are imported, and Node can require ES modules by now.
  run('attw', ['--profile', 'esm-only', join(destination, archive)])
}
const core = archives.find((archive) => archive.startsWith('pg-realtime-core-'))
if (core !== undefined) checkCommand(core)

/** Installs the package as a project of a user does, and runs its command there. No database is needed. */
function checkCommand(archive: string): void {
  const project = join(destination, 'project')
  const peer = (name: string) => `link:../../../packages/core/node_modules/${name}`
  const dependencies = { '@pg-realtime/core': `file:../${archive}`, kysely: peer('kysely'), pg: peer('pg') }
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, dependencies }))
  run('pnpm', ['install', '--offline', '--ignore-workspace'], project)
  const command = join(project, 'node_modules', '.bin', 'pg-realtime')
  const usage = 'Usage: pg-realtime sql [options] <table>...'
  run(command, ['--help'], project, { status: 0, stdout: usage })
  run(command, [], project, { status: 2, stderr: `No command.\n\n${usage}` })
  run(command, ['sql'], project, { status: 2, stderr: `Name at least one table.\n\n${usage}` })
  const nowhere = ['sql', '--url', 'postgres://127.0.0.1:1/nowhere', 'orders']
  run(command, nowhere, project, { status: 1, stderr: 'pg-realtime: connect ECONNREFUSED 127.0.0.1:1\n' })
}

interface Answer {
  readonly status: number
  /** How it begins; by default nothing is expected. */
  readonly stdout?: string
  readonly stderr?: string
}

/** What the programs say is shown only if they object, or if the answer is not the expected one. */
function run(program: string, args: string[], cwd = repositoryRoot, expected?: Answer): void {
  const PATH = [join(repositoryRoot, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const result = spawnSync(program, args, { cwd, encoding: 'utf8', env: { ...process.env, PATH } })
  if (expected === undefined ? result.status === 0 : isAnswer(result, expected)) return
  console.error(`${program} ${args.join(' ')}`)
  if (expected !== undefined) console.error(`ended with ${result.status}, not as expected:`, expected)
  console.error(result.error?.message ?? result.stdout + result.stderr)
  process.exitCode = 1
}

function isAnswer(result: { status: number | null; stdout: string; stderr: string }, expected: Answer): boolean {
  const { status, stdout = '', stderr = '' } = expected
  const begins = (text: string, beginning: string) => (beginning === '' ? text === '' : text.startsWith(beginning))
  return result.status === status && begins(result.stdout, stdout) && begins(result.stderr, stderr)
}
