import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { apiText } from './api-text.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'api-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function textOf(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return apiText(join(folder, 'index.d.ts'))
}

it('shows what is exported and what that mentions, sorted, without comments', async () => {
  const text = await textOf({
    'index.d.ts': `export { start } from './start.js';\nexport type { Options as StartOptions } from './options.js';\n`,
    'start.d.ts': `import type { Options } from './options.js';
import type { Pool } from 'pg';
/** Starts. */
export declare function start(options: Options): Handle;
interface Handle {
    /** For queries. */
    readonly pool: Pool;
    stop(): Promise<void>; // at last
}
export declare const unused: number;`,
    'options.d.ts': `export interface Options {\n    readonly name: string;\n}\n`,
  })
  expect(text).toBe(`export interface Options {
    readonly name: string;
}

export declare function start(options: Options): Handle;

export { Options as StartOptions }

// Mentioned above, not exported.

interface Handle {
    readonly pool: Pool;
    stop(): Promise<void>;
}
`)
})

it('follows stars, keeps overloads together, and names what other packages export', async () => {
  const text = await textOf({
    'index.d.ts': `export * from './all.js';\nexport { sql } from 'kysely';\n`,
    'all.d.ts': `export declare function get(a: string): void;\nexport declare function get(a: number): void;\n`,
  })
  expect(text).toBe(`export declare function get(a: string): void;
export declare function get(a: number): void;

export { sql } from 'kysely'
`)
})
