import type { OrderStatus } from '@/server/database'

/** In the order in which an order passes through them; `cancelled` stands beside. */
export const STATUSES: readonly OrderStatus[] = ['pending', 'paid', 'packed', 'shipped', 'delivered', 'cancelled']

export const STATUS_LABELS: Readonly<Record<OrderStatus, string>> = {
  pending: 'Pending',
  paid: 'Paid',
  packed: 'Packed',
  shipped: 'Shipped',
  delivered: 'Delivered',
  cancelled: 'Cancelled',
}

export const STATUS_COLORS: Readonly<Record<OrderStatus, string>> = {
  pending: 'yellow',
  paid: 'blue',
  packed: 'grape',
  shipped: 'cyan',
  delivered: 'teal',
  cancelled: 'red',
}

/** What one press on the order's button does next. */
export const NEXT_STEP: Readonly<Partial<Record<OrderStatus, { status: OrderStatus; label: string }>>> = {
  pending: { status: 'paid', label: 'Mark paid' },
  paid: { status: 'packed', label: 'Pack' },
  packed: { status: 'shipped', label: 'Ship' },
  shipped: { status: 'delivered', label: 'Deliver' },
}

export function isOrderStatus(value: string | null): value is OrderStatus {
  return STATUSES.includes(value as OrderStatus)
}
