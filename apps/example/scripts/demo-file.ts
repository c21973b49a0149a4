/** Where the demo says which database it uses, for as long as it runs. */
export const DEMO_FILE = new URL('../.pg/demo.json', import.meta.url)
