import { rounded } from './measure.js'

export type Cell = string | number | null
export type TableRow = Readonly<Record<string, Cell>>

/** Prints rows under a title, numbers with three digits; units belong into the column's name. */
export function printTable(title: string, rows: readonly TableRow[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [columns, ...rows.map((row) => columns.map((column) => text(row[column] ?? null)))]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] !== 'string'))
  const format = (line: readonly string[]): string =>
    line
      .map((cell, index) => (isNumber[index] ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)))
      .join('  ')
  console.log(`\n${title}`)
  console.log(`  ${format(columns)}`)
  console.log(`  ${widths.map((width) => '─'.repeat(width)).join('  ')}`)
  for (const line of lines.slice(1)) console.log(`  ${format(line).trimEnd()}`)
}

function text(cell: Cell): string {
  if (cell === null) return '–'
  if (typeof cell === 'string') return cell
  const shown = Number.isInteger(cell) ? cell : rounded(cell)
  return shown?.toLocaleString('en-US') ?? '–'
}
