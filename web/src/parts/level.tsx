import { Badge } from '@mantine/core'

const colours: Record<string, string> = {
  critical: 'red',
  high: 'orange',
  medium: 'yellow',
  low: 'blue',
  informational: 'gray',
}

export const Level = ({ level }: { level: string }) => (
  <Badge color={colours[level] ?? 'gray'} variant="light">
    {level}
  </Badge>
)
