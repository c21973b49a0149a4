/**
 * The library's parity table: what such an engine must do (51 checks) and must not do (25 faults), each under its number
 * in a test's title. A number without a test fails here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('every check has a test', () => {
  expect(missing('parity', 51)).toEqual([])
})

test('every fault has a test', () => {
  expect(missing('fault', 25)).toEqual([])
})

function missing(kind: 'parity' | 'fault', count: number): number[] {
  const found = new Set(titles().flatMap((title) => numbersIn(title, kind)))
  return Array.from({ length: count }, (_, index) => index + 1).filter((number) => !found.has(number))
}

/** `parity 11, fault 05: …` names two. */
function numbersIn(title: string, kind: string): number[] {
  const [numbers] = title.split(':')
  return [...numbers!.matchAll(new RegExp(`\\b${kind} (\\d\\d)\\b`, 'g'))].map(([, number]) => Number(number))
}

let known: string[] | undefined

/** Titles of tests and groups in the repository that begin with a number of the table; skipped ones do not count. */
function titles(): string[] {
  const call = /([\w.]*)(?:\(|\]\)\(|`\()\s*(['"`])((?:parity|fault) \d\d[^\n]*?:[^\n]*?)\2/g
  known ??= testFiles().flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(call)]
      .filter(([, callee]) => !/\.(skip|todo)$/.test(callee!))
      .map(([, , , title]) => title!),
  )
  return known
}

function testFiles(): string[] {
  const files = ['packages', 'e2e'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }),
  )
  return files
    .filter((file) => file.isFile() && file.name.endsWith('.test.ts') && !/node_modules|dist/.test(file.parentPath))
    .map((file) => join(file.parentPath, file.name))
}
