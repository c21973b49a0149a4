import type { Client, ClientBase } from 'pg'
import type { PlanTable } from '../../analyze/plan.js'
import type { RelationId } from '../../change.js'
import { ConnectionLostError, InstallError, NotInstalledError, type RealtimeError } from '../../errors.js'
import { destroyConnection } from '../../util/pool.js'
import { endClient, quoteIdentifier } from '../../util/postgres.js'
import type { AttemptOptions } from './attempts.js'
import { installRelations, installSchema, isSchemaInstalled, missingRequirements } from './install.js'
import type { CaptureObjects } from './objects.js'
import type { ExcludeMap, Requirement } from './requirement.js'

export interface InstallationOptions extends AttemptOptions {
  readonly install: 'auto' | 'manual'
  /** How this installer signs, so that it knows its own work. */
  readonly signature: string
  /** A fresh, connected client for DDL. */
  readonly installer: () => Promise<Client>
}

/** What is not to be had at once is tried again by the next audit: others wait for this one. */
const AUDIT_ATTEMPTS = 4

export interface Repairs {
  readonly repaired: readonly Requirement[]
  /** Why relations have no triggers. */
  readonly broken: ReadonlyMap<RelationId, RealtimeError>
  /** Why functions are not those of this version, or of the present columns: they log a change of the table at least. */
  readonly outdated: readonly RealtimeError[]
}

/** Sees to it that what capture needs is in the database: creates it, or says what is missing. */
export class Installation {
  readonly #objects: CaptureObjects
  readonly #options: InstallationOptions

  constructor(objects: CaptureObjects, options: InstallationOptions) {
    this.#objects = objects
    this.#options = options
  }

  /** Throws `NotInstalledError` where installing is left to the user, else `InstallError`. */
  async ensureSchema(control: ClientBase): Promise<void> {
    const objects = this.#objects
    const { rows } = await control.query<{ role: string }>('SELECT current_user::text AS role')
    const reader = rows[0]?.role ?? ''
    if (this.#options.install === 'manual') {
      if (await isSchemaInstalled(control, objects, reader)) return
      throw new NotInstalledError(
        [],
        `Change capture is not installed in schema ${objects.quotedSchema}, or not in this version, or this role may not use it. ${REMEDY}`,
      )
    }
    if (await isSchemaInstalled(control, objects, reader)) return
    await this.#withInstaller(control, (client) => installSchema(client, objects, reader, this.#options))
  }

  /** Gives these relations what they lack, and returns what that was. */
  async ensureRelations(
    control: ClientBase,
    wanted: ExcludeMap,
    tables: readonly PlanTable[],
    attempts?: number,
  ): Promise<Requirement[]> {
    const missing = await missingRequirements(control, this.#objects, wanted)
    if (missing.length === 0) return []
    for (const { rightless } of missing) if (rightless !== undefined) throw mayNotLog(this.#objects, rightless)
    if (this.#options.install === 'manual') throw notInstalled(missing, tables)
    const options = {
      ...this.#options,
      installer: this.#options.signature,
      ...(attempts !== undefined && { attempts }),
    }
    return this.#withInstaller(control, (client) => installRelations(client, this.#objects, wanted, options))
  }

  /** The same for each relation by itself: one that cannot be repaired keeps no other from it. */
  async repairRelations(control: ClientBase, wanted: ExcludeMap): Promise<Repairs> {
    const repaired: Requirement[] = []
    const broken = new Map<RelationId, RealtimeError>()
    const outdated: RealtimeError[] = []
    for (const { relation, triggersMissing, rightless } of await missingRequirements(control, this.#objects, wanted)) {
      const id = relation.relation
      try {
        repaired.push(
          ...(await this.ensureRelations(control, new Map([[id, wanted.get(id) ?? []]]), [], AUDIT_ATTEMPTS)),
        )
      } catch (error) {
        if (!(error instanceof InstallError || error instanceof NotInstalledError)) throw error
        if (triggersMissing || rightless !== undefined) broken.set(id, error)
        else outdated.push(error)
      }
    }
    return { repaired, broken, outdated }
  }

  /**
   * Lasts no longer than `control`: nobody waits for what is installed once that is gone, and a network that swallowed the
   * one has swallowed the other.
   */
  async #withInstaller<T>(control: ClientBase, use: (client: Client) => Promise<T>): Promise<T> {
    let client: Client | undefined
    let isOver = false
    const end = () => {
      isOver = true
      if (client) destroyConnection(client)
    }
    control.once('end', end)
    try {
      client = await this.#options.installer()
      if (isOver) throw new ConnectionLostError('The connection was lost before change capture could be installed.')
      return await use(client)
    } finally {
      control.off('end', end)
      if (client) await endClient(client)
    }
  }
}

function mayNotLog({ quotedSchema }: CaptureObjects, functionName: string): InstallError {
  const quoted = `${quotedSchema}.${quoteIdentifier(functionName)}`
  return new InstallError(
    `The owner of the function ${quoted} may not write the change log any more, so changes are missed. Grant the owner USAGE on ` +
      `schema ${quotedSchema} and on its sequences, and INSERT on its tables; or give the function to the schema's owner.`,
  )
}

const REMEDY = 'Run the SQL that `pnpm exec pg-realtime sql` prints, as the owner of the tables.'

function notInstalled(missing: readonly Requirement[], tables: readonly PlanTable[]): NotInstalledError {
  const names = missing.map(({ relation }) => `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`)
  const labels =
    tables.length > 0
      ? tables.map(({ label }) => label)
      : missing.map(({ relation: { schema, name } }) => (schema === 'public' ? name : `${schema}.${name}`))
  const command = ['pnpm exec pg-realtime sql', ...labels.map((label) => `'${label.replaceAll("'", "'\\''")}'`)].join(
    ' ',
  )
  return new NotInstalledError(
    names,
    `Change capture is not installed, or not in this version, on ${names.join(', ')}. Run the SQL that \`${command}\` prints, as the owner of the tables.`,
  )
}
