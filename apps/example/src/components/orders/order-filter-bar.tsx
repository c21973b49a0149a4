'use client'

import { Button, CloseButton, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTRPC } from '@/client/trpc'
import classes from './orders.module.css'
import { PERIODS, SORTS, type OrderFilters } from './use-order-filters'

export function OrderFilterBar({ filters }: { filters: OrderFilters }) {
  const trpc = useTRPC()
  const { data: categories = [] } = useQuery(trpc.products.categories.queryOptions())
  return (
    <div className={classes['filters']}>
      <SearchField key={filters.search === '' ? 'empty' : 'filled'} filters={filters} />
      <Select
        aria-label="Category"
        placeholder="Any category"
        clearable
        data={categories.map(({ id, name }) => ({ value: String(id), label: name }))}
        value={filters.category === undefined ? null : String(filters.category)}
        onChange={(value) => filters.set({ category: value })}
      />
      <Select
        aria-label="Period"
        placeholder="Any time"
        clearable
        data={PERIODS}
        value={filters.days}
        onChange={(value) => filters.set({ days: value })}
      />
      <Select
        aria-label="Order of rows"
        allowDeselect={false}
        data={SORTS}
        value={filters.sort}
        onChange={(value) => filters.set({ sort: value === 'newest' ? null : value })}
      />
      {filters.isFiltered && (
        <Button variant="subtle" color="gray" onClick={() => filters.set({ q: null, category: null, days: null })}>
          Clear
        </Button>
      )}
    </div>
  )
}

/** Typing is immediate in the field, and reaches the address (and with it the query) when it pauses. */
function SearchField({ filters }: { filters: OrderFilters }) {
  const [text, setText] = useState(filters.search)
  const publish = useDebouncedCallback((value: string) => filters.set({ q: value }, 'replace'), 250)
  const change = (value: string) => {
    setText(value)
    publish(value)
  }
  return (
    <TextInput
      className={classes['search'] ?? ''}
      aria-label="Search orders"
      placeholder="Customer, city or #number"
      maxLength={80}
      leftSection={<IconSearch size={17} aria-hidden />}
      rightSection={text !== '' && <CloseButton size="sm" aria-label="Clear the search" onClick={() => change('')} />}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
    />
  )
}
