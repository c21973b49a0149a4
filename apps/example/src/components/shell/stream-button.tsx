'use client'

import { ActionIcon, Button, Tooltip } from '@mantine/core'
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useTRPC } from '@/client/trpc'
import { reportFailure } from '../report-failure'
import { useStreamState } from './use-stream-state'

/** Starts and stops the demo's customers. The button shows a live row: press it in one window and watch another. */
export function StreamButton() {
  const trpc = useTRPC()
  const { running, refetch } = useStreamState()
  const set = useMutation(trpc.stream.set.mutationOptions({ onError: reportFailure, onSuccess: refetch }))
  const label = running ? 'Stop orders' : 'Stream orders'
  const Symbol = running ? IconPlayerPause : IconPlayerPlay
  const shared = {
    variant: running ? 'filled' : 'default',
    onClick: () => set.mutate({ running: !running }),
    disabled: running === undefined,
    loading: set.isPending,
  }
  return (
    <>
      <Button {...shared} h={36} leftSection={<Symbol size={16} stroke={1.8} aria-hidden />} visibleFrom="md">
        {label}
      </Button>
      <Tooltip label={label}>
        <ActionIcon {...shared} size={36} aria-label={label} hiddenFrom="md">
          <Symbol size={18} stroke={1.8} />
        </ActionIcon>
      </Tooltip>
    </>
  )
}
