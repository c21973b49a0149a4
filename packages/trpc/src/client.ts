export { createLiveStatus, type LiveStatusStore } from './internals/live-status.js'
export { liveLink, type LiveLinkOptions } from './internals/live-link.js'
export type { LiveLinkStatus, LiveStatusEvent } from './internals/link-status.js'
export type { DataTransformer, Transformer } from './internals/transformer.js'
