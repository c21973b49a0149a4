'use client'

import { Card, SegmentedControl, TextInput } from '@mantine/core'
import { IconPackageOff, IconSearch } from '@tabler/icons-react'
import { useMemo } from 'react'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'
import { useUrlState } from '@/client/use-url-state'
import { formatInteger } from '@/lib/format'
import { Empty } from '../empty'
import { PageHeading } from '../page-heading'
import { ProductTable } from './product-table'
import classes from './products.module.css'

export function Products() {
  const trpc = useTRPC()
  const [parameters, setParameters] = useUrlState()
  const { data: rows } = useLive(trpc.products.list.subscriptionOptions())
  const search = parameters.get('q') ?? ''
  const short = parameters.get('stock') === 'short'
  // The whole catalogue is here anyway: narrowing it down needs no other query.
  const shown = useMemo(
    () =>
      rows?.filter(
        ({ name, sku, category, stock, reorder_level }) =>
          (!short || stock <= reorder_level) &&
          `${name} ${sku} ${category}`.toLowerCase().includes(search.trim().toLowerCase()),
      ),
    [rows, search, short],
  )
  return (
    <>
      <PageHeading
        title="Products"
        description={
          rows ? `${formatInteger(rows.length)} products. Click a price to change it.` : 'Loading the catalogue'
        }
      />
      <Card withBorder padding={0} component="section" aria-label="Products">
        <div className={classes['filters']}>
          <TextInput
            aria-label="Search products"
            placeholder="Name, SKU or category"
            leftSection={<IconSearch size={17} aria-hidden />}
            value={search}
            onChange={(event) => setParameters({ q: event.currentTarget.value }, 'replace')}
          />
          <SegmentedControl
            aria-label="Stock"
            data={[
              { value: 'all', label: 'All' },
              { value: 'short', label: 'Running short' },
            ]}
            value={short ? 'short' : 'all'}
            onChange={(value) => setParameters({ stock: value === 'short' ? 'short' : null })}
          />
        </div>
        {shown?.length === 0 ? (
          <Empty
            icon={IconPackageOff}
            title="No products here"
            hint="Nothing matches. Change the search, or show all."
          />
        ) : (
          <ProductTable products={shown} />
        )}
      </Card>
    </>
  )
}
