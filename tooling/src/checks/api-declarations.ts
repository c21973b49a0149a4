/** Reads one `.d.ts` file: what it declares, and under which names that comes in and goes out. */
import { readFileSync } from 'node:fs'
import { parseSync } from 'oxc-parser'

export interface Declaration {
  readonly file: string
  readonly name: string
  readonly text: string
  /** Names that the text mentions, as the file knows them. */
  readonly mentions: ReadonlySet<string>
}

export interface Origin {
  readonly source: string
  readonly name: string
}

export interface DeclarationFile {
  readonly declarations: ReadonlyMap<string, Declaration>
  /** Local name → where it is imported from. */
  readonly imports: ReadonlyMap<string, Origin>
  /** Exported name → local name, or where it is exported from. */
  readonly exports: ReadonlyMap<string, string | Origin>
  readonly stars: readonly string[]
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export function readDeclarations(file: string): DeclarationFile {
  const source = readFileSync(file, 'utf8')
  const { program, comments } = parseSync(file, source)
  const declarations = new Map<string, Declaration>()
  const imports = new Map<string, Origin>()
  const exports = new Map<string, string | Origin>()
  const stars: string[] = []
  for (const statement of program.body as unknown as Node[]) {
    if (statement.type === 'ImportDeclaration') readImports(statement, imports)
    else if (statement.type === 'ExportAllDeclaration') stars.push(sourceOf(statement) ?? '')
    else if (statement.type === 'ExportNamedDeclaration' && statement['declaration'] === null)
      readExports(statement, exports)
    else declare(statement)
  }
  return { declarations, imports, exports, stars }

  function declare(statement: Node): void {
    const exporting = statement.type === 'ExportNamedDeclaration'
    const declaration = (exporting ? statement['declaration'] : statement) as Node
    const text = withoutComments(source, statement, comments)
    for (const name of namesOf(declaration)) {
      // Overloads of a function are several statements with one name.
      const before = declarations.get(name)
      const mentions = new Set([...(before?.mentions ?? []), ...identifiersIn(declaration)])
      declarations.set(name, { file, name, text: before === undefined ? text : `${before.text}\n${text}`, mentions })
      if (exporting) exports.set(name, name)
    }
  }
}

function readImports(statement: Node, imports: Map<string, Origin>): void {
  for (const specifier of statement['specifiers'] as Node[]) {
    const imported = specifier['imported'] as { name?: string } | undefined
    imports.set(nameOf(specifier['local']), { source: sourceOf(statement) ?? '', name: imported?.name ?? '*' })
  }
}

function readExports(statement: Node, exports: Map<string, string | Origin>): void {
  const source = sourceOf(statement)
  for (const specifier of statement['specifiers'] as Node[]) {
    const local = nameOf(specifier['local'])
    exports.set(nameOf(specifier['exported']), source === undefined ? local : { source, name: local })
  }
}

function sourceOf(statement: Node): string | undefined {
  return (statement['source'] as { value: string } | null)?.value
}

function nameOf(node: unknown): string {
  const { name, value } = node as { name?: string; value?: string }
  return name ?? value ?? ''
}

function namesOf(declaration: Node): string[] {
  const variables = declaration['declarations'] as Node[] | undefined
  if (variables !== undefined) return variables.map((variable) => nameOf(variable['id']))
  const id = declaration['id']
  return id === undefined || id === null ? [] : [nameOf(id)]
}

function* identifiersIn(node: unknown): Generator<string> {
  if (Array.isArray(node)) for (const item of node) yield* identifiersIn(item)
  if (node === null || typeof node !== 'object' || Array.isArray(node)) return
  if ((node as Node).type === 'Identifier') yield nameOf(node)
  for (const value of Object.values(node)) yield* identifiersIn(value)
}

function withoutComments(source: string, node: Node, comments: readonly { start: number; end: number }[]): string {
  let text = ''
  let position = node.start
  for (const comment of comments.filter(({ start, end }) => start >= node.start && end <= node.end)) {
    text += source.slice(position, comment.start)
    position = comment.end
  }
  return (text + source.slice(position, node.end)).replace(/[ \t]+$/gm, '').replace(/\n{2,}/g, '\n')
}
