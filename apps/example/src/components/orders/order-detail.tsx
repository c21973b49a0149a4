'use client'

import { Anchor, Card, Grid, Skeleton, Stack, Text } from '@mantine/core'
import { IconArrowLeft, IconReceiptOff } from '@tabler/icons-react'
import Link from 'next/link'
import { useSession } from '@/client/session'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'
import { formatDateAndTime } from '@/lib/format'
import { Empty } from '../empty'
import { PageHeading } from '../page-heading'
import { OrderCustomer } from './order-customer'
import { OrderItems } from './order-items'
import { OrderProgress } from './order-progress'
import { StatusMenu } from './status-menu'

export function OrderDetail({ id }: { id: number }) {
  const trpc = useTRPC()
  const { organisation } = useSession()
  const { data: rows } = useLive(trpc.orders.byId.subscriptionOptions({ id }))
  const items = useLive(trpc.orders.items.subscriptionOptions({ id }))
  const order = rows?.[0]
  return (
    <Stack gap="md">
      <Anchor component={Link} href={`/${organisation.slug}/orders`} size="sm" w="fit-content" display="flex">
        <IconArrowLeft size={17} style={{ marginRight: 6, alignSelf: 'center' }} aria-hidden />
        All orders
      </Anchor>
      {rows?.length === 0 ? (
        <>
          <PageHeading title={`Order #${id}`} />
          <Card withBorder>
            <Empty
              icon={IconReceiptOff}
              title={`No order #${id} in ${organisation.name}`}
              hint="If it belongs to another organisation, row level security keeps it there: the same query finds nothing here."
            />
          </Card>
        </>
      ) : (
        <>
          <PageHeading
            title={`Order #${id}`}
            description={order ? `Placed ${formatDateAndTime(order.placed_at)}` : <Skeleton h={16} w={180} />}
            actions={order && <StatusMenu order={order} />}
          />
          <Card withBorder padding="lg">
            {order ? <OrderProgress status={order.status} /> : <Skeleton h={54} aria-label="Loading the order" />}
          </Card>
          <Grid gap="md">
            <Grid.Col span={{ base: 12, lg: 8 }}>
              <OrderItems items={items.data} total={order?.total} />
            </Grid.Col>
            <Grid.Col span={{ base: 12, lg: 4 }}>
              {order ? <OrderCustomer order={order} /> : <Skeleton h={150} radius="md" />}
            </Grid.Col>
          </Grid>
          <Text size="xs" c="dimmed">
            Change this order in another window, or with any SQL client: it follows here.
          </Text>
        </>
      )}
    </Stack>
  )
}
