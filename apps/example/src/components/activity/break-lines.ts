const CLAUSES = / (?=(?:from|(?:inner|left) join|where|group by|order by|limit) )/g

/** Compiled SQL is one long line: each clause begins a new one. For reading only. */
export function breakLines(sql: string): string {
  return sql.replaceAll(CLAUSES, '\n')
}
