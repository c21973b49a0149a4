import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { OrderDetail } from '@/components/orders/order-detail'

interface Props {
  params: Promise<{ id: string }>
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `Order ${(await params).id}` }
}

export default async function OrderPage({ params }: Props) {
  const { id } = await params
  if (!/^\d{1,9}$/.test(id)) notFound()
  return <OrderDetail id={Number(id)} />
}
