'use client'

import { BarChart } from '@mantine/charts'
import { Center, SegmentedControl, Skeleton, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'
import { formatCompactMoney, formatDay, formatWholeMoney } from '@/lib/format'
import { Panel } from '../panel'
import classes from './overview.module.css'
import type { Period } from './overview'
import { niceTicks } from './nice-ticks'
import { pivotByDay, type DayOfRevenue } from './pivot-by-day'
import { RevenueTable } from './revenue-table'

const COLORS = ['indigo.6', 'cyan.5', 'teal.5', 'yellow.5', 'orange.6', 'grape.5']
const HEIGHT = 280

/** Revenue by day and category: one aggregate over four tables, kept current. */
export function RevenueChart({ period }: { period: Period }) {
  const trpc = useTRPC()
  const [view, setView] = useState('chart')
  const { data: rows } = useLive(trpc.revenue.byDay.subscriptionOptions({ since: period.since }))
  const { categories, days } = useMemo(() => pivotByDay(rows ?? [], period), [rows, period])
  const ticks = useMemo(() => niceTicks(highest(days, categories)), [days, categories])
  const series = categories.map((name, index) => ({ name, color: COLORS[index % COLORS.length]! }))
  return (
    <Panel
      title="Revenue by day"
      description="By category, without cancelled orders. Days are UTC."
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Show revenue as"
          data={[
            { value: 'chart', label: 'Chart' },
            { value: 'table', label: 'Table' },
          ]}
          value={view}
          onChange={setView}
        />
      }
    >
      {rows === undefined ? (
        <Skeleton h={HEIGHT + 28} aria-label="Loading revenue" />
      ) : rows.length === 0 ? (
        <Center h={HEIGHT}>
          <Text c="dimmed">No orders in this period.</Text>
        </Center>
      ) : view === 'table' ? (
        <RevenueTable categories={categories} days={days} height={HEIGHT + 28} />
      ) : (
        <>
          <div className={classes['legend']} aria-hidden>
            {series.map(({ name, color }) => (
              <span key={name}>
                <i style={{ background: `var(--mantine-color-${color.replace('.', '-')})` }} />
                {name}
              </span>
            ))}
          </div>
          <BarChart
            h={HEIGHT}
            data={days}
            dataKey="day"
            type="stacked"
            series={series}
            valueFormatter={formatWholeMoney}
            tickLine="none"
            gridAxis="x"
            barChartProps={{ margin: { top: 10 } }}
            maxBarWidth={34}
            xAxisProps={{
              tickFormatter: formatDay,
              interval: 'equidistantPreserveStart',
              minTickGap: 24,
              tickMargin: 8,
            }}
            yAxisProps={{ tickFormatter: formatCompactMoney, width: 44, ticks, domain: [0, ticks.at(-1)!] }}
            barProps={{ isAnimationActive: false }}
            tooltipAnimationDuration={0}
            role="img"
            aria-label="Stacked bars: revenue for each day, by category. The table shows the same numbers."
          />
        </>
      )}
    </Panel>
  )
}

function highest(days: readonly DayOfRevenue[], categories: readonly string[]): number {
  return Math.max(0, ...days.map((day) => categories.reduce((sum, category) => sum + Number(day[category] ?? 0), 0)))
}
