import { activityRouter } from './routers/activity'
import { ordersRouter } from './routers/orders'
import { productsRouter } from './routers/products'
import { revenueRouter } from './routers/revenue'
import { streamRouter } from './routers/stream'
import { router } from './trpc'

export const appRouter = router({
  activity: activityRouter,
  orders: ordersRouter,
  products: productsRouter,
  revenue: revenueRouter,
  stream: streamRouter,
})

export type AppRouter = typeof appRouter
