import { Group, Text, ThemeIcon } from '@mantine/core'
import { IconBan, IconCheck } from '@tabler/icons-react'
import { STATUS_LABELS, STATUSES } from '@/lib/status'
import type { OrderStatus } from '@/server/database'
import classes from './orders.module.css'

const STEPS = STATUSES.filter((status) => status !== 'cancelled')

/** How far the order has come. */
export function OrderProgress({ status }: { status: OrderStatus }) {
  if (status === 'cancelled')
    return (
      <Group gap="sm">
        <ThemeIcon color="red" variant="light" radius="xl" aria-hidden>
          <IconBan size={18} />
        </ThemeIcon>
        <Text fw={600}>This order was cancelled.</Text>
      </Group>
    )
  const reached = STEPS.indexOf(status)
  return (
    <ol className={classes['progress']} aria-label="Progress" data-testid="progress" data-status={status}>
      {STEPS.map((step, index) => (
        <li
          key={step}
          data-state={index < reached ? 'done' : index === reached ? 'current' : 'ahead'}
          aria-current={index === reached ? 'step' : undefined}
        >
          <span className={classes['step']} aria-hidden>
            {index <= reached ? <IconCheck size={15} stroke={2.6} /> : index + 1}
          </span>
          <span>{STATUS_LABELS[step]}</span>
        </li>
      ))}
    </ol>
  )
}
