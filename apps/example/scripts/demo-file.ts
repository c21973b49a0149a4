import { fileURLToPath } from 'node:url'

/** Where the demo says which database it uses, for as long as it runs. */
export const DEMO_FILE = process.env['DEMO_FILE'] ?? fileURLToPath(new URL('../.pg/demo.json', import.meta.url))
