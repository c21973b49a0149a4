import type { Metadata } from 'next'
import { Overview } from '@/components/overview/overview'
import { findOrganisation } from '@/server/organisations'

interface Props {
  params: Promise<{ org: string }>
}

/** The template of this segment's layout holds for the segments below it, so the title says it all itself. */
export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const organisation = await findOrganisation((await params).org)
  return { title: { absolute: `Overview · ${organisation?.name ?? 'Operations board'}` } }
}

export default function OverviewPage() {
  return <Overview />
}
