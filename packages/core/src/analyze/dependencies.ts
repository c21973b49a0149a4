import { judgeFunction } from './catalog/function-judgement.js'
import { readFunctions, type CatalogFunction } from './catalog/functions.js'
import {
  readRelations,
  type Catalog,
  type CatalogRelation,
  type RelationRequest,
  type StoredTree,
} from './catalog/relations.js'
import { sqlTokens } from '../util/sql-text.js'
import { parseNodeTree } from './node-tree.js'
import { treeFacts, type TreeFacts } from './tree-facts.js'

/**
 * Everything that a query reads, followed through the catalog:
 *
 *     query ─┬─► tables ──► their row security policies ─► …
 *            ├─► views ───► their rules ─► …
 *            └─► functions ► their parsed bodies ─► …
 *
 * A body is any stored tree on that way. It is read with the rights of a role, and of bodies that cannot run for that
 * role (policies that it bypasses) only the tables count: they must not get the query refused.
 */
export interface Dependencies {
  readonly relations: ReadonlyMap<number, RelationUse>
  /** Functions that the plan assumes something about: all but PostgreSQL's own. */
  readonly functions: ReadonlySet<number>
  readonly clocks: ReadonlySet<string>
  readonly opaqueFunctions: ReadonlySet<string>
  /** Labels of relations that fire no triggers. */
  readonly unwatchable: ReadonlySet<string>
  /** What makes the query, or something that it calls, more than reading; in words. */
  readonly writes: ReadonlySet<string>
}

export interface RelationUse {
  readonly relation: CatalogRelation
  /** Column numbers; 0 stands for whole rows. */
  readonly columns: ReadonlySet<number>
  /** Those of them that its own row security policies read, wherever it stands. */
  readonly policyColumns: ReadonlySet<number>
  /** How often it stands in the query itself. */
  readonly inQuery: number
  /** How else it is read, in words: 'read through the view v'. */
  readonly through: ReadonlySet<string>
}

export interface DependencyRoots {
  readonly sql: string
  readonly query: StoredTree
  /** The role that the query runs as. */
  readonly role: number
  /** Relations that the user declared: every column counts. */
  readonly declared: readonly number[]
}

export async function followDependencies(catalog: Catalog, roots: DependencyRoots): Promise<Dependencies> {
  const follower = new Follower(catalog)
  await follower.declare(roots.declared, roots.role)
  for (const literal of clockLiterals(roots)) follower.clocks.add(literal)
  await follower.follow({ ...roots.query, role: roots.role, through: undefined, runs: true, owner: undefined })
  return follower
}

/** The schema changed while it was read: reading it again will do. */
export class SchemaMovedError extends Error {}

interface Body extends StoredTree {
  readonly role: number
  /** How the body came into the query, in words; `undefined` for the query itself. */
  readonly through: string | undefined
  /** False for what is never evaluated for this role. */
  readonly runs: boolean
  /** The relation that a policy or a rule belongs to. */
  readonly owner: CatalogRelation | undefined
}

class MutableUse implements RelationUse {
  readonly columns = new Set<number>()
  readonly policyColumns = new Set<number>()
  readonly through = new Set<string>()
  inQuery = 0
  constructor(readonly relation: CatalogRelation) {}
}

class Follower implements Dependencies {
  readonly #catalog: Catalog
  readonly relations = new Map<number, MutableUse>()
  readonly functions = new Set<number>()
  readonly clocks = new Set<string>()
  readonly opaqueFunctions = new Set<string>()
  readonly unwatchable = new Set<string>()
  readonly writes = new Set<string>()
  readonly #followed = new Set<string>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  async declare(relations: readonly number[], role: number): Promise<void> {
    const requests = relations.map((relation) => ({ relation, role }))
    for (const relation of await readRelations(this.#catalog, requests)) {
      const use = this.#use(relation)
      use.columns.add(0)
      use.through.add('declared by dependsOn')
      const body: Body = {
        tree: '<>',
        references: [],
        role,
        through: 'declared by dependsOn',
        runs: true,
        owner: undefined,
      }
      await this.#followRelation(relation, body)
    }
  }

  async follow(body: Body): Promise<void> {
    const facts = treeFacts(parseNodeTree(body.tree), body.owner?.oid)
    if (body.runs) {
      for (const clock of facts.clocks) this.clocks.add(clock)
      for (const write of facts.writes)
        this.writes.add(body.through === undefined ? write : `${write} (${body.through})`)
    }
    await this.#followRelations(body, facts)
    await this.#followFunctions(body, facts.functions)
  }

