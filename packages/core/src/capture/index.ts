import type { ClientBase } from 'pg'
import { systemClock } from '../util/clock.js'
import { uninstallTriggers } from './triggers/uninstall.js'

export { installSql } from './triggers/install-sql.js'
export { createTriggerSource } from './triggers/trigger-source.js'

/** Removes every object of change capture from the database. See `uninstallTriggers`. */
export async function uninstall(client: ClientBase, schema: string): Promise<void> {
  await uninstallTriggers(client, schema, { clock: systemClock, random: Math.random })
}
