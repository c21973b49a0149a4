/**
 * Who may import whom. Inside the engine data flows through the stages in one direction, and so do imports:
 *
 *     analyze ──► capture ──► route ──► refresh ──► snapshot ──► live          (each may import those to its left)
 *     change.ts, errors.ts, util/ and every stage's contract                   (may be imported by all)
 *     connection                                                               (beside the flow: imports contracts only)
 *     realtime.ts and the other files at the top                               (may import all; no stage imports them)
 *
 * Between packages: only by the names that a package exports. Benchmarks measure parts, and may name them.
 */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'
import { repositoryRoot } from './repository.js'

const engine = 'packages/core/src/'
const flow = ['analyze', 'capture', 'route', 'refresh', 'snapshot', 'live']
const stages = new Set([...flow, 'connection'])
/** The files that say what a stage promises; others depend on these, not on how it is done. */
const contracts = new Set(['contract.ts', 'plan.ts', 'refresh-option.ts', 'patch.ts'])
const vocabulary = new Set(['change.ts', 'errors.ts'])

/** Packages that a folder must not know, directly or not. */
const foreign: Readonly<Record<string, RegExp>> = {
  'packages/core/src/': /^(@pg-realtime\/trpc|@trpc\/|react|next|superjson|ws$)/,
  'packages/trpc/src/': /^(react|next)/,
}

export interface Violation {
  readonly file: string
  readonly imports: string
  readonly reason: string
}

export function checkImports(file: string, source: string): Violation[] {
  return importsOf(file, source).flatMap((imports) => {
    const reason = imports.startsWith('.') ? relativeFault(file, imports) : packageFault(file, imports)
    return reason === undefined ? [] : [{ file, imports, reason }]
  })
}

export function checkFiles(files: readonly string[]): Violation[] {
  return files.flatMap((file) => checkImports(file, readFileSync(join(repositoryRoot, file), 'utf8')))
}

function importsOf(file: string, source: string): string[] {
  const { module } = parseSync(file, source)
  const values = module.staticImports.map((statement) => statement.moduleRequest.value)
  const exported = module.staticExports.flatMap((statement) =>
    statement.entries.map((entry) => entry.moduleRequest?.value),
  )
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => source.slice(start + 1, end - 1))
  return [...new Set([...values, ...exported, ...dynamic])].filter((name) => name !== undefined)
}

function packageFault(file: string, imports: string): string | undefined {
  const inside = Object.keys(foreign).find((folder) => file.startsWith(folder))
  if (inside !== undefined && !isTest(file) && foreign[inside]?.test(imports)) {
    return `${inside} must not depend on ${imports}`
  }
  if (/^@pg-realtime\/[^/]+\/(src|dist)\b/.test(imports)) return 'a package is imported by the names that it exports'
  return undefined
}

function relativeFault(file: string, imports: string): string | undefined {
  const target = posix.join(posix.dirname(file), imports.replace(/\.js$/, '.ts'))
  // Benchmarks measure parts that no package exports.
  if (file.startsWith('benchmarks/')) return undefined
  if (packageOf(target) !== packageOf(file)) return 'another package is imported by its name, not by a path'
  if (!file.startsWith(engine) || !target.startsWith(engine) || isTest(file)) return undefined
  return stageFault(file.slice(engine.length), target.slice(engine.length))
}

function stageFault(from: string, to: string): string | undefined {
  const [fromStage, toStage] = [stageOf(from), stageOf(to)]
  const name = posix.basename(to)
  if (fromStage === toStage || vocabulary.has(to) || to.startsWith('util/')) return undefined
  if (from.startsWith('util/') || vocabulary.has(from)) {
    // The shared vocabulary may name what a contract declares, as a type.
    return contracts.has(name) && vocabulary.has(from) ? undefined : `${from} is shared by all stages and knows none`
  }
  if (fromStage === undefined) return undefined
  if (toStage === undefined) return `a stage does not know ${to}: only the top of the engine knows all stages`
  if (contracts.has(name)) return undefined
  if (contracts.has(posix.basename(from))) return 'a contract may import other contracts only'
  if (fromStage === 'connection') return 'connection may import the contracts of stages only'
  if (flow.indexOf(toStage) < flow.indexOf(fromStage) && flow.includes(toStage)) return undefined
  return `${fromStage} comes before ${toStage}: it may import its contract only`
}

function stageOf(path: string): string | undefined {
  const folder = path.split('/')[0]
  return folder !== undefined && stages.has(folder) ? folder : undefined
}

function packageOf(path: string): string {
  const parts = path.split('/')
  return ['packages', 'apps'].includes(parts[0] ?? '') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

function isTest(file: string): boolean {
  return /\.(test|test-d|fixture|bench)\.tsx?$/.test(file)
}
