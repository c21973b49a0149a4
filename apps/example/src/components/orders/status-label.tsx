import { STATUS_COLORS, STATUS_LABELS } from '@/lib/status'
import type { OrderStatus } from '@/server/database'
import classes from './orders.module.css'

export function StatusLabel({ status }: { status: OrderStatus }) {
  return (
    <span className={classes['label']} data-status={status}>
      <i style={{ background: `var(--mantine-color-${STATUS_COLORS[status]}-6)` }} aria-hidden />
      {STATUS_LABELS[status]}
    </span>
  )
}
