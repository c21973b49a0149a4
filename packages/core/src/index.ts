export type { SnapshotToken } from './change.js'
export * from './errors.js'
export type {
  EngineStatus,
  Explanation,
  LiveInput,
  LiveOptions,
  LiveQuery,
  LiveState,
  LiveStatus,
  Realtime,
  RealtimeOptions,
  RefreshEvent,
  RefreshReason,
  RouteExplanation,
  Scope,
  Update,
} from './live/contract.js'
export { createRealtime } from './realtime.js'
export { applyPatch, type Patch, type PatchStep } from './snapshot/patch.js'
export {
  result,
  type ChangeEvent,
  type RefreshContext,
  type RefreshDecision,
  type RefreshFunction,
  type RefreshMap,
  type RefreshOption,
  type ResultReference,
} from './route/refresh-option.js'
