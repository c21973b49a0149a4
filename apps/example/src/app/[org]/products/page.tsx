import type { Metadata } from 'next'
import { Products } from '@/components/products/products'

export const metadata: Metadata = { title: 'Products' }

export default function ProductsPage() {
  return <Products />
}
