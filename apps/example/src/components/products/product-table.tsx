'use client'

import { Progress, Table, Text } from '@mantine/core'
import { useFlash } from '@/client/use-flash'
import { LoadingRows } from '../loading-rows'
import { PriceField } from './price-field'
import classes from './products.module.css'
import { RestockButton } from './restock-button'

export interface Product {
  readonly id: number
  readonly sku: string
  readonly name: string
  readonly price: string
  readonly stock: number
  readonly reorder_level: number
  readonly category: string
}

export function ProductTable({ products }: { products: readonly Product[] | undefined }) {
  return (
    <Table
      verticalSpacing={8}
      highlightOnHover
      className={classes['table'] ?? ''}
      aria-label="Products"
      aria-busy={products === undefined}
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Product</Table.Th>
          <Table.Th visibleFrom="sm">Category</Table.Th>
          <Table.Th className={classes['number'] ?? ''}>Price</Table.Th>
          <Table.Th>Stock</Table.Th>
          <Table.Th className={classes['number'] ?? ''}>
            <span className={classes['heading']}>Restock</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody data-testid="products">
        {products === undefined ? (
          <LoadingRows rows={12} columns={5} height={30} />
        ) : (
          products.map((product) => <ProductRow key={product.id} product={product} />)
        )}
      </Table.Tbody>
    </Table>
  )
}

function ProductRow({ product }: { product: Product }) {
  const flash = useFlash<HTMLTableRowElement>(product, false)
  return (
    <Table.Tr ref={flash} data-sku={product.sku}>
      <Table.Td>
        <Text size="sm" fw={500} lh={1.3} className={classes['name'] ?? ''}>
          {product.name}
        </Text>
        <Text size="xs" c="dimmed" lh={1.3}>
          {product.sku}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm">{product.category}</Text>
      </Table.Td>
      <Table.Td className={classes['number'] ?? ''}>
        <PriceField product={product} />
      </Table.Td>
      <Table.Td className={classes['stock'] ?? ''}>
        <StockLevel product={product} />
      </Table.Td>
      <Table.Td className={`${classes['number']} ${classes['restock']}`}>
        <RestockButton product={product} size="compact-sm" />
      </Table.Td>
    </Table.Tr>
  )
}

/** A full bar is five times the level at which to reorder. */
function StockLevel({ product }: { product: Product }) {
  const { stock, reorder_level: level } = product
  const isShort = stock <= level
  return (
    <>
      <Text size="sm" lh={1.3} {...(isShort && { fw: 600 })} data-testid="stock">
        {stock === 0 ? 'None left' : stock}
        {isShort && stock > 0 && ' · short'}
      </Text>
      <Progress
        mt={4}
        size={5}
        value={Math.min(100, (100 * stock) / (5 * level))}
        color={isShort ? 'red' : 'teal'}
        aria-label={`Stock of ${product.name}`}
      />
    </>
  )
}
