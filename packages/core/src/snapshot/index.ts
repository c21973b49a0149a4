/** What clients need as well: comparing snapshots, and applying patches. Nothing here needs Node. */
export { diffRows } from './diff.js'
export { applyPatch, rearrange, type Patch, type PatchStep } from './patch.js'
export { compareSnapshots, parseSnapshot, type ParsedSnapshot, type SnapshotOrder } from './token.js'
