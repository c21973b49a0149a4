/**
 * The public interface of a package as one text, made from the type declarations that the compiler wrote: each exported
 * declaration, and each declaration that those mention, without comments and sorted by name. A change of the interface
 * changes the text; moving code between files does not.
 */
import { dirname, join } from 'node:path'
import { type Declaration, type DeclarationFile, type Origin, readDeclarations } from './api-declarations.js'

/** `entry` is the path of a `.d.ts` file. */
export function apiText(entry: string): string {
  const files = new Map<string, DeclarationFile>()
  const load = (file: string): DeclarationFile => {
    const known = files.get(file) ?? readDeclarations(file)
    files.set(file, known)
    return known
  }
  const exported = exportsOf(load, entry)
  const shown = new Set<Declaration>()
  const mentioned = new Set<Declaration>()
  const external = new Set<string>()
  for (const found of exported.values()) {
    if (typeof found === 'string') external.add(found)
    else shown.add(found)
  }
  const queue = [...shown]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const name of next.mentions) {
      const found = resolveLocal(load, next.file, name)
      if (found === undefined || typeof found === 'string' || shown.has(found) || mentioned.has(found)) continue
      mentioned.add(found)
      queue.push(found)
    }
  }
  const renamed = [...exported].filter(([name, found]) => typeof found !== 'string' && found.name !== name)
  const aliases = renamed.map(([name, found]) => `export { ${(found as Declaration).name} as ${name} }`)
  const sections = [...byName(shown), ...aliases.toSorted(), ...[...external].toSorted()]
  const rest = mentioned.size === 0 ? [] : ['// Mentioned above, not exported.', ...byName(mentioned)]
  return `${[...sections, ...rest].join('\n\n')}\n`
}

function byName(declarations: ReadonlySet<Declaration>): string[] {
  const sorted = [...declarations].toSorted((a, b) => compare(a.name, b.name) || compare(a.text, b.text))
  return sorted.map((declaration) => declaration.text)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

type Load = (file: string) => DeclarationFile

function exportsOf(load: Load, file: string): Map<string, Declaration | string> {
  const found = new Map<string, Declaration | string>()
  const { exports, stars } = load(file)
  for (const source of stars) {
    if (!source.startsWith('.')) found.set(`* ${source}`, `export * from '${source}'`)
    else for (const [name, what] of exportsOf(load, resolveFile(file, source))) found.set(name, what)
  }
  for (const name of exports.keys()) {
    const what = resolveExport(load, file, name)
    if (what !== undefined) found.set(name, what)
  }
  return found
}

function resolveExport(load: Load, file: string, name: string): Declaration | string | undefined {
  const target = load(file).exports.get(name)
  if (typeof target === 'string') return resolveLocal(load, file, target)
  if (target !== undefined) return follow(load, file, target)
  for (const source of load(file).stars.filter((star) => star.startsWith('.'))) {
    const found = resolveExport(load, resolveFile(file, source), name)
    if (found !== undefined) return found
  }
  return undefined
}

function resolveLocal(load: Load, file: string, name: string): Declaration | string | undefined {
  const { declarations, imports } = load(file)
  const declared = declarations.get(name)
  if (declared !== undefined) return declared
  const origin = imports.get(name)
  return origin === undefined ? undefined : follow(load, file, origin)
}

function follow(load: Load, file: string, origin: Origin): Declaration | string | undefined {
  if (!origin.source.startsWith('.')) return `export { ${origin.name} } from '${origin.source}'`
  return resolveExport(load, resolveFile(file, origin.source), origin.name)
}

function resolveFile(from: string, source: string): string {
  return join(dirname(from), source.replace(/\.js$/, '.d.ts'))
}
