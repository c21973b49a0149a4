/** The parts of a `TRPCClientError` that tell what a retry is good for; `shape` is missing if no tRPC server answered. */
interface ClientError {
  readonly shape?: { readonly code?: unknown } | null | undefined
  readonly data?: { readonly code?: unknown; readonly httpStatus?: unknown } | null | undefined
}

const BAD_REQUEST = -32600
const INTERNAL_SERVER_ERROR = -32603

/** What a server answers when an input does not fit its schema, ours with an announcement in it included. */
export function isBadRequest({ shape, data }: ClientError): boolean {
  return shape?.code === BAD_REQUEST || data?.code === 'BAD_REQUEST'
}

/** The server is in trouble, or something before it: another try may succeed. */
export function mayPass({ shape, data }: ClientError): boolean {
  if (!shape) return true
  return shape.code === INTERNAL_SERVER_ERROR || (typeof data?.httpStatus === 'number' && data.httpStatus >= 500)
}
