'use client'

import { Grid, SegmentedControl, Stack } from '@mantine/core'
import { useMemo } from 'react'
import { useUrlState } from '@/client/use-url-state'
import { useToday } from '@/client/use-today'
import { daysBefore } from '@/lib/days'
import { PageHeading } from '../page-heading'
import { BestProducts } from './best-products'
import { RevenueChart } from './revenue-chart'
import { StockAlarm } from './stock-alarm'
import { SummaryTiles } from './summary-tiles'

const PERIODS = [7, 30, 60] as const

export interface Period {
  readonly days: number
  readonly since: Date
  /** Where the equally long period before it begins. */
  readonly previous: Date
  readonly today: Date
}

export function Overview() {
  const [parameters, setParameters] = useUrlState()
  const today = useToday()
  const days = PERIODS.find((choice) => String(choice) === parameters.get('days')) ?? 30
  const period = useMemo<Period>(
    () => ({ days, today, since: daysBefore(today, days - 1), previous: daysBefore(today, 2 * days - 1) }),
    [days, today],
  )
  return (
    <>
      <PageHeading
        title="Overview"
        description="Every number follows the database"
        actions={
          <SegmentedControl
            aria-label="Period"
            data={PERIODS.map((choice) => ({ value: String(choice), label: `${choice} days` }))}
            value={String(days)}
            onChange={(value) => setParameters({ days: value === '30' ? null : value })}
          />
        }
      />
      <Stack gap="md">
        <SummaryTiles period={period} />
        <RevenueChart period={period} />
        <Grid gap="md">
          <Grid.Col span={{ base: 12, lg: 7 }}>
            <BestProducts period={period} />
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 5 }}>
            <StockAlarm />
          </Grid.Col>
        </Grid>
      </Stack>
    </>
  )
}
