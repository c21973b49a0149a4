/**
 * Reads SQL text as PostgreSQL's own lexer splits it, far enough to tell code from strings, quoted names and comments.
 * Assumes `standard_conforming_strings = on`, PostgreSQL's default since 9.1.
 */
export type SqlTokenKind =
  | 'space'
  | 'comment'
  /** Any literal in quotes: '…', E'…', U&'…', B'…', X'…', N'…', $tag$…$tag$. */
  | 'string'
  /** A name in double quotes. */
  | 'identifier'
  /** A keyword or a bare name. */
  | 'word'
  | 'number'
  /** `$1` */
  | 'parameter'
  /** One character of anything else. */
  | 'symbol'
  /** A literal, name or comment that never ends. */
  | 'unterminated'

export interface SqlToken {
  readonly kind: SqlTokenKind
  readonly text: string
}

/** The tokens of `sql`, in order; their texts joined are `sql` again. */
export function* sqlTokens(sql: string): Generator<SqlToken> {
  for (let position = 0; position < sql.length;) {
    const token = tokenAt(sql, position)
    yield token
    position += token.text.length
  }
}

/**
 * `sql` with every `$n` replaced by `replacement(n)`; strings, comments and names such as `a$1` stay as they are. The
 * replacement stands where an expression may stand, so it is best in parentheses.
 */
export function replaceParameters(sql: string, replacement: (number: number) => string): string {
  let result = ''
  for (const { kind, text } of sqlTokens(sql))
    result += kind === 'parameter' ? replacement(Number(text.slice(1))) : text
  return result
}

/** The first keyword in lower case, behind comments and opening parentheses; empty where there is none. */
export function firstKeyword(sql: string): string {
  for (const { kind, text } of sqlTokens(sql)) {
    if (kind === 'space' || kind === 'comment' || text === '(') continue
    return kind === 'word' ? text.toLowerCase() : ''
  }
  return ''
}

const NAME = String.raw`[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*`
const LEXERS: readonly (readonly [SqlTokenKind, RegExp])[] = [
  ['space', /\s+/y],
  ['comment', /--[^\n\r]*/y],
  ['string', /(?:[uU]&|[bBxXnN])?'[^']*(?:''[^']*)*'/y],
  ['identifier', /(?:[uU]&)?"[^"]*(?:""[^"]*)*"/y],
  ['parameter', /\$[0-9]+/y],
  ['word', new RegExp(NAME, 'y')],
  ['number', /[0-9][0-9A-Za-z_]*/y],
]
// Quoted parts on following lines continue an E'…' string, backslashes included.
const ESCAPED = String.raw`'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'`
const CONTINUATION = String.raw`(?:[^\S\n\r]|--[^\n\r]*)*[\n\r](?:\s|--[^\n\r]*)*`
const ESCAPE_STRING = new RegExp(`[eE]${ESCAPED}(?:${CONTINUATION}${ESCAPED})*`, 'y')
const ESCAPE_STRING_START = /[eE]'/y
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const NEVER_ENDING = /(?:[uU]&|[bBxXnNeE])?'|(?:[uU]&)?"/y

function tokenAt(sql: string, position: number): SqlToken {
  const rest = (): SqlToken => ({ kind: 'unterminated', text: sql.slice(position) })
  if (sql.startsWith('/*', position)) {
    const text = blockComment(sql, position)
    return text === undefined ? rest() : { kind: 'comment', text }
  }
  const escaped = match(ESCAPE_STRING, sql, position)
  if (escaped !== undefined) return { kind: 'string', text: escaped }
  const tag = match(DOLLAR_TAG, sql, position)
  if (tag !== undefined) {
    const end = sql.indexOf(tag, position + tag.length)
    return end < 0 ? rest() : { kind: 'string', text: sql.slice(position, end + tag.length) }
  }
  // An E string that never ends must not be read as the name E and a string.
  if (match(ESCAPE_STRING_START, sql, position) !== undefined) return rest()
  for (const [kind, lexer] of LEXERS) {
    const text = match(lexer, sql, position)
    if (text !== undefined && !(kind === 'word' && match(NEVER_ENDING, sql, position) !== undefined))
      return { kind, text }
  }
  if (match(NEVER_ENDING, sql, position) !== undefined) return rest()
  return { kind: 'symbol', text: sql.charAt(position) }
}

function match(lexer: RegExp, sql: string, position: number): string | undefined {
  lexer.lastIndex = position
  return lexer.exec(sql)?.[0]
}

/** A block comment with the comments nested in it, or `undefined` if it never ends. */
function blockComment(sql: string, start: number): string | undefined {
  const marks = /\/\*|\*\//g
  marks.lastIndex = start
  let depth = 0
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return sql.slice(start, marks.lastIndex)
  }
  return undefined
}
