import { db, type Database } from './database'
import type { Selectable } from 'kysely'

export type Organisation = Selectable<Database['organisations']>

/** Everybody the demo login offers. A real app would ask its session for the organisations of the signed-in user. */
export function listOrganisations(): Promise<Organisation[]> {
  return db.selectFrom('organisations').selectAll().orderBy('id').execute()
}

export function findOrganisation(slug: string): Promise<Organisation | undefined> {
  return db.selectFrom('organisations').selectAll().where('slug', '=', slug).executeTakeFirst()
}
