'use client'

import { ActionIcon, Button, Group, Modal, NumberInput, Select, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDebouncedValue } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { skipToken, useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'
import { formatMoney } from '@/lib/format'
import { reportFailure } from '../report-failure'

interface Line {
  productId: string | null
  quantity: number
}

const EMPTY_LINE: Line = { productId: null, quantity: 1 }

export function NewOrder({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal.Root opened={opened} onClose={onClose} size="lg">
      <Modal.Overlay />
      <Modal.Content>
        {/* Without a role it would be a second banner of the page. */}
        <Modal.Header role="none">
          <Modal.Title>New order</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Modal.Header>
        <Modal.Body>
          <NewOrderForm onDone={onClose} />
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}

function NewOrderForm({ onDone }: { onDone: () => void }) {
  const trpc = useTRPC()
  // Live here too: the stock that the form offers is the stock that there is.
  const { data: products = [] } = useLive(trpc.products.list.subscriptionOptions())
  const form = useForm({
    initialValues: { customerId: null as string | null, lines: [EMPTY_LINE] },
    validate: {
      customerId: (value) => (value === null ? 'Who is it for?' : null),
      lines: { productId: (value) => (value === null ? 'Choose a product' : null) },
    },
  })
  const create = useMutation(
    trpc.orders.create.mutationOptions({
      onError: reportFailure,
      onSuccess: ({ id }) => {
        notifications.show({
          color: 'teal',
          title: `Order #${id} placed`,
          message: 'Every open window has it already.',
        })
        onDone()
      },
    }),
  )
  const total = form.values.lines.reduce((sum, { productId, quantity }) => {
    const product = products.find(({ id }) => String(id) === productId)
    return sum + quantity * Number(product?.price ?? 0)
  }, 0)
  return (
    <form
      onSubmit={form.onSubmit(({ customerId, lines }) =>
        create.mutate({
          customerId: Number(customerId),
          lines: lines.map(({ productId, quantity }) => ({ productId: Number(productId), quantity })),
        }),
      )}
    >
      <Stack gap="md">
        <CustomerField {...form.getInputProps('customerId')} />
        {form.values.lines.map((line, index) => (
          <Group key={index} align="flex-end" gap="sm">
            <Select
              label={`Product ${index + 1}`}
              placeholder="Search products"
              searchable
              flex="1 1 260px"
              data={products.map(({ id, name, price, stock }) => ({
                value: String(id),
                label: `${name} · ${formatMoney(price)} · ${stock} in stock`,
                disabled: stock === 0,
              }))}
              {...form.getInputProps(`lines.${index}.productId`)}
            />
            <NumberInput
              label="Quantity"
              min={1}
              max={99}
              allowDecimal={false}
              clampBehavior="strict"
              w={96}
              {...form.getInputProps(`lines.${index}.quantity`)}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size={36}
              disabled={form.values.lines.length === 1}
              onClick={() => form.removeListItem('lines', index)}
              aria-label={`Remove product ${index + 1}`}
            >
              <IconTrash size={18} stroke={1.7} />
            </ActionIcon>
          </Group>
        ))}
        <Button
          variant="subtle"
          w="fit-content"
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => form.insertListItem('lines', { ...EMPTY_LINE })}
        >
          Another product
        </Button>
        <Group justify="space-between">
          <Text fw={600}>Total {formatMoney(total)}</Text>
          <Button type="submit" loading={create.isPending}>
            Place order
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

interface CustomerFieldProps {
  readonly value?: string | null
  readonly onChange?: (value: string | null) => void
  readonly error?: React.ReactNode
}

/** Thousands of customers: the server searches. */
function CustomerField({ value = null, onChange, error }: CustomerFieldProps) {
  const trpc = useTRPC()
  const [search, setSearch] = useState('')
  const [term] = useDebouncedValue(search, 200)
  const { data: found = [], isFetching } = useQuery({
    ...trpc.orders.customers.queryOptions(term.length <= 80 ? { search: term.replace(/ · .*$/, '') } : skipToken),
    placeholderData: (previous) => previous,
  })
  return (
    <Select
      label="Customer"
      placeholder="Type a name"
      searchable
      searchValue={search}
      onSearchChange={setSearch}
      filter={({ options }) => options}
      nothingFoundMessage={isFetching ? 'Searching…' : 'Nobody of that name'}
      data={found.map(({ id, name, city }) => ({ value: String(id), label: `${name} · ${city}` }))}
      value={value}
      onChange={(next) => onChange?.(next)}
      error={error}
    />
  )
}