  async #followRelations(body: Body, facts: TreeFacts): Promise<void> {
    // A relation without a range table entry is only mentioned ('t'::regclass); counting it costs a needless refresh.
    const mentioned = body.references.map(([relation]) => relation)
    const ids = new Set([...facts.relations.keys(), ...facts.wholeRows, ...mentioned])
    for (const relation of await this.#read(ids, body.role, facts)) {
      const count = facts.relations.get(relation.oid) ?? 0
      if (count === 0 && !facts.wholeRows.has(relation.oid) && !isTable(relation)) continue
      const use = this.#use(relation)
      if (body.through === undefined) use.inQuery += count
      // A policy restricts the rows of its table where it stands: that is no other way into the query.
      else if (count > 0 || relation.oid !== body.owner?.oid) use.through.add(body.through)
      for (const [id, column] of body.references) {
        if (id !== relation.oid || column === 0) continue
        use.columns.add(column)
        if (relation.oid === body.owner?.oid) use.policyColumns.add(column)
      }
      if (facts.wholeRows.has(relation.oid)) use.columns.add(0)
      await this.#followRelation(relation, body)
    }
  }

  /** A table may have been created, or dropped, between the snapshot of the catalog and the parsing of the query. */
  async #read(ids: ReadonlySet<number>, role: number, facts: TreeFacts): Promise<readonly CatalogRelation[]> {
    const requests = [...ids].map((relation): RelationRequest => ({ relation, role }))
    const found = await readRelations(this.#catalog, requests)
    const known = new Set(found.map(({ oid }) => oid))
    if ([...facts.relations.keys()].some((id) => ids.has(id) && !known.has(id))) throw new SchemaMovedError()
    return found
  }

  async #followRelation(relation: CatalogRelation, body: Body): Promise<void> {
    if (!this.#isNew(`relation ${relation.oid} ${body.role} ${body.runs}`)) return
    if (body.runs) for (const label of unwatchableParts(relation)) this.unwatchable.add(label)
    if (relation.system) return
    if (relation.rule !== null) {
      const through = body.through ?? `read through the view ${relation.label}`
      await this.follow({ ...relation.rule, role: relation.readsAs, through, runs: body.runs, owner: relation })
    }
    for (const policy of relation.policies) {
      const through = `read by a row security policy of ${relation.label}`
      const runs = body.runs && relation.policiesApply
      await this.follow({ ...policy, role: body.role, through, runs, owner: relation })
    }
  }

  async #followFunctions(body: Body, functions: Iterable<number>): Promise<void> {
    const key = (id: number): string => `function ${id} ${body.role} ${body.runs}`
    const unknown = [...functions].filter((id) => !this.#followed.has(key(id)))
    for (const called of await readFunctions(this.#catalog, unknown)) {
      if (this.#isNew(key(called.oid))) await this.#followFunction(called, body)
    }
  }

  async #followFunction(called: CatalogFunction, body: Body): Promise<void> {
    if (!called.builtin) this.functions.add(called.oid)
    const judgement = judgeFunction(called)
    if (body.runs && judgement === 'clock') this.clocks.add(called.signature)
    if (body.runs && judgement === 'opaque') this.opaqueFunctions.add(called.signature)
    await this.#followFunctions(body, called.parts)
    if (judgement === 'safe') return
    const through = body.through ?? `read by the function ${called.signature}`
    const inner = { role: called.definer ?? body.role, through, runs: body.runs, owner: undefined }
    if (called.defaults !== null) await this.follow({ tree: called.defaults, references: [], ...inner })
    if (judgement === 'body' && called.body !== null) await this.#followBody(called, { ...called.body, ...inner })
  }

  /** PostgreSQL's own functions in SQL read catalogs only: nothing but their clocks matters. */
  async #followBody(called: CatalogFunction, body: Body): Promise<void> {
    if (!called.builtin) return this.follow(body)
    const facts = treeFacts(parseNodeTree(body.tree))
    if (body.runs && facts.clocks.size > 0) this.clocks.add(called.signature)
    await this.#followFunctions(body, facts.functions)
  }

  #use(relation: CatalogRelation): MutableUse {
    const known = this.relations.get(relation.oid)
    if (known !== undefined) return known
    const use = new MutableUse(relation)
    this.relations.set(relation.oid, use)
    return use
  }

  #isNew(key: string): boolean {
    const before = this.#followed.size
    return this.#followed.add(key).size > before
  }
}

/**
 * `'today'::date` becomes a constant while a query is parsed, which happens anew whenever it runs: only the text still
 * tells. The same words in a text column are no clock, so there must be a constant of such a type, too.
 */
function clockLiterals({ sql, query }: DependencyRoots): readonly string[] {
  if (!treeFacts(parseNodeTree(query.tree)).hasTimeConstant) return []
  const literals = [...sqlTokens(sql)].filter(({ kind, text }) => kind === 'string' && CLOCK_WORD.test(text))
  return literals.map(({ text }) => text)
}

const CLOCK_WORD = /\b(?:now|today|tomorrow|yesterday)\b/i

/** Whether triggers can watch it; views are watched through their tables. */
export function isTable(relation: CatalogRelation): boolean {
  return (relation.kind === 'r' || relation.kind === 'p') && !relation.system && !relation.temporary
}

function unwatchableParts(relation: CatalogRelation): readonly string[] {
  if (isTable(relation)) return relation.foreignDescendants
  return relation.kind === 'v' && !relation.system ? [] : [relation.label]
}
