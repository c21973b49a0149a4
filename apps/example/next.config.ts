import type { NextConfig } from 'next'

const config: NextConfig = {
  // Loaded by Node itself, so that Next's handlers and the WebSocket server share one copy of each.
  serverExternalPackages: ['@pg-realtime/core', '@pg-realtime/trpc', 'kysely', 'pg'],
  typescript: { ignoreBuildErrors: true },
  experimental: { optimizePackageImports: ['@mantine/core', '@mantine/hooks', '@tabler/icons-react'] },
}

export default config
