import { Avatar, Group, Stack, Text } from '@mantine/core'
import { IconMail, IconMapPin } from '@tabler/icons-react'
import { Panel } from '../panel'

interface OrderCustomerProps {
  readonly order: { readonly customer: string; readonly email: string; readonly city: string }
}

export function OrderCustomer({ order }: OrderCustomerProps) {
  return (
    <Panel title="Customer">
      <Stack gap="sm">
        <Group gap="sm" wrap="nowrap">
          <Avatar name={order.customer} variant="default" aria-hidden />
          <Text fw={600}>{order.customer}</Text>
        </Group>
        <Group gap={8} wrap="nowrap" c="dimmed">
          <IconMail size={17} stroke={1.7} aria-hidden />
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {order.email}
          </Text>
        </Group>
        <Group gap={8} wrap="nowrap" c="dimmed">
          <IconMapPin size={17} stroke={1.7} aria-hidden />
          <Text size="sm">{order.city}</Text>
        </Group>
      </Stack>
    </Panel>
  )
}
