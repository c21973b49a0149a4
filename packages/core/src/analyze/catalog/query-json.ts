import type { ClientBase, CustomTypesConfig } from 'pg'

/**
 * Runs a statement whose only column is JSON text, one row, and parses it here: the application may have given `pg`
 * other type parsers.
 */
export async function queryJson<T>(client: ClientBase, text: string, values: readonly unknown[] = []): Promise<T> {
  const { rows } = await client.query<[string]>({ text, values: [...values], types: TEXT, rowMode: 'array' })
  return JSON.parse(rows[0]?.[0] ?? 'null') as T
}

const TEXT: CustomTypesConfig = { getTypeParser: () => (value: string) => value }
