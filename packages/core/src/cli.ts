import { parseArgs } from 'node:util'
import pg from 'pg'
import { installSql } from './capture/index.js'
import { RealtimeError } from './errors.js'

const USAGE = `Usage: pg-realtime sql [options] <table>...

Prints the SQL that captures the changes of these tables, for your own migrations (install: 'manual'). A table is written
as orders, or schema.orders outside of public. Nothing is changed in the database.

  --url <connection>         the database whose catalog is read; default: DATABASE_URL, else PGHOST and the like
  --schema <name>            the schema for pg-realtime's own objects; default: _pg_realtime
  --reader <role>            the role that pg-realtime connects as; default: the role of this connection
  --exclude <table>.<column> a column whose values never enter the change log; may be repeated
  --no-doorbell              writers never NOTIFY: for databases that use PREPARE TRANSACTION
`

/** Runs the command; returns the exit code. */
export async function main(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  let options
  try {
    options = parse(args)
  } catch (error) {
    complain(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    print(USAGE)
    return 0
  }
  const client = new pg.Client(options.url === undefined ? {} : { connectionString: options.url })
  client.on('error', () => {})
  try {
    await client.connect()
    print(await installSql(client, options))
    return 0
  } catch (error) {
    const message = error instanceof Error ? error.message || (error as { code?: string }).code : String(error)
    complain(`${error instanceof RealtimeError ? '' : 'pg-realtime: '}${message}\n`)
    return 1
  } finally {
    await client.end().catch(() => {})
  }
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      schema: { type: 'string', default: '_pg_realtime' },
      reader: { type: 'string' },
      exclude: { type: 'string', multiple: true, default: [] },
      'no-doorbell': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const [command, ...tables] = positionals
  if (command !== 'sql') throw new Error(command === undefined ? 'No command.' : `Unknown command: ${command}`)
  if (tables.length === 0) throw new Error('Name at least one table.')
  const url = values.url ?? process.env['DATABASE_URL']
  return {
    tables,
    schema: values.schema,
    exclude: excluded(values.exclude),
    ...(url !== undefined && { url }),
    ...(values.reader !== undefined && { reader: values.reader }),
    ...(values['no-doorbell'] && { doorbell: false }),
  }
}

function excluded(list: readonly string[]): Map<string, string[]> {
  const exclude = new Map<string, string[]>()
  for (const entry of list) {
    const dot = entry.lastIndexOf('.')
    if (dot < 1) throw new Error(`--exclude takes <table>.<column>, not ${entry}`)
    const table = entry.slice(0, dot)
    exclude.set(table, [...(exclude.get(table) ?? []), entry.slice(dot + 1)])
  }
  return exclude
}
