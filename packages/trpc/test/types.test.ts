import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { DATABASE, firstScreen } from './support/readme.js'

/**
 * Types against several versions of tRPC. Each version is a workspace with its own dependencies below `test-types`; our
 * sources and the cases are copied into it, so that everything there resolves to that version, and compiled.
 */
const fixtures = fileURLToPath(new URL('../test-types/', import.meta.url))
const sources = fileURLToPath(new URL('../src/', import.meta.url))
const require = createRequire(import.meta.url)
const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')

const CASES = ['server.ts', 'client.ts', 'tanstack.tsx', 'react-query.tsx'] as const
type Case = (typeof CASES)[number]

/** What a version has: the React packages are pinned to certain versions of tRPC. */
const VERSIONS: readonly (readonly [version: string, cases: readonly Case[]])[] = [
  ['11.0', CASES],
  ['11.19', CASES],
  ['11.22', ['server.ts', 'client.ts', 'tanstack.tsx']],
  ['11.25', ['server.ts', 'client.ts']],
]

/** The newest with React: what a reader of the README installs. */
const README_VERSION = '11.22'

describe.each(VERSIONS)('with tRPC %s', (version, cases) => {
  const fixture = join(fixtures, version)
  const generated = join(fixture, 'generated')
  let output = ''

  beforeAll(async () => {
    await prepare(generated, cases)
    if (version === README_VERSION) await prepareReadme(join(generated, 'readme'))
    output = await compile(fixture)
  }, 120_000)

  test('the version is the one that the name says', async () => {
    const { version: installed } = JSON.parse(
      await readFile(join(fixture, 'node_modules/@trpc/server/package.json'), 'utf8'),
    ) as { version: string }
    expect(installed.startsWith(`${version}.`)).toBe(true)
  })

  test('our sources compile', () => expect(errorsIn(output, 'trpc/')).toEqual([]))

  test.each(cases)('%s infers what it should', (name) => {
    expect(errorsIn(output, `cases/${name}`)).toEqual([])
  })

  test.runIf(version === README_VERSION)("the README's first screen compiles as it is printed", () => {
    expect(errorsIn(output, 'readme/')).toEqual([])
  })

  test('nothing else is wrong', () => expect(errorsIn(output, '')).toEqual([]))
})

async function prepare(generated: string, cases: readonly Case[]): Promise<void> {
  await rm(generated, { recursive: true, force: true })
  await mkdir(join(generated, 'cases'), { recursive: true })
  await cp(sources, join(generated, 'trpc'), { recursive: true, filter: (path) => !/\.test(-d)?\.ts$/.test(path) })
  const wanted = new Set<string>([...cases, 'expect.ts'])
  for (const name of await readdir(join(fixtures, 'cases'))) {
    if (wanted.has(name)) await cp(join(fixtures, 'cases', name), join(generated, 'cases', name))
  }
}

async function prepareReadme(directory: string): Promise<void> {
  await mkdir(directory)
  await writeFile(join(directory, 'database.ts'), DATABASE)
  for (const name of ['server.ts', 'page.tsx'] as const) await writeFile(join(directory, name), await firstScreen(name))
}

function compile(fixture: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [compiler, '-p', fixture, '--pretty', 'false'],
      { cwd: fixture },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') reject(new Error('the compiler did not run', { cause: error }))
        else resolve(stdout + stderr)
      },
    )
  })
}

/** The compiler's messages about files whose path begins so. */
function errorsIn(output: string, path: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith(`generated/${path}`) || (path === '' && /error TS/.test(line)))
}
