/**
 * Reads PostgreSQL's text form of a row, as `record_out` writes it: `(1,"a,b",,"say ""x""")`.
 *
 * Fields are separated by commas; nothing at all is NULL; a field in double quotes may hold anything, with `"` and `\`
 * doubled. Dropped columns do not appear. A row without columns and a row of one NULL are both `()`, so the number of
 * fields is an argument.
 *
 * Throws `RecordTextError` if the text is not a row of so many fields: it was written for another layout of the table.
 */
export function parseRecord(text: string, fieldCount: number): (string | null)[] {
  if (fieldCount === 0) {
    if (text === '()') return []
    throw new RecordTextError('a row without columns', text)
  }
  const last = text.length - 1
  if (text[0] !== '(' || text[last] !== ')') throw new RecordTextError('a row in parentheses', text)
  const fields: (string | null)[] = []
  let position = 1
  for (;;) {
    const end = fieldEnd(text, position, last)
    fields.push(fieldValue(text, position, end))
    if (end === last) break
    position = end + 1
  }
  if (fields.length !== fieldCount) throw new RecordTextError(`${fieldCount} fields`, text)
  return fields
}

export class RecordTextError extends Error {
  constructor(expected: string, text: string) {
    // The text is a row of the user's: it must not reach a log.
    super(`expected ${expected}, and found a text of ${text.length} characters that is something else`)
    this.name = 'RecordTextError'
  }
}

const COMMA = 44
const QUOTE = 34
const BACKSLASH = 92

/** Where the field that begins at `position` ends: at a comma outside of quotes, or at the closing parenthesis. */
function fieldEnd(text: string, position: number, last: number): number {
  let quoted = false
  for (let index = position; index < last; index += 1) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) quoted = !quoted
    else if (code === BACKSLASH) index += 1
    else if (code === COMMA && !quoted) return index
  }
  if (quoted) throw new RecordTextError('closed quotes', text)
  return last
}

function fieldValue(text: string, start: number, end: number): string | null {
  if (start === end) return null
  if (text.charCodeAt(start) !== QUOTE) return text.slice(start, end)
  if (text.charCodeAt(end - 1) !== QUOTE || end - start < 2) throw new RecordTextError('a quoted field', text)
  const inner = text.slice(start + 1, end - 1)
  if (!inner.includes('"') && !inner.includes('\\')) return inner
  return inner.replaceAll('""', '"').replaceAll('\\\\', '\\')
}
