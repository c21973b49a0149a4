import { readFile } from 'node:fs/promises'

const readme = new URL('../../../../README.md', import.meta.url)

/** The interface that the example on the README's first screen takes from the reader's own application. */
export const DATABASE = `export interface Database {
  orders: { id: number; code: string; customer_id: number; status: string }
  items: { id: number; order_id: number; price: string }
}
`

/** A file of the example on the README's first screen, as it is printed there. */
export async function firstScreen(name: 'server.ts' | 'page.tsx'): Promise<string> {
  const [, language] = name.split('.')
  const [, rest] = (await readFile(readme, 'utf8')).split(`\`\`\`${language}\n// ${name}\n`)
  const code = rest?.split('```')[0]
  if (code === undefined) throw new Error(`The README shows no ${name}.`)
  return code
}
