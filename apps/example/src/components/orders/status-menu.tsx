'use client'

import { Button, Menu } from '@mantine/core'
import { IconCheck, IconChevronDown } from '@tabler/icons-react'
import { STATUS_LABELS, STATUSES } from '@/lib/status'
import type { OrderStatus } from '@/server/database'
import { StatusLabel } from './status-label'
import { useSetStatus } from './use-set-status'

export function StatusMenu({ order }: { order: { readonly id: number; readonly status: OrderStatus } }) {
  const setStatus = useSetStatus()
  return (
    <Menu position="bottom-end" width={200} shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          loading={setStatus.isPending}
          rightSection={<IconChevronDown size={16} aria-hidden />}
          aria-label={`Status: ${STATUS_LABELS[order.status]}. Change`}
        >
          <StatusLabel status={order.status} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Change to</Menu.Label>
        {STATUSES.map((status) => (
          <Menu.Item
            key={status}
            onClick={() => setStatus.mutate({ id: order.id, status })}
            rightSection={status === order.status ? <IconCheck size={16} aria-label="current" /> : undefined}
          >
            <StatusLabel status={status} />
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
