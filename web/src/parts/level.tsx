import { Badge } from '@mantine/core'

export const levelColours: Record<string, string> = {
  critical: 'red',
  high: 'orange',
  medium: 'yellow',
  low: 'blue',
  informational: 'gray',
}

export const Level = ({ level }: { level: string }) => (
  <Badge color={levelColours[level] ?? 'gray'} variant="light" miw="max-content">
    {level}
  </Badge>
)
