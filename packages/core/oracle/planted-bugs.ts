import type { Plan, PlanTable } from '../src/analyze/plan.js'
import type { ChangeSource } from '../src/capture/contract.js'
import type { Batch, Change, RowChange, TextRow } from '../src/change.js'
import type { EngineOverrides } from '../src/engine.js'

/**
 * Faults that an engine could have, planted through its seams: the oracle is worth something only if it finds each of
 * them. `overrides` makes a fresh one, because some of them remember.
 */
export const plantedBugs = {
  'inserts are ignored': () => changes((change) => (isRow(change, 'insert') ? undefined : change)),
  'deletes are ignored': () => changes((change) => (isRow(change, 'delete') ? undefined : change)),
  'updates are ignored': () => changes((change) => (isRow(change, 'update') ? undefined : change)),
  'truncate is ignored': () => changes((change) => (change.kind === 'truncate' ? undefined : change)),
  'bulk changes are ignored': () => changes((change) => (change.kind === 'bulk' ? undefined : change)),
  'the old row is unknown': () => changes(withoutOldRow),
  'equal numbers count as unchanged': () => changes(byValue),
  'one table is ignored': oneTableIgnored,
  'gaps are ignored': () => batches((batch) => ({ ...batch, gap: undefined })),
  'changes come one batch late': oneBatchLate,
  'the first changes after registration are lost': firstChangesLost,
  'whole rows use no columns': () =>
    tables((table) => (table.columns === 'all' ? { ...table, columns: new Set() } : table)),
  'a column is forgotten': () => tables(withoutOneColumn),
  'partitions and children are strangers': () => tables((table) => ({ ...table, family: [table.relation] })),
  'tables behind views and policies are unknown': () => ({ plan: onlyNamedTables }),
} satisfies Record<string, () => EngineOverrides>

export type PlantedBug = keyof typeof plantedBugs

function isRow(change: Change, operation: RowChange['operation']): boolean {
  return change.kind === 'row' && change.operation === operation
}

function batches(map: (batch: Batch) => Batch): EngineOverrides {
  return { source: (source) => wrapped(source, { read: async (transaction) => map(await source.read(transaction)) }) }
}

function changes(map: (change: Change) => Change | undefined): EngineOverrides {
  return batches((batch) => ({ ...batch, changes: batch.changes.map(map).filter((change) => change !== undefined) }))
}

function tables(map: (table: PlanTable) => PlanTable): EngineOverrides {
  return { plan: (plan) => ({ ...plan, tables: plan.tables.map(map) }) }
}

function wrapped(source: ChangeSource, replaced: Partial<ChangeSource>): ChangeSource {
  return {
    start: (control, signals) => source.start(control, signals),
    watch: (watched) => source.watch(watched),
    read: (transaction) => source.read(transaction),
    audit: (control) => source.audit(control),
    stop: () => source.stop(),
    writesNext: () => source.writesNext(),
    ...replaced,
  }
}

/** As if an update were an insert of the new row. */
function withoutOldRow(change: Change): Change {
  if (change.kind !== 'row' || change.operation !== 'update') return change
  return { ...change, operation: 'insert', oldRow: undefined }
}

/** 2.5 and 2.50 are the same number, but not the same result. */
function byValue(change: Change): Change {
  if (change.kind !== 'row' || !change.oldRow || !change.newRow) return change
  const { oldRow, newRow } = change
  const entries = Object.entries(newRow).map(([name, text]) => [
    name,
    sameNumber(oldRow[name], text) ? oldRow[name] : text,
  ])
  return { ...change, newRow: Object.fromEntries(entries) as TextRow }
}

function sameNumber(left: string | null | undefined, right: string | null): boolean {
  return typeof left === 'string' && right !== null && left.trim() !== '' && Number(left) === Number(right)
}

function oneTableIgnored(): EngineOverrides {
  let ignored: readonly number[] | undefined
  return {
    source: (source) =>
      wrapped(source, {
        watch: (watched) => {
          ignored ??= watched[0]?.family
          return source.watch(watched)
        },
        read: async (transaction) => {
          const batch = await source.read(transaction)
          return { ...batch, changes: batch.changes.filter((change) => !ignored?.includes(change.relation)) }
        },
      }),
  }
}

function oneBatchLate(): EngineOverrides {
  let late: readonly Change[] = []
  return batches((batch) => {
    if (batch.changes.length === 0) return batch
    const due = late
    late = batch.changes
    return { ...batch, changes: due }
  })
}

/** What commits between the first look at a table and the next batch is lost. */
function firstChangesLost(): EngineOverrides {
  const known = new Set<number>()
  let fresh = new Set<number>()
  return {
    source: (source) =>
      wrapped(source, {
        watch: async (watched) => {
          await source.watch(watched)
          for (const relation of watched.flatMap((table) => table.family)) {
            if (!known.has(relation)) fresh.add(relation)
            known.add(relation)
          }
        },
        read: async (transaction) => {
          const batch = await source.read(transaction)
          const lost = fresh
          if (batch.changes.length > 0) fresh = new Set()
          return { ...batch, changes: batch.changes.filter((change) => !lost.has(change.relation)) }
        },
      }),
  }
}

function withoutOneColumn(table: PlanTable): PlanTable {
  if (table.columns === 'all') return table
  return { ...table, columns: new Set([...table.columns].sort().slice(1)) }
}

/** As an analysis of the query's text would have it. */
function onlyNamedTables(plan: Plan): Plan {
  return { ...plan, tables: plan.tables.filter((table) => plan.sql.includes(table.name)) }
}
